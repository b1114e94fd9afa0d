import type { SenderSettings } from "./sender.js";

/** How samples are sent. The first `createMetrics` of a ctx decides. */
export interface SendingOptions {
  /**
   * Send samples as one string instead of an array of objects, which costs both
   * Workers a fraction of the CPU time. Default true. A reporter that does not
   * know the packed form takes nothing of it: set false until it is updated.
   * Objects repeat the labels with each observation, so a call carries fewer.
   */
  packed?: boolean;
  /**
   * Most `record` calls per request, 1 to 32; default 16. A request may call
   * other Workers 32 times in all. One call carries 1000 samples; most requests need one.
   */
  maxCalls?: number;
  /**
   * Milliseconds that the first sample of a request waits for others, 0 to 15,000;
   * default 100. Later batches wait twice as long each. Under `withMetrics` a
   * batch is sent when the handler is done, so this counts only for what follows.
   */
  flushAfterMs?: number;
  /** Milliseconds to wait for the reporter's answer, 1 to 30,000; default 10,000. */
  timeoutMs?: number;
}

/** The options with defaults in place of what is missing or makes no sense. */
export function settingsOf(options: SendingOptions | undefined): SenderSettings {
  return {
    packed: options?.packed !== false,
    maxCalls: Math.floor(within(options?.maxCalls, 1, 32, 16)),
    flushAfterMs: within(options?.flushAfterMs, 0, 15_000, 100),
    timeoutMs: within(options?.timeoutMs, 1, 30_000, 10_000),
  };
}

function within(value: unknown, least: number, most: number, otherwise: number): number {
  return typeof value === "number" && value >= least && value <= most ? value : otherwise;
}
