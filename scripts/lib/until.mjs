// Waits for a condition, with a deadline.

import { setTimeout as sleep } from "node:timers/promises";

/**
 * Resolves with the first truthy value of `condition`, which is called every few milliseconds. An
 * error from `condition` is passed on at once.
 *
 * @template T
 * @param {string} what completes the sentence "timed out waiting for …"
 * @param {() => T | Promise<T>} condition
 * @param {number} [timeoutMs]
 * @param {() => string} [details] called on a time-out, for the message
 * @returns {Promise<T>}
 */
export async function until(what, condition, timeoutMs = 60_000, details) {
  const deadline = Date.now() + timeoutMs;
  for (let pause = 5; ; pause = Math.min(pause * 1.5, 100)) {
    const value = await condition();
    if (value) return value;
    if (Date.now() >= deadline) {
      const more = details?.();
      throw new Error(`timed out after ${timeoutMs} ms waiting for ${what}${more ? `\n${more}` : ""}`);
    }
    await sleep(pause);
  }
}
