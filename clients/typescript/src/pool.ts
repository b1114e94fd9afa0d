import { Batch } from "./batch.js";
import { Ledger } from "./ledger.js";
import type { Series } from "./series.js";
import type { SenderSettings } from "./settings.js";

// A leader that is this late is taken for cancelled.
const LEASE_GRACE_MS = 2_000;

/**
 * Samples that wait, their ledger, and who has promised to send them.
 *
 * Plain data and nothing else: a promise, a timer or a ctx belongs to the request
 * that made it, and another request that touched it would be cut off with it.
 */
export class Pool {
  readonly batch: Batch;
  readonly ledger = new Ledger();
  #lease: { readonly id: number; readonly due: number } | undefined;
  #lastLease = 0;

  constructor(settings: SenderSettings) {
    this.batch = new Batch(settings.packed, settings.maxBatch);
  }

  /** Takes a sample in, if there is room for it in `maxCalls` calls. */
  add(series: Series, value: number, maxCalls: number): boolean {
    const added = this.batch.add(series, value, maxCalls);
    this.ledger.record(added === "folded" ? "folded" : added === "added" ? "pending" : "dropped");
    return added !== "full";
  }

  /** Whether some request has promised to send what waits within `delayMs` from now. */
  isLed(now: number, delayMs: number): boolean {
    const lease = this.#lease;
    return lease !== undefined && lease.due <= now + delayMs && now <= lease.due + LEASE_GRACE_MS;
  }

  /** Takes the lease over from whoever has it; returns its number. */
  lead(due: number): number {
    this.#lastLease += 1;
    this.#lease = { id: this.#lastLease, due };
    return this.#lastLease;
  }

  /** Gives the lease back; false if somebody else has taken it over. */
  release(lease: number): boolean {
    if (this.#lease?.id !== lease) return false;
    this.#lease = undefined;
    return true;
  }
}
