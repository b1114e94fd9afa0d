//! The reporter receives what was recorded, for any input.

#![allow(clippy::arithmetic_side_effects, reason = "an overflow fails the test")]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::Value;

use crate::batch::{Added, Batch};
use crate::limits::{MAX_BYTES_PER_CALL, MAX_SAMPLES_PER_CALL};
use crate::pack::pack;
use crate::row::Entry;
use crate::series::{Kind, LabelPairs, Series};

#[derive(Debug, Clone)]
struct Sample {
    kind: Kind,
    name: &'static str,
    labels: Vec<(&'static str, String)>,
    value: f64,
}

fn label() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => (0u32..30).prop_map(|n| n.to_string()),
        1 => prop::sample::select(vec!["", "\0", "\"\\", "é😀", "a\",\"b"]).prop_map(Into::into),
        1 => Just("x".repeat(9_000)),
    ]
}

fn sample() -> impl Strategy<Value = Sample> {
    let kind = prop::sample::select(vec![Kind::Counter, Kind::Histogram]);
    let name = prop::sample::select(vec!["a", "b"]);
    let labels = prop_oneof![
        Just(Vec::new()),
        label().prop_map(|v| vec![("k", v)]),
        (label(), label()).prop_map(|(v, w)| vec![("k", v), ("l", w)]),
    ];
    let value = prop_oneof![
        4 => (-8i32..1_000).prop_map(|n| f64::from(n) / 8.0),
        1 => prop::sample::select(vec![-0.0, f64::MIN_POSITIVE, 1e-5, 1e16, f64::MAX, f64::MIN]),
    ];
    (kind, name, labels, value).prop_map(|(kind, name, labels, value)| Sample {
        kind,
        name,
        labels,
        value,
    })
}

/// The total of a series.
#[derive(Debug, Default, PartialEq)]
struct Total {
    observations: Vec<u64>,
    refused: Vec<u64>,
    increments: Vec<f64>,
}

impl Total {
    fn add(&mut self, kind: u64, value: f64) {
        match kind {
            3 => self.observations.push(value.to_bits()),
            _ if value < 0.0 => self.refused.push(value.to_bits()),
            _ => self.increments.push(value),
        }
    }

    /// Scaled to be finite.
    fn sum(&self) -> f64 {
        self.increments.iter().map(|value| value / 1e6).sum()
    }
}

type Totals = BTreeMap<(String, u64, Vec<String>), Total>;

fn unpack(packed: &str, totals: &mut Totals) -> usize {
    let rows: Value = serde_json::from_str(packed.strip_prefix('1').unwrap()).unwrap();
    let mut histograms = BTreeSet::new();
    let mut samples = 0;
    for row in rows.as_array().unwrap() {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let (name, kind) = (text(&row[0]), row[1].as_u64().unwrap());
        let labels: Vec<String> = match row.get(3) {
            Some(labels) => labels.as_array().unwrap().iter().map(text).collect(),
            None => Vec::new(),
        };
        let values = match &row[2] {
            Value::Array(values) => {
                assert!(values.len() > 1, "a single value is a plain number");
                values.clone()
            }
            value => vec![value.clone()],
        };
        samples += values.len();
        let series = (name, kind, labels);
        if kind == 3 {
            assert!(histograms.insert(series.clone()), "two rows of {series:?}");
        }
        let total = totals.entry(series).or_default();
        for value in values {
            total.add(kind, value.as_f64().unwrap());
        }
    }
    samples
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn unpacked_is_what_was_recorded(recorded in prop::collection::vec(sample(), 0..2_000)) {
        let mut batch = Batch::default();
        let mut expected = Totals::new();
        let mut waiting = 0;
        for Sample { kind, name, labels, value } in recorded {
            let pairs: LabelPairs = labels.iter().map(|(n, v)| ((*n).into(), (**v).into())).collect();
            let series = Series { name: name.into(), labels: pairs };
            let entry = Entry::new(series, kind, value, None).unwrap();
            let added = batch.add(&entry, 1_000);
            prop_assert_ne!(added, Added::Full);
            waiting += usize::from(added == Added::Entry);
            let labels = labels.into_iter().flat_map(|(n, v)| [n.to_owned(), v]).collect();
            expected.entry((name.to_owned(), kind as u64, labels)).or_default().add(kind as u64, value);
        }

        let mut actual = Totals::new();
        let mut sent = 0;
        for call in batch.take(usize::MAX) {
            let packed = pack(&call.rows);
            prop_assert!(packed.len() <= MAX_BYTES_PER_CALL + 3, "{}", packed.len());
            prop_assert!((1..=MAX_SAMPLES_PER_CALL).contains(&call.samples), "{}", call.samples);
            prop_assert_eq!(unpack(&packed, &mut actual), call.samples);
            sent += call.samples;
        }
        prop_assert_eq!(sent, waiting);
        prop_assert_eq!(actual.len(), expected.len());
        for (series, expected) in expected {
            let actual = &actual[&series];
            prop_assert_eq!(&actual.observations, &expected.observations, "{:?}", series);
            prop_assert_eq!(&actual.refused, &expected.refused, "{:?}", series);
            let (is, should) = (actual.sum(), expected.sum());
            prop_assert!((is - should).abs() <= 1e-9 * should, "{series:?}: {is}, not {should}");
        }
    }
}
