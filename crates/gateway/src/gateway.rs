//! The core: one push in, one answer out. No I/O, no clock.

use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use prost::Message as _;

use crate::account::Account;
use crate::activity::{Activity, slot_at};
use crate::buckets::Buckets;
use crate::dedupe::{Dedupe, PushId, Remembered};
use crate::family::Moment;
use crate::proto::PushRequest;
use crate::recent::{Outcome, Recent, RecentPushes};
use crate::registry::{Applied, Registry};

/// What a gateway is started with.
#[derive(Clone, Debug)]
pub struct Config {
    /// Put before every pushed name.
    pub prefix: String,
    /// The buckets of every histogram.
    pub buckets: Buckets,
    /// Label sets over all metrics; a histogram's counts once, whatever its buckets.
    pub max_series: usize,
    /// Answers remembered by `x-push-id`; zero turns deduplication off.
    pub dedupe_entries: usize,
}

/// Everything that was pushed, and what the gateway knows of itself.
///
/// A push is applied by one call under `&mut`, so whoever shares a gateway behind a lock gets
/// deduplication that holds for concurrent repeats too, and a scrape never sees half a push.
#[derive(Debug)]
pub struct Gateway {
    pub(crate) registry: Registry,
    pub(crate) account: Account,
    pub(crate) recent: RecentPushes,
    pub(crate) accepted_lately: Activity,
    pub(crate) rejected_lately: Activity,
    /// Pushes so far, failed ones too. What a push changes carries its number.
    pub(crate) version: u64,
    dedupe: Dedupe,
}

/// The counts of a `PushResponse`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Metrics applied.
    pub accepted: u64,
    /// Metrics refused.
    pub rejected: u64,
}

/// What became of a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// Its Metrics were applied or refused.
    Applied(Applied),
    /// It was a repeat: nothing was applied, and this was the answer to the first.
    Repeat(Answer),
}

impl Pushed {
    /// What the sender is told.
    #[must_use]
    pub fn answer(&self) -> Answer {
        match self {
            Self::Applied(applied) => Answer {
                accepted: applied.accepted,
                rejected: applied.rejected_total(),
            },
            Self::Repeat(answer) => *answer,
        }
    }
}

/// An id came back with other Metrics than the first time. The remembered answer would be to
/// another question, so there is none, and nothing is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PushIdReused;

impl fmt::Display for PushIdReused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected a repeat of the push that had this x-push-id, found other metrics")
    }
}

impl std::error::Error for PushIdReused {}

impl Gateway {
    /// An empty gateway.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            registry: Registry::new(config.prefix, config.buckets, config.max_series),
            account: Account::new(),
            recent: RecentPushes::default(),
            accepted_lately: Activity::new(0),
            rejected_lately: Activity::new(0),
            version: 0,
            dedupe: Dedupe::new(config.dedupe_entries),
        }
    }

    /// Applies a push once, however often it arrives under one id.
    ///
    /// `now_ms` is in milliseconds since the Unix epoch.
    ///
    /// # Errors
    ///
    /// [`PushIdReused`] when the id was another push's; nothing is applied.
    pub fn push(
        &mut self,
        id: Option<&PushId>,
        request: PushRequest,
        now_ms: u64,
    ) -> Result<Pushed, PushIdReused> {
        let pushed = match id {
            None => Pushed::Applied(self.apply(request, now_ms)),
            Some(id) => self.push_once(id, request, now_ms)?,
        };
        let outcome = match &pushed {
            Pushed::Applied(applied) => Outcome::applied(applied),
            Pushed::Repeat(answer) => Outcome::repeat(*answer),
        };
        self.finish(0, id, outcome, now_ms);
        Ok(pushed)
    }

    /// Takes note of a push that was answered with an error, a gRPC status code other than 0.
    pub fn failed(&mut self, code: i32, message: &str, now_ms: u64) {
        self.finish(code, None, Outcome::failed(code, message), now_ms);
    }

    fn push_once(
        &mut self,
        id: &PushId,
        request: PushRequest,
        now_ms: u64,
    ) -> Result<Pushed, PushIdReused> {
        let fingerprint = fingerprint(&request);
        if let Some(first) = self.dedupe.get(id) {
            if first.request != fingerprint {
                return Err(PushIdReused);
            }
            self.account.dedupe_hits = self.account.dedupe_hits.saturating_add(1);
            return Ok(Pushed::Repeat(first.answer));
        }
        let pushed = Pushed::Applied(self.apply(request, now_ms));
        let remembered = Remembered {
            request: fingerprint,
            answer: pushed.answer(),
        };
        self.dedupe.remember(id.clone(), remembered);
        Ok(pushed)
    }

    fn apply(&mut self, request: PushRequest, now_ms: u64) -> Applied {
        let moment = Moment {
            version: self.version.saturating_add(1),
            slot: slot_at(now_ms),
        };
        let applied = self.registry.apply(request, moment);
        self.account.applied(&applied);
        self.accepted_lately
            .add(moment.slot, applied.accepted as f64);
        self.rejected_lately
            .add(moment.slot, applied.rejected_total() as f64);
        applied
    }

    fn finish(&mut self, code: i32, id: Option<&PushId>, outcome: Outcome, now_ms: u64) {
        self.version = self.version.saturating_add(1);
        self.account.pushed(code);
        self.recent.add(Recent {
            version: self.version,
            at_ms: now_ms,
            id: id.map(|id| id.as_str().to_owned()),
            outcome,
        });
    }
}

/// Equal for equal requests: labels are encoded in one order, whatever the sender's.
fn fingerprint(request: &PushRequest) -> u64 {
    let mut hasher = DefaultHasher::new();
    request.encode_to_vec().hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exposition;
    use crate::proto::{Metric, MetricType};
    use crate::reason::Reason;

    fn gateway() -> Gateway {
        Gateway::new(Config {
            prefix: "pushed_".to_owned(),
            buckets: Buckets::new(&[10.0, 100.0]).unwrap(),
            max_series: 4,
            dedupe_entries: 2,
        })
    }

    fn metric(name: &str, kind: MetricType, value: f64, labels: &[(&str, &str)]) -> Metric {
        Metric {
            name: name.to_owned(),
            r#type: kind.into(),
            value,
            labels: labels
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            help: None,
        }
    }

    fn counter(name: &str, value: f64, labels: &[(&str, &str)]) -> Metric {
        metric(name, MetricType::Counter, value, labels)
    }

    fn histogram(name: &str, value: f64, labels: &[(&str, &str)]) -> Metric {
        metric(name, MetricType::Histogram, value, labels)
    }

    fn push(gateway: &mut Gateway, metrics: &[Metric]) -> Applied {
        let request = PushRequest {
            metrics: metrics.to_vec(),
        };
        match gateway.push(None, request, 0).unwrap() {
            Pushed::Applied(applied) => applied,
            Pushed::Repeat(_) => panic!("no id, no repeat"),
        }
    }

    /// The pushed part of `/metrics`.
    fn pushed(gateway: &Gateway) -> String {
        let text = exposition::text(&exposition::families(gateway)).unwrap();
        let (pushed, _own) = text.split_once("# HELP metrics_gateway_").unwrap();
        pushed.to_owned()
    }

    fn refused(applied: &Applied) -> Vec<(&str, Reason, &str, u64)> {
        applied
            .examples
            .iter()
            .map(|one| {
                (
                    one.name.as_str(),
                    one.rejection.reason,
                    one.rejection.message.as_str(),
                    one.count,
                )
            })
            .collect()
    }

    #[test]
    fn counters_add_up_by_label_set() {
        let mut gateway = gateway();
        push(
            &mut gateway,
            &[
                counter("requests_total", 1.0, &[("route", "/b")]),
                counter("requests_total", 0.0, &[("route", "/a")]),
                counter("requests_total", 2.5, &[("route", "/b")]),
            ],
        );
        assert_eq!(
            pushed(&gateway),
            "# TYPE pushed_requests_total counter\n\
             pushed_requests_total{route=\"/a\"} 0\n\
             pushed_requests_total{route=\"/b\"} 3.5\n"
        );
    }

    #[test]
    fn histograms_are_observed_into_cumulative_buckets() {
        let mut gateway = gateway();
        let observations = [5.0, 10.0, 50.0, 1000.0, -1.0].map(|value| histogram("ms", value, &[]));
        push(&mut gateway, &observations);
        assert_eq!(
            pushed(&gateway),
            "# TYPE pushed_ms histogram\n\
             pushed_ms_bucket{le=\"10\"} 3\n\
             pushed_ms_bucket{le=\"100\"} 4\n\
             pushed_ms_bucket{le=\"+Inf\"} 5\n\
             pushed_ms_sum 1064\n\
             pushed_ms_count 5\n"
        );
    }

    #[test]
    fn help_and_label_values_are_escaped() {
        let mut gateway = gateway();
        let mut metric = counter("x_total", 1.0, &[("a", "\\ \" \n ü <b>")]);
        metric.help = Some("back\\slash\nnew \"line\"".to_owned());
        push(&mut gateway, &[metric]);
        assert_eq!(
            pushed(&gateway),
            "# HELP pushed_x_total back\\\\slash\\nnew \"line\"\n\
             # TYPE pushed_x_total counter\n\
             pushed_x_total{a=\"\\\\ \\\" \\n ü <b>\"} 1\n"
        );
    }

    #[test]
    fn the_first_help_stays_and_another_is_no_error() {
        let mut gateway = gateway();
        for help in [None, Some(""), Some("first"), Some("second"), None] {
            let mut metric = counter("x_total", 1.0, &[]);
            metric.help = help.map(str::to_owned);
            assert_eq!(push(&mut gateway, &[metric]).accepted, 1, "{help:?}");
        }
        assert_eq!(
            pushed(&gateway),
            "# HELP pushed_x_total first\n# TYPE pushed_x_total counter\npushed_x_total 5\n"
        );
    }

    #[test]
    fn help_beyond_the_limit_is_cut_and_the_sample_kept() {
        let mut gateway = gateway();
        let mut metric = counter("x_total", 1.0, &[]);
        metric.help = Some(format!("{}ü", "h".repeat(1023)));
        assert_eq!(push(&mut gateway, &[metric]).accepted, 1);
        assert!(
            pushed(&gateway).starts_with(&format!("# HELP pushed_x_total {}\n", "h".repeat(1023)))
        );
    }

    #[test]
    fn the_first_type_of_a_name_stays() {
        let mut gateway = gateway();
        push(&mut gateway, &[counter("x", 1.0, &[])]);
        let applied = push(
            &mut gateway,
            &[histogram("x", 1.0, &[]), counter("x", 1.0, &[])],
        );
        assert_eq!(applied.accepted, 1);
        assert_eq!(
            refused(&applied),
            [(
                "x",
                Reason::TypeConflict,
                "expected a counter, which this name has been so far, found a histogram",
                1
            )]
        );
        assert_eq!(pushed(&gateway), "# TYPE pushed_x counter\npushed_x 2\n");
    }

    #[test]
    fn the_first_label_names_of_a_metric_stay() {
        let mut gateway = gateway();
        push(&mut gateway, &[counter("x", 1.0, &[("a", "1"), ("b", "")])]);
        for labels in [
            &[][..],
            &[("a", "1")],
            &[("a", "1"), ("c", "")],
            &[("a", ""), ("b", ""), ("c", "")],
        ] {
            let applied = push(&mut gateway, &[counter("x", 1.0, labels)]);
            assert_eq!(
                applied.rejected,
                [(Reason::LabelConflict, 1)].into(),
                "{labels:?}"
            );
        }
        let applied = push(&mut gateway, &[counter("x", 1.0, &[("a", "1")])]);
        assert_eq!(
            refused(&applied),
            [(
                "x",
                Reason::LabelConflict,
                "expected the label names [\"a\", \"b\"], which this metric has had so far, found [\"a\"]",
                1
            )]
        );
    }

    #[test]
    fn overflow_series_stand_beside_any_label_names() {
        let mut gateway = gateway();
        let applied = push(
            &mut gateway,
            &[
                // before the metric's own label names are known, and it does not settle them
                counter("x", 1.0, &[("overflow", "true")]),
                counter("x", 2.0, &[("route", "/")]),
                // with a label that the sender adds to everything
                counter("x", 4.0, &[("overflow", "true"), ("worker", "w")]),
                counter("x", 8.0, &[("overflow", "true")]),
                // only "true" is the mark
                counter("x", 16.0, &[("overflow", "false")]),
            ],
        );
        assert_eq!((applied.accepted, applied.rejected_total()), (4, 1));
        assert_eq!(
            pushed(&gateway),
            "# TYPE pushed_x counter\n\
             pushed_x{overflow=\"true\"} 9\n\
             pushed_x{overflow=\"true\",worker=\"w\"} 4\n\
             pushed_x{route=\"/\"} 2\n"
        );
    }

    #[test]
    fn an_overflow_series_with_an_empty_label_is_the_one_without_it() {
        let mut gateway = gateway();
        push(
            &mut gateway,
            &[
                counter("x", 1.0, &[("overflow", "true"), ("worker", "")]),
                counter("x", 2.0, &[("overflow", "true")]),
            ],
        );
        assert_eq!(
            pushed(&gateway),
            "# TYPE pushed_x counter\npushed_x{overflow=\"true\"} 3\n"
        );
    }

    #[test]
    fn an_overflow_series_still_has_the_metrics_type() {
        let mut gateway = gateway();
        push(&mut gateway, &[counter("x", 1.0, &[])]);
        let applied = push(
            &mut gateway,
            &[histogram("x", 1.0, &[("overflow", "true")])],
        );
        assert_eq!(applied.rejected, [(Reason::TypeConflict, 1)].into());
    }

    #[test]
    fn a_full_gateway_refuses_new_series_and_keeps_adding_to_the_old() {
        let mut gateway = gateway();
        for route in ["1", "2", "3", "4"] {
            push(&mut gateway, &[counter("x", 1.0, &[("route", route)])]);
        }
        let applied = push(
            &mut gateway,
            &[
                counter("x", 1.0, &[("route", "5")]),
                counter("y", 1.0, &[]),
                counter("x", 1.0, &[("overflow", "true")]),
                counter("x", 1.0, &[("route", "4")]),
            ],
        );
        assert_eq!(applied.accepted, 1);
        assert_eq!(
            refused(&applied),
            [
                (
                    "x",
                    Reason::SeriesLimit,
                    "expected at most 4 series, found a new label set",
                    2
                ),
                (
                    "y",
                    Reason::SeriesLimit,
                    "expected at most 4 series, found a new label set",
                    1
                ),
            ]
        );
        assert!(pushed(&gateway).ends_with("pushed_x{route=\"4\"} 2\n"));
    }

    #[test]
    fn a_refused_metric_leaves_nothing_behind_and_the_rest_is_applied() {
        let mut gateway = gateway();
        let mut bad = counter("new_name", f64::NAN, &[]);
        bad.help = Some("help".to_owned());
        let applied = push(
            &mut gateway,
            &[bad, counter("y", 1.0, &[]), counter("", 1.0, &[])],
        );
        assert_eq!(applied.accepted, 1);
        assert_eq!(
            applied.rejected,
            [(Reason::BadName, 1), (Reason::BadValue, 1)].into()
        );
        assert_eq!(pushed(&gateway), "# TYPE pushed_y counter\npushed_y 1\n");
    }

    #[test]
    fn a_sum_that_would_become_infinite_is_refused_and_nothing_changes() {
        let mut gateway = gateway();
        push(
            &mut gateway,
            &[counter("x", f64::MAX, &[]), histogram("h", f64::MAX, &[])],
        );
        let before = pushed(&gateway);
        let applied = push(
            &mut gateway,
            &[counter("x", f64::MAX, &[]), histogram("h", f64::MAX, &[])],
        );
        assert_eq!(applied.rejected, [(Reason::BadValue, 2)].into());
        assert_eq!(
            applied.examples[0].rejection.message,
            "expected a sum that stays finite, found 1.7976931348623157e308 + 1.7976931348623157e308"
        );
        assert_eq!(pushed(&gateway), before);
    }

    #[test]
    fn of_many_refused_metrics_the_first_kinds_are_told_and_all_are_counted() {
        let mut gateway = gateway();
        let metrics: Vec<_> = (0..500)
            .map(|n| counter(&format!("bad name {}", n % 50), 1.0, &[]))
            .collect();
        let applied = push(&mut gateway, &metrics);
        assert_eq!(applied.rejected, [(Reason::BadName, 500)].into());
        assert_eq!(applied.examples.len(), 20);
        assert_eq!(applied.examples[0].count, 10);
    }

    #[test]
    fn the_gateway_counts_what_it_did() {
        let mut gateway = gateway();
        let id = PushId::new(b"a").unwrap();
        for _ in 0..2 {
            let request = PushRequest {
                metrics: vec![counter("x", 1.0, &[]), counter("x", -1.0, &[])],
            };
            gateway.push(Some(&id), request, 0).unwrap();
        }
        gateway.failed(13, "bad message", 0);
        let text = exposition::text(&exposition::families(&gateway)).unwrap();
        let (_pushed, own) = text
            .split_once("# HELP metrics_gateway_pushes_total ")
            .unwrap();
        assert_eq!(
            own,
            "Pushes answered, by gRPC status code.\n\
             # TYPE metrics_gateway_pushes_total counter\n\
             metrics_gateway_pushes_total{code=\"OK\"} 2\n\
             metrics_gateway_pushes_total{code=\"INTERNAL\"} 1\n\
             # HELP metrics_gateway_metrics_accepted_total Metrics of pushes that were applied.\n\
             # TYPE metrics_gateway_metrics_accepted_total counter\n\
             metrics_gateway_metrics_accepted_total 1\n\
             # HELP metrics_gateway_metrics_rejected_total Metrics of pushes that were refused, by reason.\n\
             # TYPE metrics_gateway_metrics_rejected_total counter\n\
             metrics_gateway_metrics_rejected_total{reason=\"bad_name\"} 0\n\
             metrics_gateway_metrics_rejected_total{reason=\"reserved_name\"} 0\n\
             metrics_gateway_metrics_rejected_total{reason=\"bad_type\"} 0\n\
             metrics_gateway_metrics_rejected_total{reason=\"too_many_labels\"} 0\n\
             metrics_gateway_metrics_rejected_total{reason=\"bad_label_name\"} 0\n\
             metrics_gateway_metrics_rejected_total{reason=\"bad_label_value\"} 0\n\
             metrics_gateway_metrics_rejected_total{reason=\"bad_value\"} 1\n\
             metrics_gateway_metrics_rejected_total{reason=\"type_conflict\"} 0\n\
             metrics_gateway_metrics_rejected_total{reason=\"label_conflict\"} 0\n\
             metrics_gateway_metrics_rejected_total{reason=\"series_limit\"} 0\n\
             # HELP metrics_gateway_dedupe_hits_total Pushes that repeated an x-push-id and were answered from memory.\n\
             # TYPE metrics_gateway_dedupe_hits_total counter\n\
             metrics_gateway_dedupe_hits_total 1\n\
             # HELP metrics_gateway_series Label sets held; a histogram's counts once.\n\
             # TYPE metrics_gateway_series gauge\n\
             metrics_gateway_series 1\n\
             # HELP metrics_gateway_series_limit Label sets that can be held.\n\
             # TYPE metrics_gateway_series_limit gauge\n\
             metrics_gateway_series_limit 4\n"
        );
    }

    #[test]
    fn a_repeat_gets_the_first_answer_and_is_not_applied() {
        let mut gateway = gateway();
        let id = PushId::new(b"a").unwrap();
        let request = PushRequest {
            metrics: vec![counter("x", 1.0, &[]), counter("x", -1.0, &[])],
        };
        let first = gateway.push(Some(&id), request.clone(), 0).unwrap();
        assert!(matches!(first, Pushed::Applied(_)));
        let again = gateway.push(Some(&id), request, 0).unwrap();
        assert_eq!(again, Pushed::Repeat(first.answer()));
        assert_eq!(
            first.answer(),
            Answer {
                accepted: 1,
                rejected: 1
            }
        );
        assert_eq!(pushed(&gateway), "# TYPE pushed_x counter\npushed_x 1\n");
    }

    #[test]
    fn an_id_that_comes_back_with_other_metrics_is_an_error_and_nothing_is_applied() {
        let mut gateway = gateway();
        let id = PushId::new(b"a").unwrap();
        let request = |value| PushRequest {
            metrics: vec![counter("x", value, &[])],
        };
        gateway.push(Some(&id), request(1.0), 0).unwrap();
        assert_eq!(gateway.push(Some(&id), request(2.0), 0), Err(PushIdReused));
        assert_eq!(pushed(&gateway), "# TYPE pushed_x counter\npushed_x 1\n");
        // and the first answer is still there for a true repeat
        assert!(matches!(
            gateway.push(Some(&id), request(1.0), 0),
            Ok(Pushed::Repeat(_))
        ));
    }

    #[test]
    fn an_answer_that_was_forgotten_is_given_anew() {
        let mut gateway = gateway();
        for id in ["a", "b", "c", "a"] {
            let id = PushId::new(id.as_bytes()).unwrap();
            let request = PushRequest {
                metrics: vec![counter("x", 1.0, &[])],
            };
            assert!(matches!(
                gateway.push(Some(&id), request, 0),
                Ok(Pushed::Applied(_))
            ));
        }
        assert_eq!(pushed(&gateway), "# TYPE pushed_x counter\npushed_x 4\n");
    }
}
