//! The Worker's own metrics: what its account gained, pushed as deltas under the same rules.
//!
//! They travel in a PushRequest of their own, right behind samples, so that a gateway that refuses
//! them can never make it look as if it had refused a caller's. They carry no isolate in their
//! labels: the gateway adds all isolates up.

use crate::account::Account;
use crate::limits::{FLUSH_BUDGET_MS, SELF_METRICS_INTERVAL_MS, SETTLE_GRACE_MS};
use crate::policy::Outcome;
use crate::sample::Kind;
use crate::series::{MetricId, SeriesGuard};
use crate::wire::put_own_metric;
use grpc_web_unary::FRAME_HEADER_LEN;

/// Samples by how they ended.
const SAMPLES: &str = "metrics_reporter_samples_total";
const SAMPLES_HELP: &str = "Samples by how they ended; reason says why";
/// Pushes of samples by how they ended.
const PUSHES: &str = "metrics_reporter_pushes_total";
const PUSHES_HELP: &str =
    "Pushes of samples by how they ended; retried counts attempts beyond the first";
/// How long pushes of samples took.
const DURATION: &str = "metrics_reporter_push_duration_ms";
const DURATION_HELP: &str = "Time from taking a batch to its outcome, retries included";
/// Samples that were folded.
const OVERFLOW: &str = "metrics_reporter_overflow_samples_total";
const OVERFLOW_HELP: &str =
    "Samples folded into an overflow series because their metric had too many";

/// Most durations that wait; more are not kept.
const MAX_DURATIONS: usize = 64;

/// What was reported of the account, and what waits to be.
#[derive(Debug, Default)]
pub(crate) struct OwnMetrics {
    /// Per series of the account, how much of its count was reported.
    reported: Vec<(Series, u64)>,
    /// The same of the samples that were folded, by metric: these may be thousands.
    reported_folded: Vec<u64>,
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

/// What a count is about: its metric and its labels.
#[derive(Debug, Clone, PartialEq)]
enum Series {
    Samples {
        outcome: &'static str,
        reason: Box<str>,
    },
    Pushes {
        outcome: &'static str,
    },
    /// Samples of this metric that were folded.
    Overflow(MetricId),
}

impl OwnMetrics {
    /// Starts with an account that another instance has reported: what it holds is past.
    pub(crate) fn since(account: &Account) -> Self {
        let mut own = Self::default();
        own.deltas(account, &SeriesGuard::new(0));
        own
    }

    /// Keeps a duration for the next push.
    pub(crate) fn note_duration(&mut self, ms: f64) {
        if self.durations.len() < MAX_DURATIONS && ms.is_finite() {
            self.durations.push(ms.max(0.0));
        }
    }

    /// The body of a push and its number of Metrics, if it is time for one and something is new.
    pub(crate) fn take(
        &mut self,
        id: u64,
        account: &Account,
        guard: &SeriesGuard,
        now: f64,
        expires: f64,
    ) -> Option<(Vec<u8>, u64)> {
        if let Some(flight) = &mut self.flight {
            // The clock may have been set back.
            let latest = now + FLUSH_BUDGET_MS + SETTLE_GRACE_MS;
            flight.expires = flight.expires.min(latest);
            if now > flight.expires {
                self.flight = None; // its request is gone; it may have arrived
            }
        }
        let interval = 0.0..SELF_METRICS_INTERVAL_MS;
        let early = self
            .last
            .is_some_and(|last| interval.contains(&(now - last)));
        if early || self.flight.is_some() {
            return None;
        }
        let deltas = self.deltas(account, guard);
        let durations = std::mem::take(&mut self.durations);
        if deltas.is_empty() && durations.is_empty() {
            return None;
        }
        let mut body = vec![0; FRAME_HEADER_LEN];
        for (series, delta) in &deltas {
            series.put(&mut body, *delta, guard);
        }
        for duration in &durations {
            put_own_metric(
                &mut body,
                Kind::Histogram,
                DURATION,
                DURATION_HELP,
                &[],
                *duration,
            );
        }
        let metrics =
            u64::try_from(deltas.len().saturating_add(durations.len())).unwrap_or(u64::MAX);
        self.last = Some(now);
        self.flight = Some(Flight {
            id,
            deltas,
            durations,
            expires,
        });
        Some((body, metrics))
    }

    /// The push of these ended so. Delivered and unknown are past; dropped waits for the next one.
    pub(crate) fn settle(&mut self, id: u64, outcome: Outcome) {
        // One that was given up stays past, or its deltas would be sent twice.
        let Some(flight) = self.flight.take_if(|flight| flight.id == id) else {
            return;
        };
        if let Outcome::Dropped(_) = outcome {
            for (series, delta) in flight.deltas {
                if let Some(reported) = self.reported_of(&series) {
                    *reported = reported.saturating_sub(delta);
                }
            }
            for duration in flight.durations {
                self.note_duration(duration);
            }
        }
    }

    /// How much of this series was reported.
    fn reported_of(&mut self, series: &Series) -> Option<&mut u64> {
        if let Series::Overflow(metric) = series {
            let index = metric.index();
            if self.reported_folded.len() <= index {
                self.reported_folded.resize(index.saturating_add(1), 0);
            }
            return self.reported_folded.get_mut(index);
        }
        let index = self.reported.iter().position(|(known, _)| known == series);
        let index = index.unwrap_or_else(|| {
            self.reported.push((series.clone(), 0));
            self.reported.len().saturating_sub(1)
        });
        self.reported.get_mut(index).map(|(_, reported)| reported)
    }

    /// What is new in each series, noted as reported.
    fn deltas(&mut self, account: &Account, guard: &SeriesGuard) -> Vec<(Series, u64)> {
        let mut deltas = Vec::new();
        let mut note = |series: Series, count: u64| {
            if let Some(reported) = self.reported_of(&series)
                && count > *reported
            {
                let delta = count.saturating_sub(*reported);
                *reported = count;
                deltas.push((series, delta));
            }
        };
        let samples = |outcome, reason: &str| Series::Samples {
            outcome,
            reason: reason.into(),
        };
        note(samples("coalesced", ""), account.coalesced.get());
        note(samples("delivered", ""), account.delivered.get());
        note(samples("rejected", ""), account.rejected.get());
        account
            .dropped
            .for_each(|reason, n| note(samples("dropped", reason), n));
        account
            .unknown
            .for_each(|reason, n| note(samples("unknown", reason), n));
        account
            .refused
            .for_each(|reason, n| note(samples("refused", reason), n));
        note(
            Series::Pushes {
                outcome: "delivered",
            },
            account.pushes_delivered.get(),
        );
        note(
            Series::Pushes { outcome: "dropped" },
            account.pushes_dropped.get(),
        );
        note(
            Series::Pushes { outcome: "unknown" },
            account.pushes_unknown.get(),
        );
        note(
            Series::Pushes { outcome: "retried" },
            account.pushes_retried.get(),
        );
        for (metric, folded) in guard.overflowed() {
            note(Series::Overflow(metric), folded);
        }
        deltas
    }
}

impl Series {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a count of samples stays below 2^53"
    )]
    fn put(&self, body: &mut Vec<u8>, delta: u64, guard: &SeriesGuard) {
        let value = delta as f64;
        match self {
            Self::Samples { outcome, reason } => {
                let labels = [("outcome", *outcome), ("reason", &**reason)];
                put_own_metric(body, Kind::Counter, SAMPLES, SAMPLES_HELP, &labels, value);
            }
            Self::Pushes { outcome } => {
                let labels = [("outcome", *outcome)];
                put_own_metric(body, Kind::Counter, PUSHES, PUSHES_HELP, &labels, value);
            }
            Self::Overflow(metric) => {
                let labels = [("metric", guard.name(*metric))];
                put_own_metric(body, Kind::Counter, OVERFLOW, OVERFLOW_HELP, &labels, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::account::add;
    use crate::proto::PushRequest;

    const DELIVERED: Outcome = Outcome::Delivered {
        accepted: 0,
        rejected: 0,
    };

    fn take(
        own: &mut OwnMetrics,
        account: &Account,
        now: f64,
    ) -> Option<Vec<(String, String, f64)>> {
        let guard = SeriesGuard::new(1);
        let (body, metrics) = own.take(0, account, &guard, now, now + 1_000.0)?;
        let request = PushRequest::decode(body.get(FRAME_HEADER_LEN..)?).ok()?;
        assert_eq!(request.metrics.len() as u64, metrics);
        Some(
            request
                .metrics
                .into_iter()
                .map(|m| {
                    let labels: Vec<_> = m.labels.into_values().filter(|v| !v.is_empty()).collect();
                    (m.name, labels.join("/"), m.value)
                })
                .collect(),
        )
    }

    fn row(name: &str, labels: &str, value: f64) -> (String, String, f64) {
        (name.to_owned(), labels.to_owned(), value)
    }

    #[test]
    fn only_what_is_new_is_pushed_and_not_too_often() {
        let (mut own, account) = (OwnMetrics::default(), Account::default());
        assert_eq!(take(&mut own, &account, 0.0), None);
        add(&account.delivered, 3);
        own.note_duration(12.5);
        assert_eq!(
            take(&mut own, &account, 1.0),
            Some(vec![
                row(SAMPLES, "delivered", 3.0),
                row(DURATION, "", 12.5)
            ])
        );
        own.settle(0, DELIVERED);
        add(&account.delivered, 1);
        account.dropped.add("dns_error", 2);
        assert_eq!(take(&mut own, &account, 2.0), None, "too early");
        assert_eq!(
            take(&mut own, &account, 20_000.0),
            Some(vec![
                row(SAMPLES, "delivered", 1.0),
                row(SAMPLES, "dropped/dns_error", 2.0)
            ])
        );
    }

    #[test]
    fn what_was_dropped_is_pushed_again_and_what_is_unknown_is_not() {
        let (mut own, account) = (OwnMetrics::default(), Account::default());
        add(&account.pushes_delivered, 1);
        own.note_duration(5.0);
        let first = take(&mut own, &account, 0.0);
        own.settle(0, Outcome::Dropped("dns_error"));
        add(&account.pushes_delivered, 1);
        assert_eq!(
            take(&mut own, &account, 20_000.0),
            Some(vec![row(PUSHES, "delivered", 2.0), row(DURATION, "", 5.0)]),
            "after {first:?}"
        );
        own.settle(0, Outcome::Unknown("timeout"));
        assert_eq!(take(&mut own, &account, 40_000.0), None);
    }

    #[test]
    fn folded_samples_are_reported_by_metric_each_once() {
        let (mut own, account) = (OwnMetrics::default(), Account::default());
        let mut guard = SeriesGuard::new(1);
        let ids = ["a", "b", "c"].map(|name| guard.pin(name, Kind::Counter, None).unwrap());
        let mut folded = |own: &mut OwnMetrics, metrics: &[MetricId], now, outcome| {
            for metric in metrics {
                guard.admit(*metric, 1, 0);
            }
            let (body, _) = own.take(0, &account, &guard, now, now).unwrap();
            own.settle(0, outcome);
            let request = PushRequest::decode(&body[FRAME_HEADER_LEN..]).unwrap();
            let metrics = request.metrics.into_iter();
            let rows = metrics.map(|m| (m.name, m.labels["metric"].clone(), m.value));
            rows.collect::<Vec<_>>()
        };
        let [_, b, c] = ids;
        let dropped = Outcome::Dropped("dns_error");
        let first = folded(&mut own, &[c, c], 0.0, dropped);
        assert_eq!(first, [row(OVERFLOW, "c", 2.0)]);
        let second = folded(&mut own, &[b, c], 20_000.0, DELIVERED);
        assert_eq!(second, [row(OVERFLOW, "b", 1.0), row(OVERFLOW, "c", 3.0)]);
        let third = folded(&mut own, &[b], 40_000.0, DELIVERED);
        assert_eq!(third, [row(OVERFLOW, "b", 1.0)]);
    }

    #[test]
    fn one_push_at_a_time_and_a_lost_one_does_not_block_for_ever() {
        let (mut own, account) = (OwnMetrics::default(), Account::default());
        add(&account.delivered, 1);
        assert!(take(&mut own, &account, 0.0).is_some());
        add(&account.delivered, 1);
        assert_eq!(take(&mut own, &account, 900.0), None);
        assert_eq!(
            take(&mut own, &account, 20_000.0),
            Some(vec![row(SAMPLES, "delivered", 1.0)])
        );
    }

    #[test]
    fn durations_that_wait_are_bounded() {
        let mut own = OwnMetrics::default();
        for _ in 0..1_000 {
            own.note_duration(1.0);
        }
        assert_eq!(
            take(&mut own, &Account::default(), 0.0).map(|rows| rows.len()),
            Some(64)
        );
    }
}
