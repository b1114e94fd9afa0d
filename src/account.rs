//! The account of every sample since this instance started.
//!
//! `taken = coalesced + delivered + rejected + Σ dropped + Σ unknown + buffered + in flight`, at
//! every moment. All but the last two are counted here; each sample that was let in and is in none
//! of the other terms is still buffered or in flight, see [`Account::pending`].

use std::borrow::Cow;
use std::cell::{Cell, RefCell};

/// Counts by reason. There are few reasons, so a list is enough.
#[derive(Debug, Default)]
pub struct ByReason(RefCell<Vec<(Cow<'static, str>, u64)>>);

impl ByReason {
    /// Counts `n` more for `reason`.
    pub fn add(&self, reason: impl Into<Cow<'static, str>>, n: u64) {
        let reason = reason.into();
        if n == 0 {
            return;
        }
        let mut counts = self.0.borrow_mut();
        match counts.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, count)) => *count = count.saturating_add(n),
            None => counts.push((reason, n)),
        }
    }

    /// The sum over all reasons.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0
            .borrow()
            .iter()
            .fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// Calls `f` with each reason and its count.
    pub fn for_each(&self, mut f: impl FnMut(&str, u64)) {
        // Borrowed here is what a trap in `add` has left behind: its counts are lost then.
        let Ok(counts) = self.0.try_borrow() else {
            return;
        };
        for (reason, count) in &*counts {
            f(reason, *count);
        }
    }
}

/// The counts behind `stats()`. Shared by reference, and never borrowed over a call, so that it can
/// still be read when everything else has failed.
#[derive(Debug, Default)]
pub struct Account {
    /// Samples let in.
    pub taken: Cell<u64>,
    /// Of those, added into an entry that was buffered already.
    pub coalesced: Cell<u64>,
    /// Metrics that the gateway applied.
    pub delivered: Cell<u64>,
    /// Metrics that the gateway refused.
    pub rejected: Cell<u64>,
    /// Metrics that were provably not applied.
    pub dropped: ByReason,
    /// Metrics that may or may not have been applied.
    pub unknown: ByReason,
    /// Samples that were not let in.
    pub refused: ByReason,
    /// Pushes that ended delivered.
    pub pushes_delivered: Cell<u64>,
    /// Pushes that ended dropped.
    pub pushes_dropped: Cell<u64>,
    /// Pushes whose end is unknown.
    pub pushes_unknown: Cell<u64>,
    /// Attempts beyond a push's first.
    pub pushes_retried: Cell<u64>,
}

/// Adds to a counter.
pub fn add(counter: &Cell<u64>, n: u64) {
    counter.set(counter.get().saturating_add(n));
}

impl Account {
    /// Samples let in and not yet settled: what is buffered or in flight.
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

    /// Calls `f` with every count under a key that [`Account::restore`] understands.
    pub fn save(&self, mut f: impl FnMut(&str, u64)) {
        for (key, counter) in self.counters() {
            f(key, counter.get());
        }
        for (key, counts) in self.by_reason() {
            counts.for_each(|reason, count| f(&format!("{key}.{reason}"), count));
        }
    }

    /// Adds a count that [`Account::save`] gave.
    pub fn restore(&self, key: &str, count: u64) {
        if let Some((_, counter)) = self.counters().into_iter().find(|(known, _)| *known == key) {
            add(counter, count);
        } else if let Some((kind, reason)) = key.split_once('.')
            && let Some((_, counts)) = self
                .by_reason()
                .into_iter()
                .find(|(known, _)| *known == kind)
        {
            counts.add(reason.to_owned(), count);
        }
    }

    fn counters(&self) -> [(&'static str, &Cell<u64>); 8] {
        [
            ("taken", &self.taken),
            ("coalesced", &self.coalesced),
            ("delivered", &self.delivered),
            ("rejected", &self.rejected),
            ("pushes_delivered", &self.pushes_delivered),
            ("pushes_dropped", &self.pushes_dropped),
            ("pushes_unknown", &self.pushes_unknown),
            ("pushes_retried", &self.pushes_retried),
        ]
    }

    fn by_reason(&self) -> [(&'static str, &ByReason); 3] {
        [
            ("dropped", &self.dropped),
            ("unknown", &self.unknown),
            ("refused", &self.refused),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_and_not_settled_is_pending() {
        let account = Account::default();
        add(&account.taken, 10);
        add(&account.coalesced, 1);
        add(&account.delivered, 2);
        add(&account.rejected, 1);
        account.dropped.add("dns_error", 2);
        account.unknown.add("timeout", 1);
        account.unknown.add("timeout", 1);
        assert_eq!(account.pending(), 2);
        assert_eq!(account.unknown.total(), 2);
    }

    #[test]
    fn a_saved_account_is_restored_whole() {
        let account = Account::default();
        add(&account.taken, 10);
        add(&account.pushes_retried, 3);
        account.dropped.add("dns_error", 2);
        account.refused.add("bad_name", 4);
        let restored = Account::default();
        account.save(|key, count| restored.restore(key, count));
        let list = |account: &Account| {
            let mut all = Vec::new();
            account.save(|key, count| all.push((key.to_owned(), count)));
            all
        };
        assert_eq!(list(&restored), list(&account));
        restored.restore("nonsense", 1);
        restored.restore("nonsense.x", 1);
        assert_eq!(list(&restored), list(&account));
    }
}
