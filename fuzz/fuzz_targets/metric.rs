//! A legal sample as the bytes of a Metric, against prost and against a reader by hand.
//!
//! The input is read as a sample whose names are legal whatever the bytes are; texts are any texts.
//! What is checked: the bytes are exactly those that prost writes for the same Metric (but for a
//! value of 0, which prost leaves out), their length is the one that was announced, prost reads
//! them back, and adding a second sample to them changes nothing of the first. What writes the
//! bytes uses prost for a part of it, so a reader that knows nothing of prost has to read the same.
//! A label that is given twice is refused.

#![no_main]

use std::collections::BTreeMap;

use grpc_web_unary::frame_header;
use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use metrics_gateway_worker::labels::{Labels, TrustedLabels};
use metrics_gateway_worker::sample::{Kind, Sample};
use metrics_gateway_worker::value::Value;
use metrics_gateway_worker::wire::{metric_len, put_key, put_metric};
use prost::Message as _;

#[path = "../../tests/properties/wire.rs"]
mod by_hand;
#[path = "../wire.rs"]
mod wire;

use wire::{Metric, PushRequest};

/// A legal name of 1 to 200 bytes.
fn name(input: &mut Unstructured<'_>) -> Result<String> {
    const FIRST: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const REST: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789_";
    let len = input.int_in_range(0..=199)?;
    let mut name = String::from(char::from(*input.choose(FIRST)?));
    for _ in 0..len {
        name.push(char::from(*input.choose(REST)?));
    }
    // What ends like a histogram's own series, and labels that are reserved, are not legal.
    name.push('x');
    name.truncate(200);
    Ok(name)
}

/// Any text of at most `most` bytes.
fn text<'a>(input: &mut Unstructured<'a>, most: usize) -> Result<&'a str> {
    let text: &str = input.arbitrary()?;
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Ok(&text[..end])
}

/// The sample, encoded by what is fuzzed and as prost has it.
fn sample(input: &mut Unstructured<'_>) -> Result<Option<(Vec<u8>, Metric)>> {
    let kind = *input.choose(&[Kind::Counter, Kind::Histogram])?;
    let value: f64 = input.arbitrary()?;
    let name = name(input)?;
    let help = if input.arbitrary()? {
        Some(text(input, 1024)?)
    } else {
        None
    };
    let mut expected = BTreeMap::new();
    let mut twice = false;
    let mut labels = Labels::default();
    for _ in 0..input.int_in_range(0..=32)? {
        let label = self::name(input)?;
        let value = text(input, 1024)?;
        // A caller that names a label twice may not mean what it says.
        twice |= expected.insert(label.clone(), value.to_owned()).is_some();
        labels
            .push(&label, Value::Text(value))
            .expect("a legal label");
    }
    labels.extend_trusted(&TrustedLabels::default());
    assert_eq!(labels.finish().is_err(), twice, "{labels:?}");
    if twice {
        return Ok(None);
    }
    let legal = value.is_finite() && (kind == Kind::Histogram || value >= 0.0);
    let sample = Sample::new(kind, &name, value, &labels, help);
    assert_eq!(sample.is_ok(), legal, "{sample:?}");
    let Ok(sample) = sample else { return Ok(None) };

    let help = help.filter(|help| !help.is_empty());
    assert_eq!(sample.help(), help);
    let (mut key, mut bytes) = (Vec::new(), Vec::new());
    let tail = put_key(&mut key, &sample, sample.help());
    assert!(tail < key.len());
    put_metric(&mut bytes, &key, sample.value());
    assert_eq!(bytes.len(), metric_len(key.len()));
    let metric = Metric {
        name: name.clone(),
        help: help.map(str::to_owned),
        kind: if kind == Kind::Counter { 1 } else { 3 },
        labels: expected,
        value: value + 0.0,
    };
    Ok(Some((bytes, metric)))
}

/// Both readers have to read `bytes` as this.
fn assert_reads_back(bytes: &[u8], request: &PushRequest) {
    let read = PushRequest::decode(bytes).expect("a PushRequest");
    assert_eq!(read, *request);
    let len = u32::try_from(bytes.len()).expect("a short input");
    let body = [&frame_header(len)[..], bytes].concat();
    let read: Vec<_> = by_hand::decode(&body)
        .into_iter()
        .map(|metric| Metric {
            name: metric.series.name,
            help: metric.help,
            kind: i32::try_from(metric.series.kind).expect("1 or 3"),
            labels: metric.series.labels,
            value: metric.value,
        })
        .collect();
    assert_eq!(read, request.metrics);
}

fuzz_target!(|input: &[u8]| {
    let mut input = Unstructured::new(input);
    let Ok(Some((mut bytes, metric))) = sample(&mut input) else {
        return;
    };
    let mut request = PushRequest {
        metrics: vec![metric],
    };
    if request.metrics[0].value != 0.0 {
        assert_eq!(bytes, request.encode_to_vec());
    }
    assert_reads_back(&bytes, &request);
    // A second one behind it.
    if let Ok(Some((more, metric))) = sample(&mut input) {
        bytes.extend_from_slice(&more);
        request.metrics.push(metric);
        assert_reads_back(&bytes, &request);
    }
});
