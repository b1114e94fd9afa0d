//! A legal sample as a Metric in a push, compared by an independent reader.
//!
//! The input becomes a sample with legal names, whatever the bytes are; other texts are arbitrary.
//! The target checks that the push holds exactly the sample, as read by prost and by an independent
//! reader, and that the push is not longer than announced. A repeated label is refused.

#![no_main]

use std::borrow::Cow;
use std::collections::BTreeMap;

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use metrics_gateway_worker::proto::{self, Entry, frame};
use metrics_gateway_worker::sample::{Kind, Labels, Sample, Series, TrustedLabels, Value};
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
    // Names that end like a histogram's own series and reserved labels are not legal.
    name.push('x');
    name.truncate(200);
    Ok(name)
}

/// Any text of at most `most` bytes.
fn text<'a>(input: &mut Unstructured<'a>, most: usize) -> Result<&'a str> {
    let text: &str = input.arbitrary()?;
    Ok(&text[..text.floor_char_boundary(most)])
}

/// A legal sample: the Worker's Metric, and the input.
fn sample(input: &mut Unstructured<'_>) -> Result<Option<(proto::Metric, Metric)>> {
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
    let mut given = Vec::new();
    for _ in 0..input.int_in_range(0..=32)? {
        let label = self::name(input)?;
        let value = text(input, 1024)?;
        // A repeated label is ambiguous, so it is refused.
        twice |= expected.insert(label.clone(), value.to_owned()).is_some();
        given.push((Cow::Owned(label), Value::from(value)));
    }
    let none = TrustedLabels::default();
    let labels = Labels::new(Value::Object(given), &none);
    assert_eq!(labels.is_err(), twice, "{labels:?}");
    let Ok(labels) = labels else { return Ok(None) };
    let series = Series::new(kind, &*name, labels, help.map(Cow::Borrowed)).expect("legal");
    let legal = value.is_finite() && (kind == Kind::Histogram || value >= 0.0);
    let sample = Sample::new(&series, value);
    assert_eq!(sample.is_ok(), legal, "{sample:?}");
    let Ok(sample) = sample else { return Ok(None) };
    let help = help.filter(|help| !help.is_empty());
    assert_eq!(series.help(), help);
    let made = proto::Metric {
        name: series.name().to_owned(),
        help: series.help().map(str::to_owned),
        r#type: kind as i32,
        labels: series
            .labels()
            .iter()
            .map(|(n, v)| (n.to_owned(), v.to_owned()))
            .collect(),
        value: sample.value(),
    };
    let expected = Metric {
        name: name.clone(),
        help: help.map(str::to_owned),
        kind: if kind == Kind::Counter { 1 } else { 3 },
        labels: expected,
        value: value + 0.0,
    };
    Ok(Some((made, expected)))
}

fuzz_target!(|input: &[u8]| {
    let mut input = Unstructured::new(input);
    let (mut entries, mut expected, mut most) = (Vec::new(), Vec::new(), 0);
    while let Ok(Some((metric, given))) = sample(&mut input) {
        let entry = Entry::from(metric);
        most += entry.len_in_request();
        entries.push(entry);
        expected.push(given);
        if input.is_empty() {
            break;
        }
    }
    let body = frame(&entries);
    assert_eq!(body.len(), most + 5);
    let request = PushRequest::decode(&body[5..]).expect("a PushRequest");
    assert_eq!(request.metrics, expected);
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
    assert_eq!(read, expected);
});
