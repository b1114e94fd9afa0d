//! One line per request that lists the recorded metrics.

use std::fmt::Write;
use std::sync::{Mutex, PoisonError};

use crate::clock;
use crate::ledger::Account;
use crate::options::Scope;
use crate::warn::clip;

/// Most metrics in one line.
const MAX_NAMED: usize = 10;

/// The samples of one request, by name.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    named: Vec<(Box<str>, u64)>,
    others: u64,
}

impl Summary {
    pub(crate) fn count(&self, name: &str, times: usize) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let Counts { named, others } = &mut *counts;
        let times = u64::try_from(times).unwrap_or(u64::MAX);
        let name = clip(name);
        if let Some((_, count)) = named.iter_mut().find(|(known, _)| **known == *name) {
            *count = count.saturating_add(times);
        } else if named.len() < MAX_NAMED {
            named.push((name.into(), times));
        } else {
            *others = others.saturating_add(times);
        }
    }

    /// Writes the line, with the current ledger.
    pub(crate) fn write(&self, account: &Account, scope: Scope) {
        clock::note(&self.line(account, scope));
    }

    fn line(&self, account: &Account, scope: Scope) -> String {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let all = counts.named.iter().map(|(_, count)| *count);
        let all = all.fold(counts.others, u64::saturating_add);
        let mut line = format!("metrics-reporter-client: this request recorded {all} samples");
        for (i, (name, count)) in counts.named.iter().enumerate() {
            let before = if i == 0 { ": " } else { ", " };
            let _ = write!(line, "{before}{name} {count}");
        }
        if counts.others > 0 {
            let _ = write!(line, ", others {}", counts.others);
        }
        let whose = match scope {
            Scope::Isolate => "the isolate",
            Scope::Request => "the request",
        };
        let Account {
            recorded,
            folded,
            taken,
            refused,
            dropped,
            unknown,
            pending,
            calls,
        } = account;
        let _ = write!(
            line,
            "; {whose} so far: recorded {recorded} = folded {folded} + taken {taken} + refused {refused} \
             + dropped {dropped} + unknown {unknown} + pending {pending}, in {calls} calls"
        );
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_the_first_metrics_and_counts_the_others() {
        let summary = Summary::default();
        for i in 0..12 {
            summary.count(&format!("m{i}_total"), 2);
        }
        summary.count("m0_total", 1);
        let line = summary.line(&Account::default(), Scope::Isolate);
        assert!(
            line.starts_with("metrics-reporter-client: this request recorded 25 samples: m0_total 3, m1_total 2, "),
            "{line}"
        );
        assert!(
            line.contains(", m9_total 2, others 4; the isolate so far: recorded 0 = folded 0 + "),
            "{line}"
        );
    }
}
