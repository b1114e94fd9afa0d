//! The Worker's own metrics: the increments of its ledger, pushed under the same rules as samples.
//!
//! They travel in a separate PushRequest, after one with samples. If the gateway refuses them, the
//! refusal cannot be mistaken for a refusal of a caller's samples. Their labels do not name the
//! isolate: the gateway adds up all isolates.

use std::collections::BTreeMap;

use super::ledger::Ledger;
use super::policy::Outcome;
use super::series::SeriesIndex;
use crate::limits::{FLUSH_BUDGET_MS, SELF_METRICS_INTERVAL_MS, SETTLE_GRACE_MS};
use crate::proto::Metric;
use crate::sample::Kind;

const SAMPLES: (&str, &str) = (
    "metrics_reporter_samples_total",
    "Samples by how they ended; reason says why",
);
const PUSHES: (&str, &str) = (
    "metrics_reporter_pushes_total",
    "Pushes of samples by how they ended; retried counts attempts beyond the first",
);
const DURATION: (&str, &str) = (
    "metrics_reporter_push_duration_ms",
    "Time from taking a batch to its outcome, retries included",
);
const OVERFLOW: (&str, &str) = (
    "metrics_reporter_overflow_samples_total",
    "Samples folded into an overflow series because their metric had too many",
);

/// The most durations that are kept for the next push; more are discarded.
const MAX_DURATIONS: usize = 64;

/// A counter's name, help and labels.
type Series = ((&'static str, &'static str), Vec<(&'static str, String)>);

/// The part of the ledger that was reported, and the part that waits.
#[derive(Debug, Default)]
pub(crate) struct SelfMetrics {
    /// How much of each counter was reported.
    reported: BTreeMap<Series, u64>,
    durations: Vec<f64>,
    last: Option<f64>,
    flight: Option<Flight>,
}

#[derive(Debug)]
struct Flight {
    id: u64,
    deltas: Vec<(Series, u64)>,
    durations: Vec<f64>,
    expires: f64,
}

impl SelfMetrics {
    /// Starts from a ledger that an earlier instance has reported, so that its counts are not
    /// reported again.
    pub(crate) fn since(ledger: &Ledger, series: &SeriesIndex) -> Self {
        let mut own = Self::default();
        for (series, count) in counts(ledger, series) {
            own.reported.insert(series, count);
        }
        own
    }

    /// Keeps a duration for the next push.
    pub(crate) fn note_duration(&mut self, ms: f64) {
        if self.durations.len() < MAX_DURATIONS && ms.is_finite() {
            self.durations.push(ms.max(0.0));
        }
    }

    /// Returns the contents of a push when one is due and something changed.
    pub(crate) fn take(
        &mut self,
        id: u64,
        ledger: &Ledger,
        series: &SeriesIndex,
        now: f64,
        expires: f64,
    ) -> Option<Vec<Metric>> {
        // The request of an expired push has ended, and may have arrived. (The clock may have been
        // set back.)
        let latest = now + FLUSH_BUDGET_MS + SETTLE_GRACE_MS;
        if let Some(flight) = &mut self.flight {
            flight.expires = flight.expires.min(latest);
        }
        self.flight.take_if(|flight| now > flight.expires);
        let interval = 0.0..SELF_METRICS_INTERVAL_MS;
        let early = self
            .last
            .is_some_and(|last| interval.contains(&(now - last)));
        if early || self.flight.is_some() {
            return None;
        }
        let mut deltas = Vec::new();
        for (series, count) in counts(ledger, series) {
            let reported = self.reported.entry(series.clone()).or_default();
            let delta = count.saturating_sub(*reported);
            if delta > 0 {
                *reported = count;
                deltas.push((series, delta));
            }
        }
        let durations = std::mem::take(&mut self.durations);
        if deltas.is_empty() && durations.is_empty() {
            return None;
        }
        let counters = deltas.iter().map(|(series, delta)| counter(series, *delta));
        let observations = durations
            .iter()
            .map(|duration| own_metric(Kind::Histogram, DURATION, &[], *duration));
        let metrics = counters.chain(observations).collect();
        self.last = Some(now);
        self.flight = Some(Flight {
            id,
            deltas,
            durations,
            expires,
        });
        Some(metrics)
    }

    /// Settles a push of these metrics. Delivered and unknown counts are not sent again; dropped
    /// counts are added to the next push.
    pub(crate) fn settle(&mut self, id: u64, outcome: Outcome) {
        // A push that was given up counts as sent. Otherwise its deltas could be sent twice.
        let Some(flight) = self.flight.take_if(|flight| flight.id == id) else {
            return;
        };
        if let Outcome::Dropped(_) = outcome {
            for (series, delta) in flight.deltas {
                let reported = self.reported.entry(series).or_default();
                *reported = reported.saturating_sub(delta);
            }
            for duration in flight.durations {
                self.note_duration(duration);
            }
        }
    }
}

/// Every counter with its count so far.
fn counts(ledger: &Ledger, series: &SeriesIndex) -> Vec<(Series, u64)> {
    let mut counts = Vec::new();
    for (outcome, count) in [
        ("coalesced", &ledger.coalesced),
        ("delivered", &ledger.delivered),
        ("rejected", &ledger.rejected),
    ] {
        counts.push((samples(outcome, ""), count.get()));
    }
    for (outcome, reasons) in [
        ("dropped", &ledger.dropped),
        ("unknown", &ledger.unknown),
        ("refused", &ledger.refused),
    ] {
        reasons.for_each(|reason, count| counts.push((samples(outcome, reason), count)));
    }
    for (outcome, count) in [
        ("delivered", &ledger.pushes.delivered),
        ("dropped", &ledger.pushes.dropped),
        ("unknown", &ledger.pushes.unknown),
        ("retried", &ledger.pushes.retried),
    ] {
        let series = (PUSHES, vec![("outcome", outcome.to_owned())]);
        counts.push((series, count.get()));
    }
    for (metric, folded) in series.overflowed() {
        let series = (OVERFLOW, vec![("metric", metric.to_owned())]);
        counts.push((series, folded));
    }
    counts
}

fn samples(outcome: &str, reason: &str) -> Series {
    let labels = vec![
        ("outcome", outcome.to_owned()),
        ("reason", reason.to_owned()),
    ];
    (SAMPLES, labels)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a count of samples stays below 2^53"
)]
fn counter((metric, labels): &Series, delta: u64) -> Metric {
    own_metric(Kind::Counter, *metric, labels, delta as f64)
}

fn own_metric(
    kind: Kind,
    (name, help): (&str, &str),
    labels: &[(&str, String)],
    value: f64,
) -> Metric {
    let mut metric = Metric {
        name: name.to_owned(),
        help: Some(help.to_owned()),
        r#type: kind as i32,
        labels: BTreeMap::new(),
        value,
    };
    for (name, value) in labels {
        metric.labels.insert((*name).to_owned(), value.clone());
    }
    metric
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::add;
    use crate::sample::{Labels, Series};

    const DELIVERED: Outcome = Outcome::Delivered {
        accepted: 0,
        rejected: 0,
    };

    type Row = (String, String, f64);

    fn rows(metrics: Vec<Metric>) -> Vec<Row> {
        let row = |m: Metric| {
            let labels: Vec<_> = m.labels.into_values().filter(|v| !v.is_empty()).collect();
            (m.name, labels.join("/"), m.value)
        };
        metrics.into_iter().map(row).collect()
    }

    fn take(own: &mut SelfMetrics, ledger: &Ledger, now: f64) -> Option<Vec<Row>> {
        let series = SeriesIndex::new(1);
        own.take(0, ledger, &series, now, now + 1_000.0).map(rows)
    }

    fn row((name, _): (&str, &str), labels: &str, value: f64) -> Row {
        (name.to_owned(), labels.to_owned(), value)
    }

    #[test]
    fn only_what_is_new_is_pushed_and_not_too_often() {
        let (mut own, ledger) = (SelfMetrics::default(), Ledger::default());
        assert_eq!(take(&mut own, &ledger, 0.0), None);
        add(&ledger.delivered, 3);
        own.note_duration(12.5);
        let first = vec![row(SAMPLES, "delivered", 3.0), row(DURATION, "", 12.5)];
        assert_eq!(take(&mut own, &ledger, 1.0), Some(first));
        own.settle(0, DELIVERED);
        add(&ledger.delivered, 1);
        ledger.dropped.add("dns_error", 2);
        assert_eq!(take(&mut own, &ledger, 2.0), None, "too early");
        let dropped = row(SAMPLES, "dropped/dns_error", 2.0);
        let second = vec![row(SAMPLES, "delivered", 1.0), dropped];
        assert_eq!(take(&mut own, &ledger, 20_000.0), Some(second));
    }

    #[test]
    fn what_was_dropped_is_pushed_again_and_what_is_unknown_is_not() {
        let (mut own, ledger) = (SelfMetrics::default(), Ledger::default());
        add(&ledger.pushes.delivered, 1);
        own.note_duration(5.0);
        let first = take(&mut own, &ledger, 0.0);
        own.settle(0, Outcome::Dropped("dns_error"));
        add(&ledger.pushes.delivered, 1);
        let second = vec![row(PUSHES, "delivered", 2.0), row(DURATION, "", 5.0)];
        assert_eq!(
            take(&mut own, &ledger, 20_000.0),
            Some(second),
            "after {first:?}"
        );
        own.settle(0, Outcome::Unknown("timeout"));
        assert_eq!(take(&mut own, &ledger, 40_000.0), None);
    }

    #[test]
    fn folded_samples_are_reported_by_metric_each_once() {
        let (mut own, ledger) = (SelfMetrics::default(), Ledger::default());
        let mut index = SeriesIndex::new(1);
        let mut folded = |own: &mut SelfMetrics, metrics: &[&str], now, outcome| {
            for metric in metrics {
                let series = Series::new(Kind::Counter, *metric, Labels::default(), None);
                index.admit(&series.unwrap(), 0).unwrap();
            }
            let metrics = own.take(0, &ledger, &index, now, now).unwrap();
            own.settle(0, outcome);
            rows(metrics)
        };
        let dropped = Outcome::Dropped("dns_error");
        let first = folded(&mut own, &["c", "c"], 0.0, dropped);
        assert_eq!(first, [row(OVERFLOW, "c", 2.0)]);
        let second = folded(&mut own, &["b", "c"], 20_000.0, DELIVERED);
        assert_eq!(second, [row(OVERFLOW, "c", 3.0), row(OVERFLOW, "b", 1.0)]);
        let third = folded(&mut own, &["b"], 40_000.0, DELIVERED);
        assert_eq!(third, [row(OVERFLOW, "b", 1.0)]);
    }

    #[test]
    fn one_push_at_a_time_and_a_lost_one_does_not_block_for_ever() {
        let (mut own, ledger) = (SelfMetrics::default(), Ledger::default());
        add(&ledger.delivered, 1);
        assert!(take(&mut own, &ledger, 0.0).is_some());
        add(&ledger.delivered, 1);
        assert_eq!(take(&mut own, &ledger, 900.0), None);
        let second = vec![row(SAMPLES, "delivered", 1.0)];
        assert_eq!(take(&mut own, &ledger, 20_000.0), Some(second));
    }

    #[test]
    fn what_a_ledger_holds_from_before_is_not_reported() {
        let ledger = Ledger::default();
        add(&ledger.delivered, 3);
        let mut own = SelfMetrics::since(&ledger, &SeriesIndex::new(1));
        assert_eq!(take(&mut own, &ledger, 0.0), None);
        add(&ledger.delivered, 1);
        let new = vec![row(SAMPLES, "delivered", 1.0)];
        assert_eq!(take(&mut own, &ledger, 0.0), Some(new));
    }

    #[test]
    fn durations_that_wait_are_bounded() {
        let mut own = SelfMetrics::default();
        for _ in 0..1_000 {
            own.note_duration(1.0);
        }
        let rows = take(&mut own, &Ledger::default(), 0.0);
        assert_eq!(rows.map(|rows| rows.len()), Some(64));
    }
}
