// What a client costs a request: CPU time of the whole workerd process, for requests with one incr
// and one observe, at some requests per second in one isolate.
//
//   make bench ARGS=--clients    [--quick] [--rounds N] [--rates 1,10,100,1000] [--json FILE]
//
// A Worker in TypeScript and one in Rust, each in four ways. none: without metrics. rpc: one RPC a
// request that does nothing. request, isolate: the client in its two scopes. Of the rounds the
// cheapest counts: what else the machine does only adds.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Agent, get } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { rustWorker } from "../../tests/clients/build.mjs";
import { ROOT } from "../../tests/harness/paths.mjs";
import { Runtime, writeConfig } from "../lib/runtime.mjs";
import { checkPlatform, cpuMicros } from "../lib/usage.mjs";

const WAYS = ["none", "rpc", "request", "isolate"];
const { values: options } = parseArgs({
  options: {
    clients: { type: "boolean" },
    quick: { type: "boolean", default: false },
    rounds: { type: "string" },
    rates: { type: "string", default: "1000" },
    json: { type: "string" },
  },
});
const rounds = Number(options.rounds ?? (options.quick ? 1 : 5));
const rates = options.rates.split(",").map(Number);
// An isolate that serves a thousand requests a second is warm within a minute.
const warmSeconds = options.quick ? 1 : 6;
const here = dirname(fileURLToPath(import.meta.url));
const directory = mkdtempSync(join(tmpdir(), "metrics-bench-"));
const agent = new Agent({ keepAlive: true, maxSockets: 16 });
const runtimes = [];
try {
  checkPlatform();
  const callers = [await start("TypeScript", await typescript()), await start("Rust", await rust())];
  const turns = callers.flatMap((caller) => WAYS.map((way) => ({ caller, way })));
  const result = [];
  for (const { caller, way } of turns) await load(caller, way, 2000, warmSeconds);
  for (const rate of rates) {
    const seconds = Math.min(20, Math.max(3, 100 / rate));
    for (const { caller, way } of turns) caller.measured[way] = [];
    // All take turns, so that what else the machine does hits all of them.
    for (let round = 0; round < rounds; round++) {
      for (const { caller, way } of turns) caller.measured[way].push(await load(caller, way, rate, seconds));
    }
    for (const { name, measured } of callers) {
      result.push({ rate, client: name, micros: { ...measured } });
      console.log(line(rate, name, measured));
    }
  }
  for (const { name, runtime } of callers) {
    const { calls, recorded, folded, taken } = await (await fetch(new URL("/account", runtime.url))).json();
    console.log(`${name}, scope isolate: ${calls} calls for ${recorded} samples, of which ${folded + taken} arrived`);
  }
  if (options.json) writeFileSync(options.json, `${JSON.stringify(result, null, 2)}\n`);
} finally {
  agent.destroy();
  await Promise.all(runtimes.map((runtime) => runtime.stop()));
  rmSync(directory, { recursive: true, force: true });
}

/** Builds the reporter's stand-in, and the caller. Returns the caller's modules. */
async function typescript() {
  await build({
    entryPoints: { caller: join(here, "caller.ts"), reporter: join(here, "reporter.ts") },
    outdir: directory,
    bundle: true,
    format: "esm",
    target: "es2024",
    alias: { "metrics-reporter-client": join(ROOT, "clients/typescript/src/index.ts") },
    external: ["cloudflare:workers"],
  });
  return ["caller.js"];
}

async function rust() {
  const modules = await rustWorker("bench-caller", 'import { fetch } from "./glue.js";\nexport default { fetch };\n', { release: true });
  for (const { name, content } of modules) writeFileSync(join(directory, name), content);
  return modules.map(({ name }) => name);
}

async function start(name, caller) {
  const config = { name, directory, modules: ["reporter.js"], caller, vars: {}, gateway: "127.0.0.1:9" };
  const runtime = new Runtime(writeConfig(config));
  runtimes.push(runtime);
  await runtime.listening;
  return { name, runtime, measured: {} };
}

/** Sends so many requests a second for so long; resolves to the µs of CPU time per request. */
async function load({ runtime }, way, rate, seconds) {
  const total = rate * seconds;
  const before = cpuMicros(runtime.process.pid);
  const began = performance.now();
  const answers = [];
  for (let sent = 0; sent < total; ) {
    const due = Math.min(total, Math.floor(((performance.now() - began) / 1000) * rate) + 1);
    for (; sent < due; sent++) answers.push(request(new URL(way, runtime.url)));
    await sleep(Math.min(1000 / rate, 2));
  }
  await Promise.all(answers);
  // What was recorded last leaves within a second, and is part of the cost.
  await sleep(1_300);
  return (cpuMicros(runtime.process.pid) - before) / total;
}

function request(url) {
  return new Promise((resolve, reject) => {
    get(url, { agent }, (response) => {
      if (response.statusCode !== 200) reject(new Error(`${url} answered ${response.statusCode}`));
      response.resume().on("end", resolve);
    }).on("error", reject);
  });
}

/** The cheapest round of each way. The dearest round without metrics tells how quiet the machine was. */
function line(rate, name, measured) {
  const [none, rpc, request, isolate] = WAYS.map((way) => Math.min(...measured[way]));
  const on = (micros) => `${(micros - none).toFixed(1)} µs (${((micros - none) / (rpc - none)).toFixed(2)} × the rpc)`;
  const most = Math.max(...measured.none).toFixed(1);
  return `${name}, ${rate} a second: none ${none.toFixed(1)} to ${most} µs; on top: rpc ${(rpc - none).toFixed(1)} µs, request ${on(request)}, isolate ${on(isolate)}`;
}
