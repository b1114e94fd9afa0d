//! `GET /metrics`: the gateway as families of the `prometheus` crate, which writes them down.

use prometheus::proto::{
    Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType,
};
use prometheus::{Error, TextEncoder};

use crate::buckets::Buckets;
use crate::check::Kind;
use crate::code::code_name;
use crate::family::{Family, Value};
use crate::gateway::Gateway;

/// Prometheus text format 0.0.4.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// # Errors
///
/// The encoder's, for a family without series; [`families`] makes none.
pub(crate) fn text(families: &[MetricFamily]) -> Result<String, Error> {
    TextEncoder::new().encode_to_string(families)
}

/// A copy of everything, so that the text can be written without holding up pushes.
pub(crate) fn families(gateway: &Gateway) -> Vec<MetricFamily> {
    let pushed = gateway
        .registry
        .families()
        .map(|(name, family)| pushed_family(name, family, gateway.registry.buckets()));
    pushed.chain(own_families(gateway)).collect()
}

fn pushed_family(name: &str, family: &Family, buckets: &Buckets) -> MetricFamily {
    let kind = match family.kind {
        Kind::Counter => MetricType::COUNTER,
        Kind::Histogram => MetricType::HISTOGRAM,
    };
    let series = family.series.iter().map(|(labels, series)| {
        let mut metric = Metric::default();
        metric.set_label(
            labels
                .iter()
                .map(|(name, value)| pair(name, value))
                .collect(),
        );
        match &series.value {
            Value::Counter(total) => metric.set_counter(counter(*total)),
            Value::Histogram {
                buckets: counts,
                sum,
                count,
            } => {
                let mut histogram = Histogram::default();
                histogram.set_bucket(cumulative(buckets, counts));
                histogram.set_sample_sum(*sum);
                histogram.set_sample_count(*count);
                metric.set_histogram(histogram);
            }
        }
        metric
    });
    make(name, &family.help, kind, series.collect())
}

/// Each bucket counts all observations up to its bound; the encoder adds the one up to `+Inf`.
fn cumulative(buckets: &Buckets, counts: &[u64]) -> Vec<Bucket> {
    let mut total = 0_u64;
    let cumulate = |(bound, count): (&f64, &u64)| {
        total = total.saturating_add(*count);
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(*bound);
        bucket.set_cumulative_count(total);
        bucket
    };
    buckets.bounds().iter().zip(counts).map(cumulate).collect()
}

/// The gateway's own metrics: no prefix, so that they cannot be mistaken for pushed ones.
fn own_families(gateway: &Gateway) -> [MetricFamily; 6] {
    let account = &gateway.account;
    let pushes = account
        .pushes
        .iter()
        .map(|(code, count)| labelled_counter("code", code_name(*code), *count));
    let rejected = account
        .rejected
        .iter()
        .map(|(reason, count)| labelled_counter("reason", reason.as_str(), *count));
    [
        make(
            "metrics_gateway_pushes_total",
            "Pushes answered, by gRPC status code.",
            MetricType::COUNTER,
            pushes.collect(),
        ),
        make(
            "metrics_gateway_metrics_accepted_total",
            "Metrics of pushes that were applied.",
            MetricType::COUNTER,
            vec![plain_counter(account.accepted)],
        ),
        make(
            "metrics_gateway_metrics_rejected_total",
            "Metrics of pushes that were refused, by reason.",
            MetricType::COUNTER,
            rejected.collect(),
        ),
        make(
            "metrics_gateway_dedupe_hits_total",
            "Pushes that repeated an x-push-id and were answered from memory.",
            MetricType::COUNTER,
            vec![plain_counter(account.dedupe_hits)],
        ),
        make(
            "metrics_gateway_series",
            "Label sets held; a histogram's counts once.",
            MetricType::GAUGE,
            vec![gauge(gateway.registry.series())],
        ),
        make(
            "metrics_gateway_series_limit",
            "Label sets that can be held.",
            MetricType::GAUGE,
            vec![gauge(gateway.registry.max_series())],
        ),
    ]
}

fn make(name: &str, help: &str, kind: MetricType, metrics: Vec<Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    family.set_field_type(kind);
    family.set_metric(metrics);
    family
}

fn pair(name: &str, value: &str) -> LabelPair {
    let mut pair = LabelPair::default();
    pair.set_name(name.to_owned());
    pair.set_value(value.to_owned());
    pair
}

fn counter(value: f64) -> Counter {
    let mut counter = Counter::default();
    counter.set_value(value);
    counter
}

fn plain_counter(count: u64) -> Metric {
    let mut metric = Metric::default();
    metric.set_counter(counter(float(count)));
    metric
}

fn labelled_counter(name: &str, value: &str, count: u64) -> Metric {
    let mut metric = plain_counter(count);
    metric.set_label(vec![pair(name, value)]);
    metric
}

fn gauge(count: usize) -> Metric {
    let mut gauge = Gauge::default();
    gauge.set_value(float(count as u64));
    let mut metric = Metric::default();
    metric.set_gauge(gauge);
    metric
}

/// Exact up to 2^53, as everything in Prometheus is.
fn float(count: u64) -> f64 {
    count as f64
}
