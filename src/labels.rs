//! Label sets: collected once, checked, and put in canonical order without allocating per label.

use std::ops::Range;

use crate::limits::{MAX_LABEL_NAME_BYTES, MAX_LABEL_VALUE_BYTES, MAX_LABELS};
use crate::number::number_text;
use crate::refusal::{Detail, Reason, Refusal};
use crate::value::{Items, Properties, Value};

/// A reusable place where one sample's labels are collected.
///
/// [`Labels::clear`], then the caller's labels, then the trusted ones, then [`Labels::finish`];
/// from there on iteration gives legal labels, sorted by name, each name once.
#[derive(Debug, Default)]
pub struct Labels {
    text: String,
    spans: Vec<Span>,
}

/// Names the series into which a metric's excess label sets fold.
const OVERFLOW: &str = "overflow";

#[derive(Debug, Clone)]
struct Span {
    name: Range<usize>,
    value: Range<usize>,
    trusted: bool,
}

impl Labels {
    /// Forgets all labels and keeps the memory.
    pub fn clear(&mut self) {
        self.text.clear();
        self.spans.clear();
    }

    /// Adds the properties of a plain object.
    ///
    /// # Errors
    ///
    /// A label name that is malformed or reserved, a value that is not text, a number or a
    /// boolean, or too many labels.
    pub fn extend_object<'a>(&mut self, properties: Properties<'a>) -> Result<(), Refusal<'a>> {
        for (name, value) in properties {
            self.push(name, value)?;
        }
        Ok(())
    }

    /// Adds the labels of a packed sample: a flat array of names and values in turn.
    ///
    /// # Errors
    ///
    /// As [`Labels::extend_object`], and an odd number of items or a name that is not text.
    pub fn extend_pairs<'a>(&mut self, mut items: Items<'a>) -> Result<(), Refusal<'a>> {
        while let Some(name) = items.next() {
            let Value::Text(name) = name else {
                let found = Detail::Found("a label name", name);
                return Err(Refusal::new(Reason::BadLabelName, found));
            };
            let value = items.next().ok_or(Refusal::new(
                Reason::BadLabelValue,
                Detail::Label(name, "has no value"),
            ))?;
            self.push(name, value)?;
        }
        Ok(())
    }

    /// Adds a caller's label.
    ///
    /// # Errors
    ///
    /// As [`Labels::extend_object`].
    pub fn push<'a>(&mut self, name: &'a str, value: Value<'a>) -> Result<(), Refusal<'a>> {
        check_name(name)?;
        if self.spans.len() >= MAX_LABELS {
            return Err(Refusal::new(
                Reason::TooManyLabels,
                Detail::Fixed("expected at most 32 labels, got more"),
            ));
        }
        let name_span = self.append(name);
        let start = self.text.len();
        match value {
            Value::Text(text) => self.text.push_str(text),
            Value::Number(number) => self.text.push_str(&number_text(number)),
            Value::Bool(true) => self.text.push_str("true"),
            Value::Bool(false) => self.text.push_str("false"),
            Value::Undefined | Value::Null => {}
            other => {
                return Err(Refusal::new(
                    Reason::BadLabelValue,
                    Detail::LabelType(name, other.describe()),
                ));
            }
        }
        let span = start..self.text.len();
        if span.len() > MAX_LABEL_VALUE_BYTES {
            return Err(Refusal::new(
                Reason::BadLabelValue,
                Detail::Label(name, "has a value of more than 1024 bytes"),
            ));
        }
        self.insert(Span {
            name: name_span,
            value: span,
            trusted: false,
        });
        Ok(())
    }

    /// Adds labels that the caller's binding vouches for; they win over the caller's own.
    ///
    /// These come from the deployment's configuration and were checked by [`TrustedLabels::new`].
    pub fn extend_trusted(&mut self, trusted: &TrustedLabels) {
        for (name, value) in trusted.iter() {
            let span = Span {
                name: self.append(name),
                value: self.append(value),
                trusted: true,
            };
            self.insert(span);
        }
    }

    /// Replaces the caller's labels by `overflow="true"`, keeping the trusted ones.
    pub fn fold_into_overflow(&mut self) {
        let Self { text, spans } = self;
        spans.retain(|span| span.trusted && text.get(span.name.clone()) != Some(OVERFLOW));
        let span = Span {
            name: self.append(OVERFLOW),
            value: self.append("true"),
            trusted: true,
        };
        self.insert(span);
    }

    /// Resolves repeated names.
    ///
    /// # Errors
    ///
    /// A name that the caller gave twice, or more labels than a sample may have once the trusted
    /// ones are added.
    pub fn finish<'a>(&mut self) -> Result<(), Refusal<'a>> {
        let text = &self.text;
        let mut duplicate = false;
        self.spans.dedup_by(|next, kept| {
            let same = text.get(next.name.clone()) == text.get(kept.name.clone());
            duplicate |= same && !kept.trusted;
            same
        });
        if duplicate {
            return Err(Refusal::new(
                Reason::BadLabelName,
                Detail::Fixed("expected each label name once, got one twice"),
            ));
        }
        if self.spans.len() > MAX_LABELS {
            return Err(Refusal::new(
                Reason::TooManyLabels,
                Detail::Limit("labels with the trusted ones", self.spans.len(), MAX_LABELS),
            ));
        }
        Ok(())
    }

    /// Puts a label in its place: by name, and of one name the trusted one first.
    ///
    /// There are at most 64 and they mostly come in order, so this beats a sort, also in bytes.
    fn insert(&mut self, span: Span) {
        let text = &self.text;
        let name = text.get(span.name.clone());
        let before = self.spans.iter().rposition(|other| {
            let other_name = text.get(other.name.clone());
            other_name < name || (other_name == name && (other.trusted || !span.trusted))
        });
        let at = before.map_or(0, |index| index.saturating_add(1));
        self.spans.insert(at, span);
    }

    fn append(&mut self, text: &str) -> Range<usize> {
        let start = self.text.len();
        self.text.push_str(text);
        start..self.text.len()
    }

    /// The labels, in canonical order after [`Labels::finish`].
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.spans.iter().filter_map(|span| {
            Some((
                self.text.get(span.name.clone())?,
                self.text.get(span.value.clone())?,
            ))
        })
    }
}

/// The labels of a caller's binding (`ctx.props.labels`), checked.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct TrustedLabels {
    pairs: Vec<(Box<str>, Box<str>)>,
}

impl TrustedLabels {
    /// Takes what stands under `labels` in the binding's props.
    ///
    /// Illegal labels are left out: the rest still tell callers apart, and a caller must not lose
    /// its metrics to a slip in the configuration. The second value is the first such slip.
    #[must_use]
    pub fn new(value: Value<'_>) -> (Self, Option<String>) {
        let properties = match value {
            Value::Undefined | Value::Null => return (Self::default(), None),
            Value::Object(properties) => properties,
            other => {
                let found = Detail::Found("props.labels to be an object", other);
                let refusal = Refusal::new(Reason::BadLabelValue, found);
                return (Self::default(), Some(refusal.message()));
            }
        };
        let mut pairs: Vec<(Box<str>, Box<str>)> = Vec::new();
        let mut slip = None;
        let mut scratch = Labels::default();
        for (name, value) in properties {
            scratch.clear();
            if let Err(refusal) = scratch.push(name, value) {
                slip.get_or_insert_with(|| refusal.message());
            } else if pairs.len() >= MAX_LABELS {
                slip.get_or_insert_with(|| String::from("more than 32 labels in props.labels"));
            } else {
                pairs.extend(
                    scratch
                        .iter()
                        .map(|(name, value)| (name.into(), value.into())),
                );
            }
        }
        (Self { pairs }, slip)
    }

    fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(name, value)| (&**name, &**value))
    }
}

/// `[a-zA-Z_][a-zA-Z0-9_]*`, not reserved.
///
/// [data model]: https://prometheus.io/docs/concepts/data_model/#metric-names-and-labels
fn check_name(name: &str) -> Result<(), Refusal<'_>> {
    let refuse = |wrong| {
        Err(Refusal::new(
            Reason::BadLabelName,
            Detail::Label(name, wrong),
        ))
    };
    let mut bytes = name.bytes();
    let starts_well = bytes
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    if !starts_well || !bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return refuse("is not a label name, which is [a-zA-Z_][a-zA-Z0-9_]*");
    }
    if name.len() > MAX_LABEL_NAME_BYTES {
        return refuse("is longer than 200 bytes");
    }
    if name.starts_with("__") {
        return refuse("is reserved: names that start with __ belong to Prometheus");
    }
    if name == "le" || name == "quantile" {
        return refuse("is reserved: Prometheus sets it on histograms and summaries");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::{Reader, encode};

    fn collect(
        labels: &[(&str, Value<'_>)],
        trusted: &TrustedLabels,
    ) -> Result<Vec<(String, String)>, Reason> {
        let mut set = Labels::default();
        for &(name, value) in labels {
            set.push(name, value).map_err(|refusal| refusal.reason)?;
        }
        set.extend_trusted(trusted);
        set.finish().map_err(|refusal| refusal.reason)?;
        Ok(set
            .iter()
            .map(|(n, v)| (n.to_owned(), v.to_owned()))
            .collect())
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected
            .iter()
            .map(|&(n, v)| (n.to_owned(), v.to_owned()))
            .collect()
    }

    fn trusted(labels: &[(&str, &str)]) -> TrustedLabels {
        let mut bytes = Vec::new();
        encode::labels(&mut bytes, labels);
        TrustedLabels::new(Reader::new(&bytes).value().unwrap()).0
    }

    #[test]
    fn labels_come_out_sorted_by_name_whatever_their_order() {
        let none = TrustedLabels::default();
        let a = collect(&[("b", Value::Text("2")), ("a", Value::Text("1"))], &none);
        let b = collect(&[("a", Value::Text("1")), ("b", Value::Text("2"))], &none);
        assert_eq!(a, b);
        assert_eq!(a, Ok(pairs(&[("a", "1"), ("b", "2")])));
    }

    #[test]
    fn numbers_and_booleans_become_the_text_that_javascript_gives_them() {
        let none = TrustedLabels::default();
        assert_eq!(
            collect(
                &[
                    ("a", Value::Bool(true)),
                    ("b", Value::Null),
                    ("c", Value::Undefined),
                    ("d", Value::Number(200.0)),
                ],
                &none
            ),
            Ok(pairs(&[("a", "true"), ("b", ""), ("c", ""), ("d", "200")]))
        );
    }

    #[test]
    fn illegal_and_reserved_label_names_are_refused() {
        let none = TrustedLabels::default();
        let long = "a".repeat(201);
        for name in [
            "", "1a", "a-b", "é", "a b", "__x", "__name__", "le", "quantile", &long,
        ] {
            assert_eq!(
                collect(&[(name, Value::Text("v"))], &none),
                Err(Reason::BadLabelName),
                "{name}"
            );
        }
        for name in ["a", "_a", "A1", "level"] {
            assert!(
                collect(&[(name, Value::Text("v"))], &none).is_ok(),
                "{name}"
            );
        }
    }

    #[test]
    fn values_that_are_not_text_and_values_too_long_are_refused() {
        let none = TrustedLabels::default();
        assert_eq!(
            collect(&[("a", Value::Other("a bigint"))], &none),
            Err(Reason::BadLabelValue)
        );
        let most = "v".repeat(1024);
        assert!(collect(&[("a", Value::Text(&most))], &none).is_ok());
        let more = "v".repeat(1025);
        assert_eq!(
            collect(&[("a", Value::Text(&more))], &none),
            Err(Reason::BadLabelValue)
        );
    }

    #[test]
    fn more_than_32_labels_are_refused_also_when_the_trusted_ones_make_the_difference() {
        let names: Vec<String> = (0..33).map(|i| format!("l{i}")).collect();
        let labels: Vec<_> = names
            .iter()
            .map(|n| (n.as_str(), Value::Text("")))
            .collect();
        let none = TrustedLabels::default();
        assert!(collect(&labels[..32], &none).is_ok());
        assert_eq!(collect(&labels, &none), Err(Reason::TooManyLabels));
        let one = trusted(&[("worker", "a")]);
        assert_eq!(collect(&labels[..32], &one), Err(Reason::TooManyLabels));
    }

    #[test]
    fn a_trusted_label_wins_over_the_callers_own() {
        let trusted = trusted(&[("worker", "checkout")]);
        let labels = [
            ("worker", Value::Text("forged")),
            ("route", Value::Text("/")),
        ];
        assert_eq!(
            collect(&labels, &trusted),
            Ok(pairs(&[("route", "/"), ("worker", "checkout")]))
        );
    }

    #[test]
    fn a_label_given_twice_is_refused() {
        let labels = [("a", Value::Text("1")), ("a", Value::Text("1"))];
        assert_eq!(
            collect(&labels, &TrustedLabels::default()),
            Err(Reason::BadLabelName)
        );
    }

    #[test]
    fn an_illegal_trusted_label_is_left_out_and_named() {
        let mut bytes = Vec::new();
        encode::labels(&mut bytes, &[("le", "1"), ("worker", "a")]);
        let (labels, slip) = TrustedLabels::new(Reader::new(&bytes).value().unwrap());
        assert_eq!(labels, trusted(&[("worker", "a")]));
        assert!(slip.unwrap().contains("\"le\""));
        let (labels, slip) = TrustedLabels::new(Value::Text("x"));
        assert_eq!(labels, TrustedLabels::default());
        assert!(slip.unwrap().contains("a string"));
    }

    #[test]
    fn the_overflow_series_keeps_the_trusted_labels_alone() {
        let mut set = Labels::default();
        set.push("route", Value::Text("/a")).unwrap();
        set.extend_trusted(&trusted(&[("worker", "a")]));
        set.finish().unwrap();
        set.fold_into_overflow();
        assert_eq!(
            set.iter().collect::<Vec<_>>(),
            [("overflow", "true"), ("worker", "a")]
        );
    }

    #[test]
    fn packed_pairs_need_a_name_and_a_value_each() {
        let mut bytes = Vec::new();
        encode::array(&mut bytes, |out| {
            encode::text(out, "a");
            encode::text(out, "1");
            encode::text(out, "b");
            3
        });
        let Some(Value::Array(items)) = Reader::new(&bytes).value() else {
            panic!()
        };
        let reason = Labels::default().extend_pairs(items).unwrap_err().reason;
        assert_eq!(reason, Reason::BadLabelValue);
    }
}
