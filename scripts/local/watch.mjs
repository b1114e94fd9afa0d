// Detects that a part of `make dev` no longer works, and says why.

import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const PAUSE_MS = 2_000;
const TIMEOUT_MS = 5_000;
const MOST_FAILURES = 3;

/**
 * Requests `url` at intervals, and resolves with the reason when it has not answered several times
 * in a row.
 *
 * @param {string} url
 * @param {{ busy?: () => boolean }} [options] a missing answer does not count while `busy`
 */
export async function stopsAnswering(url, { busy = () => false } = {}) {
  for (let failures = 0; ; await sleep(PAUSE_MS)) {
    try {
      const response = await fetch(url, { method: "HEAD", signal: AbortSignal.timeout(TIMEOUT_MS) });
      if (response.status >= 500) throw new Error(`status ${response.status}`);
      failures = 0;
    } catch (error) {
      failures = busy() ? 0 : failures + 1;
      const reason = error.name === "TimeoutError" ? `no answer within ${TIMEOUT_MS / 1000} s` : (error.cause?.message ?? error.message);
      if (failures === MOST_FAILURES) return `${reason}, ${MOST_FAILURES} times in a row`;
    }
  }
}

/**
 * Resolves when `file`, which set-up writes, is gone: running `npm` in the clone removes running
 * programs from node_modules.
 */
export async function goes(file) {
  while (existsSync(file)) await sleep(PAUSE_MS);
}

/** `wrangler dev` answers nothing while it builds. @param {{ lines: { text: string }[] }} child */
export function isBuilding(child) {
  const last = child.lines.findLast(({ text }) => BUILDS.test(text) || BUILT.test(text));
  return last !== undefined && BUILDS.test(last.text);
}

const BUILDS = /restarting build|Running: node scripts/;
const BUILT = /Local server updated|Ready on|failed|ERROR/;
