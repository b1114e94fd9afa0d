// Measures the memory of a process over time.

import { execFileSync } from "node:child_process";

const MIB = 1024 * 1024;

/** The resident set of a process, in MiB. */
export function residentMib(pid) {
  const kib = Number(execFileSync("ps", ["-o", "rss=", "-p", String(pid)], { encoding: "utf8" }));
  if (!(kib > 0)) throw new Error(`no process ${pid}`);
  return (kib * 1024) / MIB;
}

/** Samples it every second. */
export function watchMemory(pid) {
  const samples = [];
  const timer = setInterval(() => samples.push(residentMib(pid)), 1_000);
  return {
    samples,
    stop() {
      clearInterval(timer);
      samples.push(residentMib(pid));
    },
  };
}

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

/**
 * Whether memory is flat: after a warm-up of half the run, the median of the last quarter is at
 * most 10 % and 8 MiB above that of the quarter before. A shorter run proves nothing.
 */
export function isFlat(samples) {
  const quarter = Math.floor(samples.length / 4);
  const before = median(samples.slice(-2 * quarter, -quarter));
  const last = median(samples.slice(-quarter));
  return { before, last, flat: last <= before * 1.1 + 8 };
}
