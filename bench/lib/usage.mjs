// What a process has used so far, from /proc.

import { readFileSync, readdirSync } from "node:fs";

/**
 * CPU time of all threads, user and system, in µs.
 *
 * schedstat counts nanoseconds where stat counts ticks of 10 ms. A thread that has ended is gone
 * from it; workerd's threads live as long as workerd.
 *
 * @param {number} pid
 */
export function cpuMicros(pid) {
  let nanoseconds = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]);
  }
  return nanoseconds / 1000;
}

/**
 * The most memory that was resident at one time, in bytes.
 *
 * @param {number} pid
 */
export function peakMemory(pid) {
  return 1024 * Number(/^VmHWM:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]);
}

export function checkPlatform() {
  try {
    cpuMicros(process.pid);
  } catch {
    throw new Error("expected Linux with /proc/PID/task/TID/schedstat: CPU time cannot be measured here otherwise");
  }
}
