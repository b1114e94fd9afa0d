//! A sample as the bytes of a `Metric` on the wire, written once and never again.
//!
//! `value` is the last field of `Metric` and has a fixed width, so everything before it is the
//! same for every sample of a series: those bytes are the series' canonical key, and a folded
//! counter changes eight bytes in place.

use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint};

use crate::sample::{Kind, Sample};

// Field numbers of marqo.metrics.v1.
const PUSH_REQUEST_METRICS: u32 = 1;
const METRIC_NAME: u32 = 1;
const METRIC_HELP: u32 = 2;
const METRIC_TYPE: u32 = 3;
const METRIC_LABELS: u32 = 4;
const METRIC_VALUE: u32 = 5;
const ENTRY_KEY: u32 = 1;
const ENTRY_VALUE: u32 = 2;

/// The bytes of `value`: one of key, eight of double.
pub const VALUE_LEN: usize = 9;

/// Appends everything of a `Metric` but its `value`, as prost encodes it.
///
/// `help` is the metric's pinned help, which may not be the sample's. Returns where the type and
/// the labels start.
pub fn put_key(out: &mut Vec<u8>, sample: &Sample<'_, '_>, help: Option<&str>) -> usize {
    put_text(out, METRIC_NAME, sample.name());
    if let Some(help) = help {
        put_text(out, METRIC_HELP, help);
    }
    let tail = out.len();
    encode_key(METRIC_TYPE, WireType::Varint, out);
    encode_varint(sample.kind() as u64, out);
    for (name, value) in sample.labels().iter() {
        put_label(out, name, value);
    }
    tail
}

/// Appends a `Metric` of a `PushRequest` whole: its key from [`put_key`], and `value`.
pub fn put_metric(out: &mut Vec<u8>, key: &[u8], value: f64) {
    encode_key(PUSH_REQUEST_METRICS, WireType::LengthDelimited, out);
    encode_varint(len_u64(key.len().saturating_add(VALUE_LEN)), out);
    out.extend_from_slice(key);
    encode_key(METRIC_VALUE, WireType::SixtyFourBit, out);
    out.extend_from_slice(&value.to_le_bytes());
}

/// How many bytes [`put_metric`] appends for a key of `key_len` bytes.
#[must_use]
pub fn metric_len(key_len: usize) -> usize {
    let metric = key_len.saturating_add(VALUE_LEN);
    metric
        .saturating_add(encoded_len_varint(len_u64(metric)))
        .saturating_add(1)
}

/// Appends a `Metric` that is not a caller's: one of the Worker's own.
pub fn put_own_metric(
    out: &mut Vec<u8>,
    kind: Kind,
    name: &str,
    help: &str,
    labels: &[(&str, &str)],
    value: f64,
) {
    let mut key = Vec::with_capacity(96);
    put_text(&mut key, METRIC_NAME, name);
    put_text(&mut key, METRIC_HELP, help);
    encode_key(METRIC_TYPE, WireType::Varint, &mut key);
    encode_varint(kind as u64, &mut key);
    for (name, value) in labels {
        put_label(&mut key, name, value);
    }
    put_metric(out, &key, value);
}

fn put_label(out: &mut Vec<u8>, name: &str, value: &str) {
    let mut len = text_len(name);
    // A map entry leaves out the default, as prost does.
    if !value.is_empty() {
        len = len.saturating_add(text_len(value));
    }
    encode_key(METRIC_LABELS, WireType::LengthDelimited, out);
    encode_varint(len_u64(len), out);
    put_text(out, ENTRY_KEY, name);
    if !value.is_empty() {
        put_text(out, ENTRY_VALUE, value);
    }
}

fn put_text(out: &mut Vec<u8>, field: u32, text: &str) {
    encode_key(field, WireType::LengthDelimited, out);
    encode_varint(len_u64(text.len()), out);
    out.extend_from_slice(text.as_bytes());
}

/// The bytes of [`put_text`]: every field here has a number below 16, so its key is one byte.
fn text_len(text: &str) -> usize {
    encoded_len_varint(len_u64(text.len()))
        .saturating_add(text.len())
        .saturating_add(1)
}

fn len_u64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::labels::Labels;
    use crate::proto::{Metric, MetricType, PushRequest};
    use crate::value::Value;

    fn encoded(sample: &Sample<'_, '_>, help: Option<&str>) -> Vec<u8> {
        let (mut key, mut out) = (Vec::new(), Vec::new());
        put_key(&mut key, sample, help);
        put_metric(&mut out, &key, sample.value());
        assert_eq!(out.len(), metric_len(key.len()));
        out
    }

    #[test]
    fn a_metric_has_exactly_the_bytes_that_prost_writes() {
        let long = "v".repeat(1000);
        let label_sets: [&[(&str, &str)]; 4] = [
            &[],
            &[("route", "/search"), ("status", "200")],
            &[("empty", "")],
            &[("long", &long), ("unicode", "é😀")],
        ];
        for label_set in label_sets {
            for (kind, proto_kind) in [
                (Kind::Counter, MetricType::Counter),
                (Kind::Histogram, MetricType::Histogram),
            ] {
                for help in [None, Some("what it counts")] {
                    let mut labels = Labels::default();
                    for &(name, value) in label_set {
                        labels.push(name, Value::Text(value)).unwrap();
                    }
                    labels.finish().unwrap();
                    let sample = Sample::new(kind, "requests", 2.5, &labels, None).unwrap();
                    let request = PushRequest {
                        metrics: vec![Metric {
                            name: "requests".into(),
                            help: help.map(Into::into),
                            r#type: proto_kind.into(),
                            labels: label_set
                                .iter()
                                .map(|&(n, v)| (n.into(), v.into()))
                                .collect(),
                            value: 2.5,
                        }],
                    };
                    assert_eq!(
                        encoded(&sample, help),
                        request.encode_to_vec(),
                        "{label_set:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_zero_increment_carries_its_value() {
        // prost leaves a zero out; written out it decodes to the same Metric, and can be added to.
        let labels = Labels::default();
        let sample = Sample::new(Kind::Counter, "a", 0.0, &labels, None).unwrap();
        let bytes = encoded(&sample, None);
        assert_eq!(
            bytes,
            [
                0x0A, 14, 0x0A, 1, b'a', 0x18, 1, 0x29, 0, 0, 0, 0, 0, 0, 0, 0
            ]
        );
        assert_eq!(PushRequest::decode(&*bytes).unwrap().metrics[0].value, 0.0);
    }

    #[test]
    fn the_workers_own_metrics_decode_as_metrics() {
        let mut out = Vec::new();
        put_own_metric(
            &mut out,
            Kind::Counter,
            "own_total",
            "help",
            &[("outcome", "x"), ("reason", "")],
            3.0,
        );
        let metric = PushRequest::decode(&*out).unwrap().metrics.remove(0);
        assert_eq!((metric.name.as_str(), metric.value), ("own_total", 3.0));
        assert_eq!(metric.labels["outcome"], "x");
        assert_eq!(metric.labels["reason"], "");
    }
}
