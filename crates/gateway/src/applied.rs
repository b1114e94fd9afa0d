//! The result for each Metric of a push.

use std::collections::BTreeMap;

use crate::check::MAX_NAME_LEN;
use crate::reason::{Reason, Rejection, shorten};

/// The most kinds of refused Metrics that are kept with name and message. The rest are only
/// counted.
const MAX_EXAMPLES: usize = 20;

/// The result of a push: each Metric was either applied or refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Metrics that were applied.
    pub accepted: u64,
    /// Metrics that were refused, by reason.
    pub rejected: BTreeMap<Reason, u64>,
    /// The refused Metrics in the order of the request. Metrics with the same name and reason form
    /// one kind, and only the first few kinds are kept.
    pub examples: Vec<Rejected>,
}

/// Refused Metrics of a push with the same name and reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// The name as it was sent, cut if it is too long to be legal.
    pub name: String,
    /// The reason, with the message of the first one.
    pub rejection: Rejection,
    /// The number of Metrics.
    pub count: u64,
}

impl Applied {
    /// The number of refused Metrics, over all reasons.
    #[must_use]
    pub fn rejected_total(&self) -> u64 {
        self.rejected
            .values()
            .fold(0, |sum, count| sum.saturating_add(*count))
    }

    pub(crate) fn refuse(&mut self, name: &str, rejection: Rejection) {
        let count = self.rejected.entry(rejection.reason).or_default();
        *count = count.saturating_add(1);
        let name = shorten(name, MAX_NAME_LEN);
        let mut seen = self.examples.iter_mut();
        if let Some(alike) =
            seen.find(|seen| seen.rejection.reason == rejection.reason && seen.name == name)
        {
            alike.count = alike.count.saturating_add(1);
        } else if self.examples.len() < MAX_EXAMPLES {
            self.examples.push(Rejected {
                name,
                rejection,
                count: 1,
            });
        }
    }
}
