import { cover } from "./context.js";
import { textOf } from "./problem.js";
import { Sender } from "./sender.js";
import type { Series } from "./series.js";
import { warn } from "./warn.js";

// waitUntil ends 30 s after the response. A batch that waits longer could be lost.
const MAX_DELAY_MS = 15_000;
// The delay while a handler that reports its end is running.
const HELD_DELAY_MS = 10_000;
// The delay between the batches of a Durable Object, whose ctx outlives its requests.
const DURABLE_OBJECT_DELAY_MS = 1_000;
const MIN_BACKOFF_MS = 50;

/** Sends the samples of one request in few calls. It shares its pool with no other request. */
export class RequestSender extends Sender {
  #batches = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  // Settles the promise that ctx.waitUntil holds. It is set while samples wait.
  #cover: ((sent: Promise<unknown> | undefined) => void) | undefined;

  protected override take(series: Series, value: number): void {
    if (this.#cover === undefined && this.isUnlimited) this.callsLeft = this.settings.maxCalls;
    if (!this.pool.add(series, value, this.callsLeft)) {
      this.warnFull(
        series.name,
        `one request sends its metrics in at most ${this.settings.maxCalls} calls (maxCalls), and they are full or used up`,
      );
    }
    if (this.#cover === undefined && !this.pool.batch.isEmpty) this.#coverBatch();
  }

  protected override released(): void {
    // Not immediately, so that the response leaves before its metrics.
    if (this.held === 0 && this.#cover !== undefined) this.#schedule(0);
  }

  protected override send(): Promise<unknown> {
    this.#unschedule();
    const settle = this.#cover;
    this.#cover = undefined;
    if (!this.pool.batch.isEmpty) this.#batches += 1;
    const sent = super.send();
    settle?.(sent);
    return sent;
  }

  // Nothing signals the end of a request. A flush in a microtask would run at the first await, so a
  // handler with ten awaits would make ten calls. The batch therefore waits for a short time, or
  // for the end of a handler that reports it.
  #coverBatch(): void {
    const problem = cover(this.ctx, new Promise<unknown>((resolve) => (this.#cover = resolve)));
    if (problem !== undefined) {
      warn("waitUntil", "waitUntil", `nothing keeps this request alive until its metrics are sent: ${textOf(problem)}`);
    }
    // Keep the last call for the end of the handler, which always comes unless the request is
    // cancelled.
    if (this.held > 0 && this.callsLeft <= 1 && !this.isUnlimited) return;
    this.#schedule(this.#delay());
  }

  // Each batch of a request waits twice as long as the one before, so that a long request spreads
  // its few calls over its life.
  #delay(): number {
    const { flushAfterMs } = this.settings;
    if (this.isUnlimited) return Math.max(flushAfterMs, DURABLE_OBJECT_DELAY_MS);
    const first = this.held > 0 ? HELD_DELAY_MS : flushAfterMs;
    if (this.#batches === 0) return first;
    return Math.min(Math.max(first, MIN_BACKOFF_MS) * 2 ** this.#batches, MAX_DELAY_MS);
  }

  #schedule(delayMs: number): void {
    try {
      this.#unschedule();
      this.#timer = setTimeout(() => void this.send(), delayMs);
    } catch (error) {
      // The runtime refuses timers outside a request. The samples stay until the next sample or
      // flush() sends them.
      this.#cover?.(undefined);
      this.#cover = undefined;
      warn("timer", "timer", `no timer to send metrics with; was createMetrics called outside a request? ${textOf(error)}`);
    }
  }

  #unschedule(): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
