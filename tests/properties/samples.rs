//! Samples as callers pass them, legal and illegal, and their form for the core.

use std::collections::BTreeMap;

use metrics_gateway_worker::sample::{
    Given, Kind, Reason, Refusal, Row, Sample, TrustedLabels, Value,
};
use proptest::prelude::*;

/// A counter with the largest possible increments: the sum of two is infinite.
pub(crate) const HUGE: &str = "huge_total";

/// One sample of a call.
#[derive(Debug, Clone)]
pub(crate) struct Spec {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) value: f64,
    pub(crate) labels: &'static [(&'static str, &'static str)],
    pub(crate) help: Option<&'static str>,
}

/// The label sets of the callers. There are few, so that increments fold: one set in two orders,
/// one that trusted labels override, and one that is illegal.
const LABELS: [&[(&str, &str)]; 12] = [
    &[],
    &[("route", "/a")],
    &[("route", "/b")],
    &[("route", "/a"), ("status", "200")],
    &[("status", "200"), ("route", "/a")],
    &[("team", "own")],
    &[("empty", "")],
    &[("overflow", "true")],
    &[("route", "/c")],
    &[("route", "/d")],
    &[("route", "/e")],
    &[("le", "1")],
];

/// The labels that a caller's binding may set.
const TRUSTED: [&[(&str, &str)]; 3] = [&[], &[("team", "search")], &[("overflow", "trusted")]];

/// The trusted labels with this number.
pub(crate) fn trusted(index: usize) -> (TrustedLabels, BTreeMap<String, String>) {
    let labels = TRUSTED[index % TRUSTED.len()];
    let (trusted, mistake) = TrustedLabels::new(object(labels));
    assert_eq!(mistake, None);
    (trusted, map(labels))
}

fn object<'a>(labels: &[(&'a str, &'a str)]) -> Value<'a> {
    Value::Object(labels.iter().map(|&(n, v)| (n.into(), v.into())).collect())
}

pub(crate) fn map(labels: &[(&str, &str)]) -> BTreeMap<String, String> {
    labels
        .iter()
        .map(|&(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

pub(crate) fn spec() -> impl Strategy<Value = Spec> {
    let name_and_kind = prop_oneof![
        8 => Just(("a_total", Kind::Counter)),
        4 => Just(("b_total", Kind::Counter)),
        6 => Just(("c_ms", Kind::Histogram)),
        1 => Just((HUGE, Kind::Counter)),
        1 => Just(("either", Kind::Counter)),
        1 => Just(("either", Kind::Histogram)),
        1 => Just(("not a name", Kind::Counter)),
        1 => Just(("c_ms_bucket", Kind::Histogram)),
    ];
    // Halves add up exactly, in any order.
    let value = prop_oneof![
        12 => (0u8..64).prop_map(|n| f64::from(n) / 2.0),
        1 => Just(-1.5),
        1 => Just(f64::NAN),
        1 => Just(f64::INFINITY),
    ];
    let help = prop_oneof![6 => Just(None), 1 => Just(Some("first")), 1 => Just(Some("second"))];
    (name_and_kind, value, 0..LABELS.len(), help).prop_map(|((name, kind), value, labels, help)| {
        Spec {
            name,
            kind,
            value: if name == HUGE { f64::MAX } else { value },
            labels: LABELS[labels],
            help,
        }
    })
}

impl Spec {
    /// A legal counter.
    pub(crate) fn increment(name: &'static str) -> Self {
        Self {
            name,
            kind: Kind::Counter,
            value: 1.0,
            labels: &[],
            help: None,
        }
    }

    /// Why the sample is refused, whatever came before it.
    pub(crate) fn refused(&self) -> Option<Reason> {
        if self.labels.iter().any(|&(name, _)| name == "le") {
            Some(Reason::BadLabelName)
        } else if self.name == "not a name" || self.name.ends_with("_bucket") {
            Some(Reason::BadName)
        } else if !self.value.is_finite() || (self.kind == Kind::Counter && self.value < 0.0) {
            Some(Reason::BadValue)
        } else {
            None
        }
    }

    /// Reads the sample as `record` and `push` do, and passes it to `f`.
    pub(crate) fn give<R>(
        &self,
        trusted: &TrustedLabels,
        f: impl FnOnce(Result<Sample<'_>, Refusal>) -> R,
    ) -> R {
        let given = Given {
            name: self.name.into(),
            kind: self.kind.as_str().into(),
            value: self.value.into(),
            labels: object(self.labels),
            help: self.help.map_or(Value::Null, Value::from),
        };
        let Row { series, mut values } = given.into_row(None, trusted);
        let value = values.next().expect("one value");
        f(match &series {
            Ok(series) => value.and_then(|value| Sample::new(series, value)),
            Err(refusal) => Err(refusal.clone()),
        })
    }
}
