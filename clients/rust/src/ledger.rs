//! Counts samples by state.

use std::collections::BTreeMap;

use crate::limits::SETTLE_GRACE_MS;

/// Counts of samples by outcome: for this isolate, or, with
/// [`Scope::Request`](crate::Scope::Request), for one request.
///
/// At every moment `recorded = folded + taken + refused + dropped + unknown + pending`.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Account {
    /// Increments and observations, timers included.
    pub recorded: u64,
    /// Those of them that were added to a waiting counter.
    pub folded: u64,
    /// Accepted by the reporter, according to its answer.
    pub taken: u64,
    /// Refused by the reporter, according to its answer.
    pub refused: u64,
    /// Never sent: a value that is not finite, too much text, a full buffer, or no reporter to
    /// call.
    pub dropped: u64,
    /// Sent in a call that failed or had no answer in time. The reporter may or may not have taken
    /// them.
    pub unknown: u64,
    /// Waiting, or in a call that has no outcome yet.
    pub pending: u64,
    /// `record` calls made.
    pub calls: u64,
}

/// How one call ended, for its samples.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Settlement {
    pub(crate) taken: usize,
    pub(crate) refused: usize,
    pub(crate) dropped: usize,
    pub(crate) unknown: usize,
}

/// Counts the samples of an isolate or a request. It holds plain data only: every request may write
/// to it.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    account: Account,
    /// Calls without an outcome, by number.
    flights: BTreeMap<u64, Flight>,
    last_flight: u64,
}

#[derive(Debug)]
struct Flight {
    samples: usize,
    /// After this time, the request that made the call has certainly ended.
    until: f64,
}

impl Ledger {
    /// The counts at this moment.
    pub(crate) fn read(&mut self, now: f64) -> Account {
        self.reap(now);
        self.account
    }

    /// Counts new samples by their immediate outcome.
    pub(crate) fn record(&mut self, folded: usize, waiting: usize, dropped: usize) {
        for (count, more) in [
            (&mut self.account.folded, folded),
            (&mut self.account.pending, waiting),
            (&mut self.account.dropped, dropped),
        ] {
            let more = as_count(more);
            *count = count.saturating_add(more);
            self.account.recorded = self.account.recorded.saturating_add(more);
        }
    }

    /// Records that samples leave in a call whose outcome is due at `until`. Returns the number of
    /// the call.
    pub(crate) fn depart(&mut self, samples: usize, until: f64, now: f64) -> u64 {
        self.reap(now);
        self.account.calls = self.account.calls.saturating_add(1);
        self.last_flight = self.last_flight.saturating_add(1);
        let until = until + SETTLE_GRACE_MS;
        self.flights
            .insert(self.last_flight, Flight { samples, until });
        self.last_flight
    }

    /// Records how a call ended. A call that was already counted as unknown stays unknown.
    pub(crate) fn settle(&mut self, flight: u64, settlement: Settlement) {
        if self.flights.remove(&flight).is_none() {
            return;
        }
        let Settlement {
            taken,
            refused,
            dropped,
            unknown,
        } = settlement;
        for (count, more) in [
            (&mut self.account.taken, taken),
            (&mut self.account.refused, refused),
            (&mut self.account.dropped, dropped),
            (&mut self.account.unknown, unknown),
        ] {
            let more = as_count(more);
            *count = count.saturating_add(more);
            self.account.pending = self.account.pending.saturating_sub(more);
        }
    }

    /// The number of the latest call.
    pub(crate) fn last_flight(&self) -> u64 {
        self.last_flight
    }

    /// Whether a call with this number or a lower one has no outcome yet.
    pub(crate) fn is_open(&mut self, up_to: u64, now: f64) -> bool {
        self.reap(now);
        self.flights
            .first_key_value()
            .is_some_and(|(first, _)| *first <= up_to)
    }

    /// A cancelled request never records how its calls ended.
    fn reap(&mut self, now: f64) {
        let gone = |flight: &Flight| now > flight.until;
        if !self.flights.values().any(gone) {
            return;
        }
        let lost: Vec<_> = self
            .flights
            .iter()
            .filter(|(_, flight)| gone(flight))
            .map(|(number, flight)| (*number, flight.samples))
            .collect();
        for (number, samples) in lost {
            let unknown = Settlement {
                unknown: samples,
                ..Settlement::default()
            };
            self.settle(number, unknown);
        }
    }
}

fn as_count(samples: usize) -> u64 {
    u64::try_from(samples).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "an overflow fails the test")]
mod tests {
    use super::*;

    fn assert_adds_up(ledger: &mut Ledger, now: f64) -> Account {
        let a = ledger.read(now);
        let placed = a.folded + a.taken + a.refused + a.dropped + a.unknown + a.pending;
        assert_eq!(a.recorded, placed, "{a:?}");
        a
    }

    #[test]
    fn every_sample_is_in_one_place_at_every_moment() {
        let mut ledger = Ledger::default();
        ledger.record(2, 5, 1);
        assert_eq!(assert_adds_up(&mut ledger, 0.0).recorded, 8);
        let flight = ledger.depart(4, 10_000.0, 0.0);
        assert_eq!(assert_adds_up(&mut ledger, 0.0).pending, 5);
        let settlement = Settlement {
            taken: 3,
            refused: 1,
            ..Settlement::default()
        };
        ledger.settle(flight, settlement);
        let account = assert_adds_up(&mut ledger, 0.0);
        assert_eq!((account.taken, account.refused, account.pending), (3, 1, 1));
    }

    #[test]
    fn a_call_of_a_request_that_is_gone_becomes_unknown_and_stays_so() {
        let mut ledger = Ledger::default();
        ledger.record(0, 3, 0);
        let flight = ledger.depart(3, 10_000.0, 0.0);
        let late = 10_000.0 + SETTLE_GRACE_MS;
        assert_eq!(assert_adds_up(&mut ledger, late).pending, 3);
        assert!(ledger.is_open(flight, late));
        assert_eq!(assert_adds_up(&mut ledger, late + 1.0).unknown, 3);
        assert!(!ledger.is_open(flight, late + 1.0));
        let settlement = Settlement {
            taken: 3,
            ..Settlement::default()
        };
        ledger.settle(flight, settlement);
        assert_eq!(assert_adds_up(&mut ledger, late + 1.0).taken, 0);
    }

    #[test]
    fn a_later_call_does_not_keep_an_earlier_one_open() {
        let mut ledger = Ledger::default();
        ledger.record(0, 2, 0);
        let first = ledger.depart(1, 10_000.0, 0.0);
        let second = ledger.depart(1, 10_000.0, 0.0);
        ledger.settle(first, Settlement::default());
        assert!(!ledger.is_open(first, 0.0));
        assert!(ledger.is_open(second, 0.0));
    }
}
