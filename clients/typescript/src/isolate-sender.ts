import { cover, type WaitUntilContext } from "./context.js";
import type { Pool } from "./pool.js";
import { textOf } from "./problem.js";
import type { ReporterBinding } from "./rpc.js";
import { Sender } from "./sender.js";
import type { Series } from "./series.js";
import type { SenderSettings } from "./settings.js";
import { warn } from "./warn.js";

// waitUntil ends 30 s after the response. Samples that wait longer could be lost.
const MAX_DELAY_MS = 15_000;

/** A leader's promise to send, under this lease, when the timer ends. */
interface Promised {
  readonly lease: number;
  readonly timer: ReturnType<typeof setTimeout>;
  readonly settle: (sent: Promise<unknown> | undefined) => void;
}

/**
 * One request's part in sending the samples of all requests of its isolate.
 *
 * A request that finds no lease takes it. It waits for the interval and then sends everything that
 * waits. All other requests only add to the pool.
 */
export class IsolateSender extends Sender {
  readonly #first: (sender: IsolateSender) => IsolateSender;
  #leads = 0;
  // Only set with a ctx: then this object belongs to one request.
  #promise: Promised | undefined;

  /** `first` returns the sender that makes the calls for this request. */
  constructor(
    binding: ReporterBinding,
    ctx: WaitUntilContext | undefined,
    settings: SenderSettings,
    pool: Pool,
    first: (sender: IsolateSender) => IsolateSender,
  ) {
    super(binding, ctx, settings, pool);
    this.#first = first;
  }

  override async flush(): Promise<void> {
    const first = this.#first(this);
    return first === this ? super.flush() : first.flush();
  }

  // A wrapped handler's ctx is written to in any case. Registering every sender lets all of them
  // know that the handler is running.
  override hold(): void {
    this.#first(this);
    super.hold();
  }

  // Without a ctx, the request is unknown, and its calls cannot be counted.
  protected override get isUnlimited(): boolean {
    return this.ctx === undefined || super.isUnlimited;
  }

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

  /** Ends this request's duty to wait: only `sent` remains to wait for. */
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
    if (this.pool.isLed(now, delay)) return;
    const first = this.#first(this);
    if (first === this) this.#lead(now, delay);
    else first.#ensureLed();
  }

  // A long request that leads repeatedly spreads its few calls over its life.
  #delay(): number {
    const { flushIntervalMs } = this.settings;
    if (this.#leads === 0 || this.isUnlimited) return flushIntervalMs;
    return Math.min(Math.max(flushIntervalMs, 50) * 2 ** this.#leads, MAX_DELAY_MS);
  }

  #lead(now: number, delayMs: number): void {
    // Keep the last call for the end of the handler, which always comes unless the request is
    // cancelled.
    if (!this.isUnlimited && this.callsLeft <= (this.held > 0 ? 1 : 0)) return;
    const lease = this.pool.lead(now + delayMs);
    let settle: Promised["settle"] = () => {};
    let timer: ReturnType<typeof setTimeout>;
    try {
      timer = setTimeout(() => settle(this.pool.release(lease) ? this.send() : undefined), delayMs);
    } catch {
      // The runtime refuses timers outside a request. The next request sends these samples.
      this.pool.release(lease);
      return;
    }
    this.#leads += 1;
    const sent = new Promise<unknown>((resolve) => (settle = resolve));
    this.#keep(undefined);
    if (this.ctx !== undefined) this.#promise = { lease, timer, settle };
    const problem = cover(this.ctx, sent);
    if (problem !== undefined) {
      // If this request was cancelled, the next one replaces it as leader.
      warn("waitUntil", "waitUntil", `nothing keeps this request alive until its metrics are sent: ${textOf(problem)}`);
    }
  }
}
