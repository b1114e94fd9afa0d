//! The gateway's counts of its own work.

use std::collections::BTreeMap;

use crate::applied::Applied;
use crate::reason::Reason;

/// Counts since the gateway started.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Pushes by gRPC status code. A repeat counts here and under `dedupe_hits`.
    pub(crate) pushes: BTreeMap<i32, u64>,
    pub(crate) accepted: u64,
    pub(crate) rejected: BTreeMap<Reason, u64>,
    pub(crate) dedupe_hits: u64,
    /// Series that expired.
    pub(crate) expired: u64,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        Self {
            // Series start at 0: `increase()` does not see an increment that comes with a new
            // series.
            pushes: [(0, 0)].into(),
            rejected: Reason::ALL.map(|reason| (reason, 0)).into(),
            ..Self::default()
        }
    }

    pub(crate) fn pushed(&mut self, code: i32) {
        let count = self.pushes.entry(code).or_default();
        *count = count.saturating_add(1);
    }

    pub(crate) fn applied(&mut self, applied: &Applied) {
        self.accepted = self.accepted.saturating_add(applied.accepted);
        for (reason, more) in &applied.rejected {
            let count = self.rejected.entry(*reason).or_default();
            *count = count.saturating_add(*more);
        }
    }

    pub(crate) fn pushes_total(&self) -> u64 {
        total(self.pushes.values())
    }

    pub(crate) fn rejected_total(&self) -> u64 {
        total(self.rejected.values())
    }
}

fn total<'a>(counts: impl Iterator<Item = &'a u64>) -> u64 {
    counts.fold(0, |sum, count| sum.saturating_add(*count))
}
