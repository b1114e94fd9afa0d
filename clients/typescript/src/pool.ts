import { Batch } from "./batch.js";
import { Ledger } from "./ledger.js";
import type { Series } from "./series.js";
import type { SenderSettings } from "./settings.js";

// A leader that is this late counts as cancelled.
const LEASE_GRACE_MS = 2_000;

/**
 * Waiting samples, their ledger, and the lease of the request that sends them.
 *
 * It holds plain data only. A promise, a timer or a ctx belongs to the request that created it; the
 * runtime would cancel another request that used it.
 */
export class Pool {
  readonly batch: Batch;
  readonly ledger = new Ledger();
  #lease: { readonly id: number; readonly due: number } | undefined;
  #lastLease = 0;

  constructor(settings: SenderSettings) {
    this.batch = new Batch(settings.packed, settings.maxBatch);
  }

  /** Adds a sample if it fits in `maxCalls` calls. */
  add(series: Series, value: number, maxCalls: number): boolean {
    const added = this.batch.add(series, value, maxCalls);
    this.ledger.record(added === "folded" ? "folded" : added === "added" ? "pending" : "dropped");
    return added !== "full";
  }

  /** Whether a request holds the lease to send the waiting samples within `delayMs` from now. */
  isLed(now: number, delayMs: number): boolean {
    const lease = this.#lease;
    return lease !== undefined && lease.due <= now + delayMs && now <= lease.due + LEASE_GRACE_MS;
  }

  /** Takes the lease, from another request if necessary. Returns its number. */
  lead(due: number): number {
    this.#lastLease += 1;
    this.#lease = { id: this.#lastLease, due };
    return this.#lastLease;
  }

  /** Returns the lease. The result is false if another request has taken it. */
  release(lease: number): boolean {
    if (this.#lease?.id !== lease) return false;
    this.#lease = undefined;
    return true;
  }
}
