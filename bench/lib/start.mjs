// From the start of the process to the first answered RPC, and what the Wasm has in that.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Runtime } from "./runtime.mjs";
import { quantile, summary } from "./statistics.mjs";
import { cpuMicros, peakMemory } from "./usage.mjs";

/**
 * @param {{ contender: import("./contenders.mjs").Contender, config: string }[]} rigs
 * @param {{ starts: number, progress: (text: string) => void }} options
 */
export async function measureStart(rigs, { starts, progress }) {
  const rows = rigs.map(({ contender, config }) => ({ contender, config, wall: [], cpu: [], memory: [] }));
  for (let i = -1; i < starts; i++) {
    for (const row of rows) {
      const begin = performance.now();
      const runtime = new Runtime(row.config);
      try {
        await runtime.listening;
        await runtime.run();
        const wall = performance.now() - begin;
        if (i < 0) continue; // its files were not in the page cache yet
        row.wall.push(wall);
        row.cpu.push(cpuMicros(runtime.process.pid) / 1000);
        row.memory.push(peakMemory(runtime.process.pid));
      } finally {
        await runtime.stop();
      }
    }
  }
  progress(`start: ${rows.length} contenders, ${starts} starts`);
  const base = rows.find(({ contender }) => contender.name === "typescript") ?? rows[0];
  return Object.fromEntries(
    rows.map(({ contender, wall, cpu, memory }) => [
      contender.name,
      {
        wall_ms: summary(wall),
        // On a busy machine waiting adds to most starts, and to the fastest quarter the least.
        wall_ms_first_quartile: quantile(wall, 0.25),
        wall_ms_over_typescript: quantile(wall, 0.25) - quantile(base.wall, 0.25),
        cpu_ms: summary(cpu),
        cpu_ms_over_typescript: summary(cpu.map((ms, i) => ms - base.cpu[i])).median,
        peak_memory_bytes: summary(memory).median,
      },
    ]),
  );
}

/**
 * V8's compilation and instantiation of a Wasm module, each time in a fresh Node process: V8 keeps
 * compiled modules for as long as the process lives.
 *
 * @param {string} file
 * @param {number} times
 */
export function measureWasm(file, times) {
  const rows = Array.from({ length: times }, () =>
    JSON.parse(execFileSync(process.execPath, [fileURLToPath(import.meta.url), file], { encoding: "utf8" })),
  );
  const of = (key) => summary(rows.map((row) => row[key]));
  return { compile_ms: of("compile"), instantiate_ms: of("instantiate"), v8: process.versions.v8 };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const bytes = readFileSync(process.argv[2]);
  const begin = performance.now();
  const module = new WebAssembly.Module(bytes);
  const compiled = performance.now();
  const imports = {};
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    (imports[from] ??= {})[name] = kind === "tag" ? new WebAssembly.Tag({ parameters: ["externref"] }) : () => {};
  }
  new WebAssembly.Instance(module, imports);
  const instantiated = performance.now();
  console.log(JSON.stringify({ compile: compiled - begin, instantiate: instantiated - compiled }));
}
