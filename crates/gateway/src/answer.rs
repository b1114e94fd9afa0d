//! The answer to the sender of a push.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::applied::Applied;

/// The most bytes of a refused name that the metadata repeats.
const MAX_FIRST_LEN: usize = 100;

/// The counts of a `PushResponse`, and the reasons for refusing Metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Metrics applied.
    pub accepted: u64,
    /// Metrics refused.
    pub rejected: u64,
    /// `label_conflict=2, series_limit=1; first=requests_total`: the count for each reason, and the
    /// name of the first refused Metric. Visible ASCII and spaces, at most a few hundred bytes;
    /// `None` if nothing was refused.
    pub reasons: Option<Arc<str>>,
}

/// The result of a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// Its Metrics were applied or refused.
    Applied(Applied),
    /// It was a repeat: nothing was applied, and this was the first answer.
    Repeat(Answer),
}

impl Pushed {
    /// The answer for the sender.
    #[must_use]
    pub fn answer(&self) -> Answer {
        match self {
            Self::Applied(applied) => Answer {
                accepted: applied.accepted,
                rejected: applied.rejected_total(),
                reasons: reasons(applied),
            },
            Self::Repeat(answer) => answer.clone(),
        }
    }
}

fn reasons(applied: &Applied) -> Option<Arc<str>> {
    if applied.rejected.is_empty() {
        return None;
    }
    let mut text = String::new();
    for (reason, count) in &applied.rejected {
        let separator = if text.is_empty() { "" } else { ", " };
        let _ = write!(text, "{separator}{reason}={count}");
    }
    let first = applied.examples.first();
    if let Some(first) = first.filter(|first| !first.name.is_empty()) {
        text.push_str("; first=");
        // The name was refused, so it may hold any text.
        let shown = first.name.chars().take(MAX_FIRST_LEN);
        text.extend(shown.map(|char| if char.is_ascii_graphic() { char } else { '?' }));
    }
    Some(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reason::{Reason, Rejection};

    fn refused(name: &str, reason: Reason, count: u64) -> Applied {
        let mut applied = Applied::default();
        for _ in 0..count {
            applied.refuse(name, Rejection::new(reason, ""));
        }
        applied
    }

    fn told(applied: Applied) -> Option<String> {
        let reasons = Pushed::Applied(applied).answer().reasons;
        reasons.map(|reasons| reasons.to_string())
    }

    #[test]
    fn reasons_are_counted_and_the_first_name_is_given() {
        assert_eq!(told(Applied::default()), None);
        let mut applied = refused("http_requests_total", Reason::LabelConflict, 2);
        applied.refuse("other", Rejection::new(Reason::SeriesLimit, ""));
        assert_eq!(
            told(applied).as_deref(),
            Some("label_conflict=2, series_limit=1; first=http_requests_total")
        );
    }

    #[test]
    fn an_illegal_name_is_shortened_and_cannot_break_the_header() {
        let told = |name: &str| told(refused(name, Reason::BadName, 1)).unwrap();
        assert_eq!(told(""), "bad_name=1");
        assert_eq!(told("a b\r\nü\0"), "bad_name=1; first=a?b????");
        assert_eq!(
            told(&"é".repeat(200)).len(),
            "bad_name=1; first=".len() + 100
        );
    }
}
