import { Batch, type Call } from "./batch.js";
import { pack, toSamples } from "./pack.js";
import { Problem, textOf } from "./problem.js";
import type { Series } from "./series.js";
import { warn } from "./warn.js";

/** The part of a request's context that is needed: `ExecutionContext`, `DurableObjectState`, Hono's `c.executionCtx`. */
export interface WaitUntilContext {
  /** Keeps the request alive, once its response is sent, until `promise` has settled. */
  waitUntil(promise: Promise<unknown>): void;
}

/** What may be handed in as the reporter's binding. */
export type ReporterBinding =
  // Service<MetricsReporter>, and doubles of it
  | { record(samples: any): PromiseLike<unknown> }
  // the untyped Service or Fetcher that `wrangler types` writes
  | { fetch(...args: any[]): PromiseLike<unknown> };

/**
 * What became of the samples of one request, so far.
 *
 * At every moment `recorded = folded + taken + refused + dropped + unknown + pending`.
 */
export interface Account {
  /** Calls of `incr` and `observe`, timers included. */
  recorded: number;
  /** Of those, added into a counter that was already waiting. */
  folded: number;
  /** Let in by the reporter, as it answered. */
  taken: number;
  /** Not let in by the reporter, as it answered; its log says why. */
  refused: number;
  /** Never sent: not a sample at all, or more than the calls of one request can carry. */
  dropped: number;
  /** Sent in a call that failed or did not answer in time: taken or not, nobody knows. */
  unknown: number;
  /** Waiting or on the way. */
  pending: number;
  /** Calls made to the reporter. */
  calls: number;
}

/** How samples are sent. */
export interface SenderSettings {
  packed: boolean;
  maxCalls: number;
  flushAfterMs: number;
  timeoutMs: number;
}

// waitUntil ends 30 s after the response: a batch that waited longer could be lost.
const MAX_DELAY_MS = 15_000;
// While a handler that is known to be running has not finished.
const HELD_DELAY_MS = 10_000;
// Between the batches of a Durable Object, whose ctx outlives its requests.
const SHARED_DELAY_MS = 1_000;
const MIN_BACKOFF_MS = 50;

type Answer = { value: unknown } | { error: unknown } | "timeout";

/** Collects the samples of one ctx and sends them, few calls at a time; never throws and never rejects. */
export class Sender {
  readonly #binding: ReporterBinding;
  readonly #ctx: WaitUntilContext | undefined;
  readonly #settings: SenderSettings;
  readonly #shared: boolean;

  readonly #batch: Batch;
  readonly #inFlight = new Set<Promise<unknown>>();
  readonly #account: Account = {
    recorded: 0,
    folded: 0,
    taken: 0,
    refused: 0,
    dropped: 0,
    unknown: 0,
    pending: 0,
    calls: 0,
  };

  #callsLeft: number;
  #batches = 0;
  #held = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  // Settles the promise that ctx.waitUntil holds; there is one while samples wait.
  #cover: ((sent: Promise<void>) => void) | undefined;

  constructor(binding: ReporterBinding, ctx: WaitUntilContext | undefined, settings: SenderSettings) {
    this.#binding = binding;
    this.#ctx = ctx;
    this.#settings = settings;
    this.#batch = new Batch(settings.packed);
    this.#callsLeft = settings.maxCalls;
    this.#shared = isDurableObject(ctx);
  }

  get account(): Account {
    return { ...this.#account };
  }

  /** Takes a sample in. */
  add(series: Series, value: number): void {
    if (this.#cover === undefined && this.#shared) this.#callsLeft = this.#settings.maxCalls;
    this.#account.recorded += 1;
    switch (this.#batch.add(series, value, this.#callsLeft)) {
      case "folded":
        this.#account.folded += 1;
        break;
      case "added":
        this.#account.pending += 1;
        break;
      case "full":
        this.#account.dropped += 1;
        this.#warnFull(series.name);
    }
    if (this.#cover === undefined && !this.#batch.isEmpty) this.#coverBatch();
  }

  /** Counts something that was no sample and can't be sent. */
  drop(): void {
    this.#account.recorded += 1;
    this.#account.dropped += 1;
  }

  /** Says that a handler is at work: the batch waits for {@link release}. */
  hold(): void {
    this.#held += 1;
  }

  /** Says that the handler is done: what waits is sent right after the current work. */
  release(): void {
    this.#held -= 1;
    // Not at once: the response should leave before its metrics do.
    if (this.#held === 0 && this.#cover !== undefined) this.#schedule(0);
  }

  /** Sends what waits; resolves when every call so far was answered or given up. */
  async flush(): Promise<void> {
    this.#send();
    await Promise.all(this.#inFlight);
  }

  // Nothing tells when a request is over. A microtask would be at its first
  // await, and a handler with ten awaits would make ten calls; so the batch
  // waits for a moment, or for the handler if somebody said that one is at work.
  #coverBatch(): void {
    const covered = new Promise<void>((resolve) => {
      this.#cover = resolve;
    });
    try {
      this.#ctx?.waitUntil(covered);
    } catch (error) {
      warn("waitUntil", "waitUntil", `ctx.waitUntil failed, so metrics may be cut off: ${textOf(error)}`);
    }
    // The last call is kept for the end of the handler, which is sure to come or to end everything.
    if (this.#held > 0 && this.#callsLeft <= 1 && !this.#shared) return;
    this.#schedule(this.#delay());
  }

  // Each batch of a request waits twice as long as the one before, so that a
  // long request spreads its few calls over its life.
  #delay(): number {
    const { flushAfterMs } = this.#settings;
    if (this.#shared) return Math.max(flushAfterMs, SHARED_DELAY_MS);
    const first = this.#held > 0 ? HELD_DELAY_MS : flushAfterMs;
    if (this.#batches === 0) return first;
    return Math.min(Math.max(first, MIN_BACKOFF_MS) * 2 ** this.#batches, MAX_DELAY_MS);
  }

  #schedule(delayMs: number): void {
    try {
      this.#unschedule();
      this.#timer = setTimeout(() => this.#send(), delayMs);
    } catch (error) {
      // Timers are refused outside a request. The samples stay until the next one or flush() takes them along.
      this.#cover?.(Promise.resolve());
      this.#cover = undefined;
      warn("timer", "timer", `no timer to send metrics with; was createMetrics called outside a request? ${textOf(error)}`);
    }
  }

  #unschedule(): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #send(): void {
    this.#unschedule();
    const cover = this.#cover;
    this.#cover = undefined;

    const sent: Promise<void>[] = [];
    for (const call of this.#batch.take()) {
      if (this.#callsLeft > 0) {
        this.#callsLeft -= 1;
        const sending = this.#call(call);
        sent.push(sending);
        this.#inFlight.add(sending);
        void sending.then(() => this.#inFlight.delete(sending));
      } else {
        this.#settle(call, "dropped");
        this.#warnFull(call.rows[0]?.series.name ?? "");
      }
    }
    if (sent.length > 0) this.#batches += 1;
    cover?.(Promise.all(sent).then(() => undefined));
  }

  async #call(call: Call): Promise<void> {
    this.#account.calls += 1;
    let answering: unknown;
    try {
      const binding = this.#binding as { record?: (samples: unknown) => unknown };
      if (typeof binding.record !== "function") throw new Problem("the binding has no method record");
      answering = binding.record(this.#settings.packed ? pack(call.rows) : toSamples(call.rows));
    } catch (error) {
      this.#settle(call, "dropped");
      this.#warnFailed(call, "dropped", textOf(error));
      return;
    }

    const answer = await this.#answerOf(answering);
    if (answer === "timeout") {
      this.#settle(call, "unknown");
      this.#warnFailed(call, "outcome unknown", `no answer within ${this.#settings.timeoutMs} ms`);
    } else if ("error" in answer) {
      this.#settle(call, "unknown");
      this.#warnFailed(call, "outcome unknown", textOf(answer.error));
    } else {
      this.#answered(call, answer.value);
    }
  }

  #answerOf(answering: unknown): Promise<Answer> {
    return new Promise((resolve) => {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const done = (answer: Answer) => {
        if (timer !== undefined) clearTimeout(timer);
        resolve(answer);
      };
      try {
        timer = setTimeout(() => resolve("timeout"), this.#settings.timeoutMs);
      } catch {
        // without timers there is no limit but the platform's
      }
      Promise.resolve(answering).then(
        (value: unknown) => done({ value }),
        (error: unknown) => done({ error }),
      );
    });
  }

  #answered(call: Call, answer: unknown): void {
    const sent = call.samples;
    if (typeof answer !== "number" || !(answer >= 0 && answer <= sent)) {
      this.#settle(call, "unknown");
      this.#warnFailed(call, "outcome unknown", `it should answer with a number from 0 to ${sent}, which it did not`);
      return;
    }
    const taken = Math.floor(answer);
    this.#account.pending -= sent;
    this.#account.taken += taken;
    this.#account.refused += sent - taken;
    if (taken === sent) return;
    const hint =
      taken === 0 && this.#settings.packed
        ? "its log says why; a reporter that does not know the packed form needs { packed: false }"
        : "its log says why";
    warn("", "refused", `the reporter took ${taken} of ${sent} samples, among them ${someNames(call)}: ${hint}`);
  }

  #settle(call: Call, as: "dropped" | "unknown"): void {
    this.#account.pending -= call.samples;
    this.#account[as] += call.samples;
  }

  #warnFailed(call: Call, outcome: string, why: string): void {
    warn(why, "failed", `calling the reporter with ${call.samples} samples (${someNames(call)}), ${outcome}: ${why}`);
  }

  #warnFull(name: string): void {
    warn(
      name,
      "full",
      `${JSON.stringify(name.slice(0, 100))} dropped: one request sends its metrics in at most ${this.#settings.maxCalls} calls (maxCalls), and they are full or used up`,
    );
  }
}

function someNames(call: Call): string {
  const names = new Set<string>();
  for (const { series } of call.rows) {
    names.add(series.name.slice(0, 100));
    if (names.size > 3) break;
  }
  const some = [...names].slice(0, 3).join(", ");
  return names.size > 3 ? `${some}, …` : some;
}

function isDurableObject(ctx: WaitUntilContext | undefined): boolean {
  try {
    return typeof (ctx as { blockConcurrencyWhile?: unknown } | undefined)?.blockConcurrencyWhile === "function";
  } catch {
    return false;
  }
}
