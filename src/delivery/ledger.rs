//! The ledger: the outcome of every sample that was accepted.
//!
//! `taken = coalesced + delivered + rejected + Σ dropped + Σ unknown + buffered + in flight`, at
//! every moment. The ledger counts all terms except the last two. An accepted sample that is in no
//! other term is still buffered or in flight, see [`Ledger::pending`].

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};

/// The counts behind `stats()`. After a trap, the next Wasm instance continues with the same
/// ledger.
///
/// The counts are cells, so they can be read after a trap while other state was borrowed.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Ledger {
    /// Samples accepted.
    pub taken: Cell<u64>,
    /// Samples added into an entry that was already buffered.
    pub coalesced: Cell<u64>,
    /// Metrics that the gateway applied.
    pub delivered: Cell<u64>,
    /// Metrics that the gateway refused.
    pub rejected: Cell<u64>,
    /// Metrics that were provably not applied.
    pub dropped: Reasons,
    /// Metrics that may or may not have been applied.
    pub unknown: Reasons,
    /// Samples refused.
    pub refused: Reasons,
    /// Pushes of samples, by outcome.
    pub pushes: Pushes,
}

/// Pushes of samples, by outcome.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Pushes {
    /// The gateway answered OK.
    pub delivered: Cell<u64>,
    /// Provably not applied.
    pub dropped: Cell<u64>,
    /// May or may not have been applied.
    pub unknown: Cell<u64>,
    /// Attempts beyond a push's first.
    pub retried: Cell<u64>,
}

/// Counts by reason.
#[derive(Debug, Default, Deserialize)]
pub struct Reasons(RefCell<BTreeMap<Cow<'static, str>, u64>>);

impl Reasons {
    /// Adds `n` to the count of `reason`.
    pub fn add(&self, reason: impl Into<Cow<'static, str>>, n: u64) {
        if n > 0 {
            let mut counts = self.0.borrow_mut();
            let count = counts.entry(reason.into()).or_default();
            *count = count.saturating_add(n);
        }
    }

    /// The sum over all reasons.
    #[must_use]
    pub fn total(&self) -> u64 {
        let counts = self.0.borrow();
        counts.values().fold(0, |sum, n| sum.saturating_add(*n))
    }

    /// Calls `f` with each reason and its count.
    pub fn for_each(&self, mut f: impl FnMut(&str, u64)) {
        for (reason, count) in &*self.0.borrow() {
            f(reason, *count);
        }
    }
}

impl Serialize for Reasons {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.try_borrow() {
            Ok(counts) => counts.serialize(serializer),
            // A trap in `add` left this count borrowed. The other counts can still be saved.
            Err(_) => serializer.collect_map(None::<(&str, u64)>),
        }
    }
}

/// Adds to a counter.
pub fn add(counter: &Cell<u64>, n: u64) {
    counter.set(counter.get().saturating_add(n));
}

impl Ledger {
    /// Samples accepted and not yet settled: those buffered or in flight.
    #[must_use]
    pub fn pending(&self) -> u64 {
        [
            self.coalesced.get(),
            self.delivered.get(),
            self.rejected.get(),
            self.dropped.total(),
            self.unknown.total(),
        ]
        .into_iter()
        .fold(self.taken.get(), u64::saturating_sub)
    }

    /// Adds the counts of a ledger from an earlier instance.
    pub fn merge(&self, other: &Self) {
        for (own, other) in [
            (&self.taken, &other.taken),
            (&self.coalesced, &other.coalesced),
            (&self.delivered, &other.delivered),
            (&self.rejected, &other.rejected),
            (&self.pushes.delivered, &other.pushes.delivered),
            (&self.pushes.dropped, &other.pushes.dropped),
            (&self.pushes.unknown, &other.pushes.unknown),
            (&self.pushes.retried, &other.pushes.retried),
        ] {
            add(own, other.get());
        }
        for (own, other) in [
            (&self.dropped, &other.dropped),
            (&self.unknown, &other.unknown),
            (&self.refused, &other.refused),
        ] {
            other.for_each(|reason, n| own.add(reason.to_owned(), n));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger() -> Ledger {
        let ledger = Ledger::default();
        add(&ledger.taken, 10);
        add(&ledger.coalesced, 1);
        add(&ledger.delivered, 2);
        add(&ledger.pushes.delivered, 1);
        ledger.dropped.add("dns_error", 3);
        ledger.unknown.add("cancelled", 1);
        ledger.refused.add("bad_name", 7);
        ledger
    }

    #[test]
    fn what_is_in_no_other_term_is_pending() {
        assert_eq!(ledger().pending(), 3);
    }

    #[test]
    fn a_ledger_goes_on_where_another_one_ended() {
        let saved = serde_json::to_string(&ledger()).unwrap();
        let read: Ledger = serde_json::from_str(&saved).unwrap();
        let next = ledger();
        next.merge(&read);
        assert_eq!((next.taken.get(), next.pending()), (20, 6));
        assert_eq!(next.pushes.delivered.get(), 2);
        let mut refused = Vec::new();
        next.refused
            .for_each(|r, n| refused.push((r.to_owned(), n)));
        assert_eq!(refused, [("bad_name".to_owned(), 14)]);
    }

    #[test]
    fn counts_are_saved_even_when_some_are_borrowed_for_ever() {
        let ledger = ledger();
        let _held = ledger.dropped.0.borrow_mut();
        let saved = serde_json::to_string(&ledger).unwrap();
        assert!(saved.contains(r#""taken":10"#) && saved.contains(r#""dropped":{}"#));
    }
}
