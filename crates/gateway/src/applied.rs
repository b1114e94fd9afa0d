//! What became of the Metrics of one push.

use std::collections::BTreeMap;

use crate::check::MAX_NAME_LEN;
use crate::reason::{Reason, Rejection, shorten};

/// Kinds of refused Metrics of one push that are kept with name and message; the rest are only
/// counted.
const MAX_EXAMPLES: usize = 20;

/// What became of a push: each of its Metrics was either applied or refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Metrics that were added up.
    pub accepted: u64,
    /// Metrics that were not, by reason.
    pub rejected: BTreeMap<Reason, u64>,
    /// The refused, those alike in name and reason as one, in the order of the request. Only the
    /// first few kinds.
    pub examples: Vec<Rejected>,
}

/// Refused Metrics of a push that are alike in name and reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Their name as it was sent, cut if it is too long to be one.
    pub name: String,
    /// Why; the message is the first one's.
    pub rejection: Rejection,
    /// How many.
    pub count: u64,
}

impl Applied {
    /// Metrics that were refused, whatever the reason.
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
