// Measures this Worker beside a no-op, a TypeScript Worker and a connect-web Worker.
//
//   make bench                          all of it, some minutes, and then the clients
//   make bench ARGS=--quick             a smoke run of both: few rounds, no numbers to rely on
//   make bench ARGS="--only incr,push"  some operations
//   make bench ARGS="--against DIR"     also another build of the Worker; may be repeated
//   make bench ARGS=--docs              also writes the tables and the picture into docs/
//
// --rounds N, --starts N, --contenders floor,ours, --json FILE (target/bench/result.json),
// --no-calls, --no-curve, --no-start.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, release, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { ROOT, workerdBinary } from "../tests/harness/paths.mjs";
import { OPERATIONS, measureCalls } from "./lib/calls.mjs";
import { CONTENDERS, build, gzipSize, other } from "./lib/contenders.mjs";
import { VARS, measureCurve } from "./lib/curve.mjs";
import { fill, text } from "./lib/report.mjs";
import { Runtime, writeConfig } from "./lib/runtime.mjs";
import { measureStart, measureWasm } from "./lib/start.mjs";
import { draw } from "./lib/svg.mjs";
import { Upstream } from "./lib/upstream.mjs";
import { checkPlatform, peakMemory } from "./lib/usage.mjs";

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    docs: { type: "boolean", default: false },
    rounds: { type: "string" },
    starts: { type: "string" },
    json: { type: "string", default: join(ROOT, "target/bench/result.json") },
    only: { type: "string" },
    contenders: { type: "string" },
    "no-calls": { type: "boolean", default: false },
    against: { type: "string", multiple: true, default: [] },
    "no-curve": { type: "boolean", default: false },
    "no-start": { type: "boolean", default: false },
  },
});
const rounds = Number(options.rounds ?? (options.quick ? 2 : 31));
const starts = Number(options.starts ?? (options.quick ? 2 : 21));
const scale = options.quick ? 0.1 : 1;
const progress = (line) => console.error(`    ${line}`);

const directory = mkdtempSync(join(tmpdir(), "metrics-bench-"));
const runtimes = [];
const upstreams = [];
try {
  await main();
} finally {
  await Promise.all(runtimes.map((runtime) => runtime.stop()));
  for (const upstream of upstreams) upstream.close();
  rmSync(directory, { recursive: true, force: true });
}

async function main() {
  checkPlatform();
  const chosen = (list, names, key) => (names ? list.filter((item) => names.split(",").includes(item[key])) : list);
  const operations = options["no-calls"] ? [] : chosen(OPERATIONS, options.only, "kind");
  const contenders = [...chosen(CONTENDERS, options.contenders, "name"), ...options.against.map(other)];
  const rigs = [];
  for (const contender of contenders) {
    const built = build(contender, directory);
    const upstream = await openUpstream();
    const config = writeConfig({ name: "bench", ...built, vars: contender.vars ?? {}, gateway: upstream.address });
    rigs.push({ contender, built, upstream, config });
  }

  const result = {
    machine: machine(),
    operations: operations.map(({ kind, title }) => ({ kind, title })),
    titles: Object.fromEntries(contenders.map(({ name, title }) => [name, title])),
    size: Object.fromEntries(rigs.map(({ contender, built }) => [contender.name, gzipSize(built)])),
  };
  if (!options["no-start"]) {
    result.start = await measureStart(rigs, { starts, progress });
    const ours = rigs.find(({ contender }) => contender.name === "ours");
    if (ours) result.wasm = measureWasm(join(ours.built.directory, "index_bg.wasm"), starts);
  }
  for (const rig of rigs) rig.runtime = await start(rig.config);
  result.calls = Object.fromEntries(await measureCalls(rigs, operations, { rounds, scale, progress }));
  result.memory = Object.fromEntries(rigs.map(({ contender, runtime }) => [contender.name, peakMemory(runtime.process.pid)]));
  if (!options["no-curve"]) result.curve = await curve(rigs);

  mkdirSync(dirname(options.json), { recursive: true });
  writeFileSync(options.json, `${JSON.stringify(result, null, 2)}\n`);
  console.log(text(result));
  console.log(`CPU time of the whole workerd process (user and system), first quartile of ${rounds} rounds.`);
  if (options.docs) writeDocs(result);
}

async function curve(rigs) {
  const ours = rigs.find(({ contender }) => contender.name === "ours");
  const floor = rigs.find(({ contender }) => contender.name === "floor");
  const upstream = await openUpstream();
  const config = writeConfig({ name: "curve", ...ours.built, vars: VARS, gateway: upstream.address });
  return measureCurve(
    { floor: floor.runtime, ours: await start(config) },
    { rounds: Math.ceil(rounds / 3), scale, progress },
  );
}

async function start(config) {
  const runtime = new Runtime(config);
  runtimes.push(runtime);
  await runtime.listening;
  return runtime;
}

async function openUpstream() {
  const upstream = new Upstream();
  await upstream.listen();
  upstreams.push(upstream);
  return upstream;
}

function machine() {
  const lock = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8"));
  return {
    cpu: cpus()[0].model,
    cpus: cpus().length,
    kernel: release(),
    node: process.version,
    workerd: lock.packages["node_modules/workerd"].version,
    binary: workerdBinary().replace(/^.*node_modules\//, ""),
    rounds,
    starts,
  };
}

function writeDocs(result) {
  const page = join(ROOT, "docs/performance.md");
  writeFileSync(page, fill(readFileSync(page, "utf8"), result));
  writeFileSync(join(ROOT, "docs/performance.svg"), draw(result.curve));
  console.error("    docs/performance.md and docs/performance.svg are written");
}
