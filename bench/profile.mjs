// Says where the time of a call goes: in the runtime, in JavaScript or in Wasm.
//
//   make bench ARGS=--profile   with --docs also into docs/performance.md
//
// perf samples the stacks of a workerd whose V8 names what it compiled. Linux with perf only.

import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ROOT } from "../tests/harness/paths.mjs";
import { CONTENDERS, build } from "./lib/contenders.mjs";
import { put, table } from "./lib/report.mjs";
import { Runtime, writeConfig } from "./lib/runtime.mjs";
import { Upstream } from "./lib/upstream.mjs";

const { values: options } = parseArgs({
  options: { profile: { type: "boolean" }, docs: { type: "boolean", default: false } },
});

const ROWS = [
  { title: "`incr`", contender: "ours", kind: "incr", calls: 2000 },
  { title: "`incr`, `FLUSH_INTERVAL_MS=0`", contender: "unbuffered", kind: "incr", calls: 600 },
  { title: "`incr`, TypeScript with deadline, id and `waitUntil`", contender: "careful", kind: "incr", calls: 600 },
  { title: "`record` of 100 objects", contender: "ours", kind: "record", calls: 150 },
  { title: "`record` of 100, packed", contender: "ours", kind: "packed", calls: 150 },
  { title: "`push` of 100", contender: "ours", kind: "push", calls: 150 },
];

const RUNTIME = "runtime, kernel";
const V8 = "V8: garbage, compilation";
const CALLER = "caller";
const JAVASCRIPT = "the Worker's JavaScript";
const API = "what that calls in the runtime";
const WASM = "Wasm";
const PARTS = [RUNTIME, V8, CALLER, JAVASCRIPT, API, WASM];

// perf knows code by its address only: it must stay where it is, and what is interpreted needs one.
const V8_FLAGS = ["--perf-basic-prof", "--no-compact", "--interpreted-frames-native-stack", "--no-logfile-per-isolate", "--logfile=/dev/null"];

const WARM_UP = 8;
const SECONDS = 6;

const directory = mkdtempSync(join(tmpdir(), "metrics-profile-"));
try {
  const rows = [["part of the CPU time, %", ...PARTS]];
  for (const row of ROWS) {
    const parts = await profile(row);
    rows.push([row.title, ...PARTS.map((part) => (parts.get(part) ?? 0).toFixed(0))]);
    console.error(`    ${row.title}`);
  }
  console.log(table(rows));
  if (options.docs) {
    const page = join(ROOT, "docs/performance.md");
    writeFileSync(page, put(readFileSync(page, "utf8"), "profile", rows));
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}

async function profile({ contender: name, kind, calls }) {
  const contender = CONTENDERS.find((contender) => contender.name === name);
  const upstream = new Upstream();
  await upstream.listen();
  const built = build(contender, directory);
  const config = { name: "profile", ...built, vars: contender.vars ?? {}, gateway: upstream.address };
  const runtime = new Runtime(writeConfig({ ...config, v8Flags: V8_FLAGS }));
  const data = join(directory, "perf.data");
  try {
    await runtime.listening;
    const order = { kind, calls, flush: contender.flush === true };
    for (let i = 0; i < WARM_UP; i++) await runtime.run(order);
    const pid = String(runtime.process.pid);
    const perf = spawn("perf", ["record", "-q", "-e", "cpu-clock", "-F", "4000", "-g", "-p", pid, "-o", data], { stdio: "ignore" });
    const ended = new Promise((resolve, reject) => {
      perf.on("error", () => reject(new Error("expected perf on PATH, found none")));
      perf.on("exit", resolve);
    });
    const end = Date.now() + SECONDS * 1000;
    while (Date.now() < end && perf.exitCode === null) await Promise.race([runtime.run(order), ended]);
    perf.kill("SIGINT");
    await ended;
    // While the process is there: V8 writes its names into a file that goes with it.
    const stacks = execFileSync("perf", ["script", "-i", data, "-F", "comm,ip,sym"], { encoding: "utf8", maxBuffer: 1 << 30, stdio: ["ignore", "pipe", "ignore"] });
    return shares(stacks.split("\n\n"));
  } finally {
    await runtime.stop();
    upstream.close();
    rmSync(`/tmp/perf-${runtime.process.pid}.map`, { force: true });
  }
}

/** @returns {Map<string, number>} percent by part */
function shares(stacks) {
  const counts = new Map();
  let total = 0;
  for (const stack of stacks) {
    const [thread, ...frames] = stack.trim().split("\n");
    if (frames.length === 0) continue;
    const part = partOf(thread, frames.map((frame) => frame.trim().replace(/^[0-9a-f]+ /, "")));
    counts.set(part, (counts.get(part) ?? 0) + 1);
    total += 1;
  }
  if (total === 0) throw new Error("perf saw nothing");
  return new Map([...counts].map(([part, count]) => [part, (count / total) * 100]));
}

/** @param {string[]} frames the innermost first */
function partOf(thread, frames) {
  if (thread.startsWith("V8") || frames.some((frame) => /CollectGarbage|ExecuteCompilation|CompileLazy/.test(frame))) return V8;
  for (const [i, frame] of frames.entries()) {
    if (!frame.startsWith("JS:") || frame.startsWith("JS:wasm-to-js")) continue;
    if (/-(turbofan|liftoff)$/.test(frame)) return WASM;
    if (frame.includes(" caller.js:")) return CALLER;
    return frames.slice(0, i).some((inner) => /workerd/.test(inner)) ? API : JAVASCRIPT;
  }
  return RUNTIME;
}
