/**
 * What became of samples so far: of the isolate's with the scope `isolate`, of the
 * request's with the scope `request`.
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
  /** Not let in by the reporter, as it answered. */
  refused: number;
  /** Never sent: not a sample at all, or more than the buffer holds, or no reporter was there to call. */
  dropped: number;
  /** Sent in a call that failed or did not answer in time: taken or not, nobody knows. */
  unknown: number;
  /** Waiting or on the way. */
  pending: number;
  /** Calls made to the reporter. */
  calls: number;
}

/** How one call to the reporter ended, for the samples in it. */
export type Settlement = Partial<Pick<Account, "taken" | "refused" | "dropped" | "unknown">>;

// A request that was cancelled never settles what it sent. So long after its time was up, someone else does.
const SETTLE_GRACE_MS = 5_000;

/** Where each sample is. Plain data: every request of an isolate may write to it. */
export class Ledger {
  readonly #account: Account = nothing();
  readonly #flights = new Map<number, { samples: number; until: number }>();
  #lastFlight = 0;

  /** The counts at this moment. */
  read(now: number): Account {
    this.#reap(now);
    return { ...this.#account };
  }

  /** Counts a sample that was just recorded. */
  record(as: "folded" | "pending" | "dropped"): void {
    this.#account.recorded += 1;
    this.#account[as] += 1;
  }

  /** Notes that samples leave in a call that has an outcome by `until`; returns the call's number. */
  depart(samples: number, until: number, now: number): number {
    this.#reap(now);
    this.#account.calls += 1;
    this.#lastFlight += 1;
    this.#flights.set(this.#lastFlight, { samples, until: until + SETTLE_GRACE_MS });
    return this.#lastFlight;
  }

  /** Notes how a call ended. A call that was given up as lost stays unknown. */
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

/** A ledger with nothing in it. */
export function nothing(): Account {
  return { recorded: 0, folded: 0, taken: 0, refused: 0, dropped: 0, unknown: 0, pending: 0, calls: 0 };
}
