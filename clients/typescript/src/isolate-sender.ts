import { cover } from "./context.js";
import { textOf } from "./problem.js";
import { Sender } from "./sender.js";
import type { Series } from "./series.js";
import { warn } from "./warn.js";

// waitUntil ends 30 s after the response: what waited longer could be lost.
const MAX_DELAY_MS = 15_000;

/** What a leader has promised: to send under this lease when the timer ends. */
interface Promised {
  readonly lease: number;
  readonly timer: ReturnType<typeof setTimeout>;
  readonly settle: (sent: Promise<unknown> | undefined) => void;
}

/**
 * One request's part in sending what all requests of its isolate record.
 *
 * The request that finds no lease takes it: it waits for the interval and sends
 * what is there by then. Everyone else adds to the pool and returns.
 */
export class IsolateSender extends Sender {
  #leads = 0;
  // Only with a ctx, since then this object belongs to one request.
  #promise: Promised | undefined;

  protected override take(series: Series, value: number): void {
    if (!this.pool.add(series, value, this.settings.maxCalls)) {
      this.warnFull(series.name, `${this.settings.maxCalls} calls' worth of samples wait already (maxCalls)`);
    }
    this.#ensureLed();
  }

  protected override released(): void {
    if (!this.pool.batch.isEmpty) this.#ensureLed();
  }

  protected override send(): Promise<unknown> {
    const sent = super.send();
    this.#keep(sent);
    return sent;
  }

  /** Ends what this request has promised: nothing is left to wait for but `sent`. */
  #keep(sent: Promise<unknown> | undefined): void {
    if (this.#promise === undefined) return;
    const { lease, timer, settle } = this.#promise;
    this.#promise = undefined;
    clearTimeout(timer);
    this.pool.release(lease);
    settle(sent);
  }

  #ensureLed(): void {
    const now = Date.now();
    const delay = this.pool.batch.isFull ? 0 : this.#delay();
    if (!this.pool.isLed(now, delay)) this.#lead(now, delay);
  }

  // A request that stays open and leads again and again spreads its few calls over its life.
  #delay(): number {
    const { flushIntervalMs } = this.settings;
    if (this.isUnlimited || this.#leads === 0) return flushIntervalMs;
    return Math.min(Math.max(flushIntervalMs, 50) * 2 ** this.#leads, MAX_DELAY_MS);
  }

  #lead(now: number, delayMs: number): void {
    // The last call is kept for the end of the handler, which is sure to come or to end everything.
    if (!this.isUnlimited && this.callsLeft <= (this.held > 0 ? 1 : 0)) return;
    const lease = this.pool.lead(now + delayMs);
    let settle: Promised["settle"] = () => {};
    let timer: ReturnType<typeof setTimeout>;
    try {
      timer = setTimeout(() => settle(this.pool.release(lease) ? this.send() : undefined), delayMs);
    } catch {
      // Timers are refused outside a request. The next request takes the samples along.
      this.pool.release(lease);
      return;
    }
    this.#leads += 1;
    const sent = new Promise<unknown>((resolve) => (settle = resolve));
    this.#keep(undefined);
    if (this.ctx !== undefined) this.#promise = { lease, timer, settle };
    const problem = cover(this.ctx, sent);
    if (problem !== undefined) {
      // The next request replaces a leader that was cut off.
      warn("waitUntil", "waitUntil", `nothing keeps this request alive until its metrics are sent: ${textOf(problem)}`);
    }
  }
}
