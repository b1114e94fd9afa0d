/**
 * Counts of samples by outcome: for the isolate with the scope `isolate`, for the request with the
 * scope `request`.
 *
 * At every moment `recorded = folded + taken + refused + dropped + unknown + pending`.
 */
export interface Account {
  /** Calls of `incr` and `observe`, timers included. */
  recorded: number;
  /** Those of them that were added to a waiting counter. */
  folded: number;
  /** Accepted by the reporter, according to its answer. */
  taken: number;
  /** Refused by the reporter, according to its answer. */
  refused: number;
  /** Never sent: an invalid argument, a full buffer, or no reporter to call. */
  dropped: number;
  /**
   * Sent in a call that failed or had no answer in time. The reporter may or may not have taken
   * them.
   */
  unknown: number;
  /** Waiting, or in a call that has no outcome yet. */
  pending: number;
  /** Calls made to the reporter. */
  calls: number;
}

/** How one call to the reporter ended, for its samples. */
export type Settlement = Partial<Pick<Account, "taken" | "refused" | "dropped" | "unknown">>;

// A cancelled request never records the outcome of its calls. After this extra time, another
// request counts them as unknown.
const SETTLE_GRACE_MS = 5_000;

/** Counts samples by state. It holds plain data only: every request of an isolate may write to it. */
export class Ledger {
  readonly #account: Account = nothing();
  readonly #flights = new Map<number, { samples: number; until: number }>();
  #lastFlight = 0;

  /** The counts at this moment. */
  read(now: number): Account {
    this.#reap(now);
    return { ...this.#account };
  }

  /** Counts a new sample. */
  record(as: "folded" | "pending" | "dropped"): void {
    this.#account.recorded += 1;
    this.#account[as] += 1;
  }

  /**
   * Records that samples leave in a call whose outcome is due at `until`. Returns the call's
   * number.
   */
  depart(samples: number, until: number, now: number): number {
    this.#reap(now);
    this.#account.calls += 1;
    this.#lastFlight += 1;
    this.#flights.set(this.#lastFlight, { samples, until: until + SETTLE_GRACE_MS });
    return this.#lastFlight;
  }

  /** Records how a call ended. A call that was already counted as unknown stays unknown. */
  settle(flight: number, settlement: Settlement): void {
    if (!this.#flights.delete(flight)) return;
    for (const [term, count] of Object.entries(settlement) as [keyof Settlement, number][]) {
      this.#account[term] += count;
      this.#account.pending -= count;
    }
  }

  #reap(now: number): void {
    for (const [flight, { samples, until }] of this.#flights) {
      if (now > until) this.settle(flight, { unknown: samples });
    }
  }
}

/** An empty ledger. */
export function nothing(): Account {
  return { recorded: 0, folded: 0, taken: 0, refused: 0, dropped: 0, unknown: 0, pending: 0, calls: 0 };
}
