//! The last pushes, with the refused Metrics and the reasons.

use std::collections::VecDeque;

use crate::answer::Answer;
use crate::applied::{Applied, Rejected};

/// The number of pushes kept.
const KEPT: usize = 50;
/// The most refused Metrics kept for one push.
const EXAMPLES: usize = 5;

/// One finished push.
#[derive(Debug)]
pub(crate) struct Recent {
    /// The number of the push. The page uses it to request only newer ones.
    pub(crate) version: u64,
    pub(crate) at_ms: u64,
    pub(crate) id: Option<String>,
    pub(crate) outcome: Outcome,
}

#[derive(Debug)]
pub(crate) enum Outcome {
    Answered {
        accepted: u64,
        rejected: u64,
        /// Answered from memory; nothing was applied.
        repeat: bool,
        examples: Vec<Rejected>,
    },
    Failed {
        code: i32,
        message: String,
    },
}

impl Outcome {
    pub(crate) fn applied(applied: &Applied) -> Self {
        Self::Answered {
            accepted: applied.accepted,
            rejected: applied.rejected_total(),
            repeat: false,
            examples: applied.examples.iter().take(EXAMPLES).cloned().collect(),
        }
    }

    pub(crate) fn repeat(first: &Answer) -> Self {
        Self::Answered {
            accepted: first.accepted,
            rejected: first.rejected,
            repeat: true,
            examples: Vec::new(),
        }
    }

    pub(crate) fn failed(code: i32, message: &str) -> Self {
        Self::Failed {
            code,
            message: message.to_owned(),
        }
    }
}

/// A list that drops its oldest entries.
#[derive(Debug, Default)]
pub(crate) struct RecentPushes(VecDeque<Recent>);

impl RecentPushes {
    pub(crate) fn add(&mut self, recent: Recent) {
        if self.0.len() >= KEPT {
            self.0.pop_front();
        }
        self.0.push_back(recent);
    }

    /// The pushes after `version`, oldest first.
    pub(crate) fn since(&self, version: u64) -> impl Iterator<Item = &Recent> {
        self.0.iter().filter(move |recent| recent.version > version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_pushes_are_forgotten() {
        let mut pushes = RecentPushes::default();
        for version in 1..=60 {
            pushes.add(Recent {
                version,
                at_ms: 0,
                id: None,
                outcome: Outcome::failed(13, "x"),
            });
        }
        let versions: Vec<_> = pushes.since(0).map(|recent| recent.version).collect();
        assert_eq!(versions, (11..=60).collect::<Vec<_>>());
        assert_eq!(pushes.since(58).count(), 2);
    }
}
