// What the TypeScript client costs a request: CPU time of the whole workerd process, for requests
// with one incr and one observe, at rising requests per second in one isolate.
//
//   node bench/clients/run.mjs [--rounds N] [--rates 1,10,100,1000] [--json FILE]
//
// none: a Worker without metrics. rpc: one RPC a request that does nothing. request, isolate: the
// client in its two scopes. Of the rounds the cheapest counts: what else the machine does only adds.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Agent, get } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { ROOT } from "../../tests/harness/paths.mjs";
import { Runtime, writeConfig } from "../lib/runtime.mjs";
import { checkPlatform, cpuMicros } from "../lib/usage.mjs";

const WAYS = ["none", "rpc", "request", "isolate"];
const { values: options } = parseArgs({
  options: { rounds: { type: "string", default: "5" }, rates: { type: "string", default: "1,10,100,1000" }, json: { type: "string" } },
});
const rounds = Number(options.rounds);
const rates = options.rates.split(",").map(Number);
const here = dirname(fileURLToPath(import.meta.url));
const directory = mkdtempSync(join(tmpdir(), "metrics-bench-"));
const agent = new Agent({ keepAlive: true, maxSockets: 16 });
let runtime;
try {
  checkPlatform();
  await build({
    entryPoints: { caller: join(here, "caller.ts"), reporter: join(here, "reporter.ts") },
    outdir: directory,
    bundle: true,
    format: "esm",
    target: "es2024",
    alias: { "metrics-reporter-client": join(ROOT, "clients/typescript/src/index.ts") },
    external: ["cloudflare:workers"],
  });
  const config = { name: "clients", directory, modules: ["reporter.js"], caller: ["caller.js"], vars: {}, gateway: "127.0.0.1:9" };
  runtime = new Runtime(writeConfig(config));
  const url = await runtime.listening;
  const result = [];
  // An isolate that serves a thousand requests a second is warm within a minute.
  for (const way of WAYS) await load(url, way, 2000, 6);
  for (const rate of rates) {
    const seconds = Math.min(20, Math.max(3, 100 / rate));
    const measured = Object.fromEntries(WAYS.map((way) => [way, []]));
    // The ways take turns, so that what else the machine does hits all of them.
    for (let round = 0; round < rounds; round++) {
      for (const way of WAYS) measured[way].push(await load(url, way, rate, seconds));
    }
    const micros = Object.fromEntries(WAYS.map((way) => [way, Math.min(...measured[way])]));
    result.push({ rate, micros });
    console.log(line(rate, micros));
  }
  const account = await (await fetch(new URL("/account", url))).json();
  console.log(`the scope isolate made ${account.calls} calls for ${account.recorded} samples: ${JSON.stringify(account)}`);
  if (options.json) writeFileSync(options.json, `${JSON.stringify(result, null, 2)}\n`);
} finally {
  agent.destroy();
  await runtime?.stop();
  rmSync(directory, { recursive: true, force: true });
}

/** Sends so many requests a second for so long; resolves to the µs of CPU time per request. */
async function load(url, way, rate, seconds) {
  const total = rate * seconds;
  const before = cpuMicros(runtime.process.pid);
  const began = performance.now();
  const answers = [];
  for (let sent = 0; sent < total; ) {
    const due = Math.min(total, Math.floor(((performance.now() - began) / 1000) * rate) + 1);
    for (; sent < due; sent++) answers.push(request(new URL(`/${way}`, url)));
    await sleep(Math.min(1000 / rate, 2));
  }
  await Promise.all(answers);
  // What was recorded last leaves within a second, and is part of the cost.
  await sleep(1_300);
  return (cpuMicros(runtime.process.pid) - before) / total;
}

function request(url) {
  return new Promise((resolve, reject) => {
    get(url, { agent }, (response) => response.resume().on("end", resolve)).on("error", reject);
  });
}

function line(rate, { none, rpc, request, isolate }) {
  const on = (micros) => `${(micros - none).toFixed(1)} µs`;
  const share = ((isolate - none) / (rpc - none)).toFixed(2);
  return `${rate} a second: none ${none.toFixed(1)} µs; on top: rpc ${on(rpc)}, request ${on(request)}, isolate ${on(isolate)} (${share} × the rpc)`;
}
