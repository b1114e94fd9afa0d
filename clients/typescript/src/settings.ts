import { MAX_SAMPLES_PER_CALL } from "./limits.js";

/** How samples are sent. The first `createMetrics` of a request decides; what the isolate shares, the first of the isolate. */
export interface SendingOptions {
  /**
   * Who shares a call to the reporter.
   *
   * `isolate` (default): all requests that this isolate serves. One of them sends
   * for all, `flushIntervalMs` after the first sample, so a request costs no call of its own.
   *
   * `request`: each request sends its own samples, `flushAfterMs` after the first one
   * or when its handler is done. It costs a call per request; nothing of a
   * request waits for another one, and `account()` tells what became of this request's samples.
   */
  scope?: "isolate" | "request";
  /**
   * With the scope `isolate`: the longest that a sample waits before it is sent, in
   * milliseconds, 0 to 15,000; default 1000. It is also the most that is lost when an isolate ends
   * without warning.
   */
  flushIntervalMs?: number;
  /** Most samples in one call, 1 to 1000; default 1000. When as many wait, they are sent at once. */
  maxBatch?: number;
  /**
   * Send samples as one string instead of an array of objects, which costs both
   * Workers a fraction of the CPU time. Default true. A reporter that does not
   * know the packed form takes nothing of it: set false until it is updated.
   * Objects repeat the labels with each observation, so a call carries fewer.
   */
  packed?: boolean;
  /**
   * Most `record` calls per request, 1 to 32; default 16. A request may call
   * other Workers 32 times in all. Also the most calls' worth of samples that wait in an isolate.
   */
  maxCalls?: number;
  /**
   * With the scope `request`: milliseconds that the first sample of a request waits for others, 0 to 15,000;
   * default 100. Later batches wait twice as long each. Under `withMetrics` a
   * batch is sent when the handler is done, so this counts only for what follows.
   */
  flushAfterMs?: number;
  /** Milliseconds to wait for the reporter's answer, 1 to 30,000; default 10,000. */
  timeoutMs?: number;
  /** Write one line per request that says what it recorded, for `wrangler tail`. Default false. */
  debug?: boolean;
}

/** {@link SendingOptions}, complete. */
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

/** The options with defaults in place of what is missing or makes no sense. */
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
