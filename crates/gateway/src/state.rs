//! `GET /api/state`: the data for the page as JSON, limited to the changes since its last request.

use std::ops::Bound;

use serde::Serialize;

use crate::activity::{Activity, SLOT_MS, SLOTS, slot_at};
use crate::buckets::Buckets;
use crate::check::Kind;
use crate::code::code_name;
use crate::family::{Series, Value};
use crate::gateway::Gateway;
use crate::labels::Labels;
use crate::quantile::quantile;
use crate::recent::{Outcome, Recent};

/// Most series shown: those with the lowest numbers. A browser cannot handle many more.
const MAX_SHOWN: usize = 10_000;

/// The page's position: what it received last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// The start time of the process that the page talked to.
    pub(crate) instance: u64,
    /// The last push that the page knows.
    pub(crate) version: u64,
    /// The slot that was current then.
    pub(crate) slot: u64,
}

#[derive(Serialize)]
struct State<'a> {
    instance: u64,
    /// The name of this gateway among several.
    pod: &'a str,
    version: u64,
    slot: u64,
    /// Whether this is a full answer: the page had no position, or one of another process.
    full: bool,
    now_ms: u64,
    slot_ms: u64,
    slots: u64,
    series_total: usize,
    series_limit: usize,
    series_shown_limit: usize,
    pushes_total: u64,
    accepted_total: u64,
    rejected_total: u64,
    dedupe_hits: u64,
    accepted: Sums,
    rejected: Sums,
    metrics: Vec<MetricState<'a>>,
    series: Vec<SeriesState<'a>>,
    pushes: Vec<PushState<'a>>,
}

/// The number of the first slot, and the sums from there on.
type Sums = (u64, Vec<f64>);

#[derive(Serialize)]
struct MetricState<'a> {
    id: usize,
    name: &'a str,
    r#type: &'static str,
    help: &'a str,
    /// The bounds of a histogram's buckets.
    #[serde(skip_serializing_if = "Option::is_none")]
    bounds: Option<&'a [f64]>,
}

#[derive(Serialize)]
struct SeriesState<'a> {
    id: usize,
    metric: usize,
    labels: &'a Labels,
    /// A counter's total, or a histogram's number of observations.
    value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    histogram: Option<HistogramState<'a>>,
    activity: Sums,
}

#[derive(Serialize)]
struct HistogramState<'a> {
    sum: f64,
    /// Each bucket's own observations. The last bucket is the one up to `+Inf`.
    buckets: &'a [u64],
    /// Estimates of p50, p90 and p99.
    quantiles: [Option<f64>; 3],
}

#[derive(Serialize)]
struct PushState<'a> {
    version: u64,
    at_ms: u64,
    id: Option<&'a str>,
    code: &'static str,
    message: &'a str,
    accepted: u64,
    rejected: u64,
    repeat: bool,
    reasons: Vec<ReasonState<'a>>,
}

#[derive(Serialize)]
struct ReasonState<'a> {
    metric: &'a str,
    reason: &'static str,
    message: &'a str,
    count: u64,
}

/// # Errors
///
/// None are known: every value has a JSON form.
pub(crate) fn json(
    gateway: &Gateway,
    instance: u64,
    now_ms: u64,
    cursor: Cursor,
) -> Result<Vec<u8>, serde_json::Error> {
    // After an expiry, series numbers that the page knows may belong to other series.
    let versions = gateway.expired_at..=gateway.version;
    let known = cursor.instance == instance && versions.contains(&cursor.version);
    let since = if known { cursor } else { Cursor::default() };
    let registry = &gateway.registry;
    let ledger = &gateway.ledger;

    let families = || registry.families();
    let metrics = families()
        .filter(|(_, family)| family.changed > since.version)
        .map(|(id, family)| MetricState {
            id,
            name: &family.name,
            r#type: family.kind.as_str(),
            help: &family.help,
            bounds: (family.kind == Kind::Histogram).then(|| family.buckets.bounds()),
        });
    let series = families().flat_map(|(_, family)| {
        registry
            .series_from(family, Bound::Unbounded)
            .filter(|(id, series)| series.changed > since.version && *id < MAX_SHOWN)
            .map(|(id, series)| series_state(id, series, &family.buckets, since.slot))
    });

    serde_json::to_vec(&State {
        instance,
        pod: &gateway.pod,
        version: gateway.version,
        slot: slot_at(now_ms),
        full: !known,
        now_ms,
        slot_ms: SLOT_MS,
        slots: SLOTS,
        series_total: registry.series(),
        series_limit: registry.max_series(),
        series_shown_limit: MAX_SHOWN,
        pushes_total: ledger.pushes_total(),
        accepted_total: ledger.accepted,
        rejected_total: ledger.rejected_total(),
        dedupe_hits: ledger.dedupe_hits,
        accepted: sums(&gateway.accepted_lately, since.slot),
        rejected: sums(&gateway.rejected_lately, since.slot),
        metrics: metrics.collect(),
        series: series.collect(),
        pushes: gateway
            .recent
            .since(since.version)
            .map(push_state)
            .collect(),
    })
}

fn sums(activity: &Activity, since: u64) -> Sums {
    activity.since(since)
}

fn series_state<'a>(
    id: usize,
    series: &'a Series,
    bounds: &Buckets,
    since: u64,
) -> SeriesState<'a> {
    let (value, histogram) = match &series.value {
        Value::Counter(total) => (*total, None),
        Value::Histogram {
            buckets,
            sum,
            count,
        } => {
            let histogram = HistogramState {
                sum: *sum,
                buckets,
                quantiles: [0.5, 0.9, 0.99].map(|q| quantile(q, bounds, buckets)),
            };
            (*count as f64, Some(histogram))
        }
    };
    SeriesState {
        id,
        metric: series.family,
        labels: &series.labels,
        value,
        histogram,
        activity: sums(&series.activity, since),
    }
}

fn push_state(recent: &Recent) -> PushState<'_> {
    let mut state = PushState {
        version: recent.version,
        at_ms: recent.at_ms,
        id: recent.id.as_deref(),
        code: "OK",
        message: "",
        accepted: 0,
        rejected: 0,
        repeat: false,
        reasons: Vec::new(),
    };
    match &recent.outcome {
        Outcome::Answered {
            accepted,
            rejected,
            repeat,
            examples,
        } => {
            state.accepted = *accepted;
            state.rejected = *rejected;
            state.repeat = *repeat;
            let reasons = examples.iter().map(|rejected| ReasonState {
                metric: &rejected.name,
                reason: rejected.rejection.reason.as_str(),
                message: &rejected.rejection.message,
                count: rejected.count,
            });
            state.reasons = reasons.collect();
        }
        Outcome::Failed { code, message } => {
            state.code = code_name(*code);
            state.message = message;
        }
    }
    state
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::dedupe::PushId;
    use crate::gateway::Config;
    use crate::proto::{Metric, MetricType};
    use crate::push::Push;

    const INSTANCE: u64 = 77;
    /// Falls into slot 500.
    const NOW: u64 = 1_000_500;

    fn gateway() -> Gateway {
        Gateway::new(Config {
            buckets: Buckets::new(&[10.0, 20.0]).unwrap().into(),
            max_series: 100,
            dedupe_entries: 10,
            pod: "gateway-0".to_owned(),
            ..Config::default()
        })
    }

    fn push(gateway: &mut Gateway, name: &str, kind: MetricType, value: f64, now_ms: u64) {
        let metric = Metric {
            name: name.to_owned(),
            r#type: kind.into(),
            value,
            help: Some(format!("help of {name}")),
            labels: [("route".to_owned(), "<b>".to_owned())].into(),
        };
        let push = Push::from(std::slice::from_ref(&metric));
        gateway.push(None, &push, now_ms).unwrap();
    }

    fn state(gateway: &Gateway, now_ms: u64, cursor: Cursor) -> Json {
        serde_json::from_slice(&json(gateway, INSTANCE, now_ms, cursor).unwrap()).unwrap()
    }

    fn cursor(state: &Json) -> Cursor {
        Cursor {
            instance: state["instance"].as_u64().unwrap(),
            version: state["version"].as_u64().unwrap(),
            slot: state["slot"].as_u64().unwrap(),
        }
    }

    #[test]
    fn without_a_cursor_everything_is_sent() {
        let mut gateway = gateway();
        push(
            &mut gateway,
            "x_total",
            MetricType::Counter,
            2.0,
            NOW - 4_000,
        );
        push(&mut gateway, "x_total", MetricType::Counter, 3.0, NOW);
        push(&mut gateway, "ms", MetricType::Histogram, 12.0, NOW);
        push(&mut gateway, "x_total", MetricType::Gauge, 1.0, NOW);
        let id = PushId::new(b"one").unwrap();
        gateway.push(Some(&id), &Push::default(), NOW).unwrap();
        gateway.push(Some(&id), &Push::default(), NOW).unwrap();
        gateway.failed(13, "bad message", NOW);

        let state = state(&gateway, NOW, Cursor::default());
        assert_eq!(
            state,
            json!({
                "instance": 77, "pod": "gateway-0", "version": 7, "slot": 500, "full": true,
                "now_ms": NOW, "slot_ms": 2000, "slots": 60,
                "series_total": 2, "series_limit": 100, "series_shown_limit": 10000,
                "pushes_total": 7, "accepted_total": 3, "rejected_total": 1, "dedupe_hits": 1,
                "accepted": [498, [1.0, 0.0, 2.0]],
                "rejected": [500, [1.0]],
                "metrics": [
                    {"id": 1, "name": "pushed_ms", "type": "histogram", "help": "help of ms", "bounds": [10.0, 20.0]},
                    {"id": 0, "name": "pushed_x_total", "type": "counter", "help": "help of x_total"},
                ],
                "series": [
                    {"id": 1, "metric": 1, "labels": {"route": "<b>"}, "value": 1.0,
                     "histogram": {"sum": 12.0, "buckets": [0, 1, 0], "quantiles": [15.0, 19.0, 19.9]},
                     "activity": [500, [1.0]]},
                    {"id": 0, "metric": 0, "labels": {"route": "<b>"}, "value": 5.0,
                     "activity": [498, [2.0, 0.0, 3.0]]},
                ],
                "pushes": [
                    {"version": 1, "at_ms": NOW - 4000, "id": null, "code": "OK", "message": "", "accepted": 1, "rejected": 0, "repeat": false, "reasons": []},
                    {"version": 2, "at_ms": NOW, "id": null, "code": "OK", "message": "", "accepted": 1, "rejected": 0, "repeat": false, "reasons": []},
                    {"version": 3, "at_ms": NOW, "id": null, "code": "OK", "message": "", "accepted": 1, "rejected": 0, "repeat": false, "reasons": []},
                    {"version": 4, "at_ms": NOW, "id": null, "code": "OK", "message": "", "accepted": 0, "rejected": 1, "repeat": false,
                     "reasons": [{"metric": "x_total", "reason": "bad_type", "count": 1,
                                  "message": "expected type counter (1) or histogram (3), found gauge (2)"}]},
                    {"version": 5, "at_ms": NOW, "id": "one", "code": "OK", "message": "", "accepted": 0, "rejected": 0, "repeat": false, "reasons": []},
                    {"version": 6, "at_ms": NOW, "id": "one", "code": "OK", "message": "", "accepted": 0, "rejected": 0, "repeat": true, "reasons": []},
                    {"version": 7, "at_ms": NOW, "id": null, "code": "INTERNAL", "message": "bad message", "accepted": 0, "rejected": 0, "repeat": false, "reasons": []},
                ],
            })
        );
    }

    #[test]
    fn with_a_cursor_only_changes_are_sent() {
        let mut gateway = gateway();
        push(&mut gateway, "a", MetricType::Counter, 1.0, NOW);
        push(&mut gateway, "b", MetricType::Counter, 1.0, NOW);
        let first = state(&gateway, NOW, Cursor::default());
        let same = state(&gateway, NOW, cursor(&first));
        assert_eq!(
            (
                &same["full"],
                &same["metrics"],
                &same["series"],
                &same["pushes"]
            ),
            (&json!(false), &json!([]), &json!([]), &json!([]))
        );

        push(&mut gateway, "b", MetricType::Counter, 1.0, NOW + 2_000);
        let next = state(&gateway, NOW + 2_000, cursor(&first));
        assert_eq!(next["metrics"], json!([]));
        assert_eq!(
            next["series"],
            json!([{"id": 1, "metric": 1, "labels": {"route": "<b>"}, "value": 2.0,
                    "activity": [500, [1.0, 1.0]]}])
        );
        assert_eq!(next["pushes"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn a_slot_in_progress_is_sent_again_with_its_whole_sum() {
        let mut gateway = gateway();
        push(&mut gateway, "a", MetricType::Counter, 1.0, NOW);
        let first = state(&gateway, NOW, Cursor::default());
        push(&mut gateway, "a", MetricType::Counter, 2.0, NOW + 1);
        let next = state(&gateway, NOW + 1, cursor(&first));
        assert_eq!(next["series"][0]["activity"], json!([500, [3.0]]));
        assert_eq!(next["accepted"], json!([500, [2.0]]));
    }

    #[test]
    fn a_cursor_of_another_process_gets_everything() {
        let mut gateway = gateway();
        push(&mut gateway, "a", MetricType::Counter, 1.0, NOW);
        for cursor in [
            Cursor {
                instance: 76,
                version: 1,
                slot: 500,
            },
            // more than ever existed, so not a position of this process
            Cursor {
                instance: INSTANCE,
                version: 2,
                slot: 500,
            },
        ] {
            let state = state(&gateway, NOW, cursor);
            assert_eq!(
                (&state["full"], state["series"].as_array().unwrap().len()),
                (&json!(true), 1)
            );
        }
    }

    #[test]
    fn after_series_expired_everything_is_sent_again() {
        let mut gateway = gateway();
        push(&mut gateway, "a", MetricType::Counter, 1.0, NOW);
        push(&mut gateway, "b", MetricType::Counter, 1.0, NOW + 1_000);
        let first = state(&gateway, NOW, Cursor::default());
        gateway.expire(NOW + 1, 0, 10);
        let next = state(&gateway, NOW, cursor(&first));
        assert_eq!(next["full"], json!(true));
        assert_eq!(next["series"].as_array().unwrap().len(), 1);
        let then = state(&gateway, NOW, cursor(&next));
        assert_eq!(then["full"], json!(false));
    }
}
