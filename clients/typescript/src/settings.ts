import { MAX_SAMPLES_PER_CALL } from "./limits.js";

/**
 * How samples are sent. The first `createMetrics` of a request decides. For what the isolate
 * shares, the first of the isolate decides.
 */
export interface SendingOptions {
  /**
   * Which requests share a call to the reporter.
   *
   * `isolate` (default): all requests of this isolate. One of them sends the samples of all,
   * `flushIntervalMs` after the first sample. A request then needs no call of its own.
   *
   * `request`: each request sends its own samples, `flushAfterMs` after the first one or when its
   * handler has finished. This costs a call per request. A request never waits for another one, and
   * `account()` covers this request only.
   */
  scope?: "isolate" | "request";
  /**
   * With the scope `isolate`: the longest time that a sample waits before it is sent, in
   * milliseconds, 0 to 15,000; default 1000. When an isolate ends without warning, at most the
   * samples of this time are lost.
   */
  flushIntervalMs?: number;
  /**
   * Most samples in one call, 1 to 1000; default 1000. When that many wait, the client sends them
   * at once.
   */
  maxBatch?: number;
  /**
   * Sends samples as one string instead of an array of objects, which costs both Workers a fraction
   * of the CPU time. Default true. A reporter too old for the packed form refuses it: set false
   * until you have updated the reporter. Objects repeat the labels for each observation, so such a
   * call carries fewer samples.
   */
  packed?: boolean;
  /**
   * Most `record` calls per request, 1 to 32; default 16. A request may call other Workers 32 times
   * in all. This also limits how many samples wait in an isolate, to the content of as many calls.
   */
  maxCalls?: number;
  /**
   * With the scope `request`: how long the first sample of a request waits for more samples, in
   * milliseconds, 0 to 15,000; default 100. Each later batch waits twice as long as the one before.
   * Under `withMetrics`, the client sends the batch when the handler has finished, so this applies
   * only to later samples.
   */
  flushAfterMs?: number;
  /** How long to wait for the reporter's answer, in milliseconds, 1 to 30,000; default 10,000. */
  timeoutMs?: number;
  /**
   * Writes one line per request that lists the recorded metrics, for `wrangler tail`. Default
   * false.
   */
  debug?: boolean;
}

/** {@link SendingOptions} with every option set. */
export interface SenderSettings {
  readonly scope: "isolate" | "request";
  readonly flushIntervalMs: number;
  readonly maxBatch: number;
  readonly packed: boolean;
  readonly maxCalls: number;
  readonly flushAfterMs: number;
  readonly timeoutMs: number;
  readonly debug: boolean;
}

/** Returns the options, with the default for each missing or invalid one. */
export function settingsOf(options: SendingOptions | undefined): SenderSettings {
  return {
    scope: options?.scope === "request" ? "request" : "isolate",
    flushIntervalMs: within(options?.flushIntervalMs, 0, 15_000, 1000),
    maxBatch: Math.floor(within(options?.maxBatch, 1, MAX_SAMPLES_PER_CALL, MAX_SAMPLES_PER_CALL)),
    packed: options?.packed !== false,
    maxCalls: Math.floor(within(options?.maxCalls, 1, 32, 16)),
    flushAfterMs: within(options?.flushAfterMs, 0, 15_000, 100),
    timeoutMs: within(options?.timeoutMs, 1, 30_000, 10_000),
    debug: options?.debug === true,
  };
}

function within(value: unknown, least: number, most: number, otherwise: number): number {
  return typeof value === "number" && value >= least && value <= most ? value : otherwise;
}
