//! Label sets: checked, in canonical order, each name once.

use std::borrow::Cow;

use crate::limits::{MAX_LABEL_VALUE_BYTES, MAX_LABELS};
use crate::sample::names::label_name_fault;
use crate::sample::value::number_text;
use crate::sample::{Reason, Refusal, Value};

/// The label of the series into which a metric's excess label sets fold.
const OVERFLOW: &str = "overflow";

/// Legal labels, sorted by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Labels<'a>(Vec<Label<'a>>);

#[derive(Debug, Clone, PartialEq)]
struct Label<'a> {
    name: Cow<'a, str>,
    value: Cow<'a, str>,
    /// The caller's binding sets this label.
    trusted: bool,
}

impl<'a> Labels<'a> {
    /// Checks a caller's labels, and adds the labels of its binding, which take precedence.
    ///
    /// `given` is an object, a flat array of alternating names and values, or absent.
    ///
    /// # Errors
    ///
    /// A label name that is malformed, reserved or repeated; a value that cannot become text or is
    /// too long; or too many labels.
    pub fn new(given: Value<'a>, trusted: &'a TrustedLabels) -> Result<Self, Refusal> {
        let mut labels = Self::default();
        match given {
            Value::Undefined | Value::Null => {}
            Value::Object(properties) => {
                labels.0.reserve(properties.len().min(MAX_LABELS));
                for (name, value) in properties {
                    labels.add(name, value)?;
                }
            }
            Value::Array(array) => {
                let mut items = array.items.into_iter();
                while let Some(name) = items.next() {
                    let Value::Text(name) = name else {
                        return Err(Refusal::found(Reason::BadLabelName, "a label name", &name));
                    };
                    let value = items.next().ok_or_else(|| {
                        Refusal::label(Reason::BadLabelValue, &name, "has no value")
                    })?;
                    labels.add(name, value)?;
                }
            }
            other => {
                let expected = "labels to be an object";
                return Err(Refusal::found(Reason::BadLabelName, expected, &other));
            }
        }
        labels.add_trusted(trusted)?;
        Ok(labels)
    }

    fn add(&mut self, name: Cow<'a, str>, value: Value<'a>) -> Result<(), Refusal> {
        let (name, value) = legal(name, value)?;
        if self.0.len() >= MAX_LABELS {
            let detail = "expected at most 32 labels, got more";
            return Err(Refusal::new(Reason::TooManyLabels, detail));
        }
        match self.position(&name) {
            Ok(_) => {
                let detail = "expected each label name once, got one twice";
                Err(Refusal::new(Reason::BadLabelName, detail))
            }
            Err(at) => {
                let label = Label {
                    name,
                    value,
                    trusted: false,
                };
                self.0.insert(at, label);
                Ok(())
            }
        }
    }

    fn add_trusted(&mut self, trusted: &'a TrustedLabels) -> Result<(), Refusal> {
        for (name, value) in &trusted.0 {
            self.set(name, value);
        }
        let count = self.0.len();
        if count > MAX_LABELS {
            let what = "labels with the trusted ones";
            return Err(Refusal::limit(
                Reason::TooManyLabels,
                what,
                count,
                MAX_LABELS,
            ));
        }
        Ok(())
    }

    /// Sets a label that a caller cannot override.
    fn set(&mut self, name: &'a str, value: &'a str) {
        let label = Label {
            name: Cow::Borrowed(name),
            value: Cow::Borrowed(value),
            trusted: true,
        };
        match self.position(name) {
            Ok(at) => {
                if let Some(own) = self.0.get_mut(at) {
                    *own = label;
                }
            }
            Err(at) => self.0.insert(at, label),
        }
    }

    fn position(&self, name: &str) -> Result<usize, usize> {
        // The labels mostly come in order, so the last one is compared first.
        match self.0.last() {
            Some(last) if &*last.name < name => Err(self.0.len()),
            None => Err(0),
            Some(_) => self
                .0
                .binary_search_by(|label| label.name.as_ref().cmp(name)),
        }
    }

    /// The overflow series for these labels: `overflow="true"` replaces the caller's own labels.
    #[must_use]
    pub fn folded(&self) -> Self {
        let trusted = self.0.iter().filter(|label| label.trusted).cloned();
        let mut folded = Self(trusted.collect());
        folded.set(OVERFLOW, "true");
        folded
    }

    /// The name and value of each label.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|label| (&*label.name, &*label.value))
    }

    /// The labels that identify the series: an empty value is the same as no label.
    pub fn identity(&self) -> impl Iterator<Item = (&str, &str)> {
        self.iter().filter(|(_, value)| !value.is_empty())
    }

    /// Bytes of text.
    pub(crate) fn text_len(&self) -> usize {
        self.iter().fold(0usize, |sum, (name, value)| {
            sum.saturating_add(name.len()).saturating_add(value.len())
        })
    }
}

/// A label's name and its value as text, if both are legal.
fn legal<'a>(
    name: Cow<'a, str>,
    value: Value<'a>,
) -> Result<(Cow<'a, str>, Cow<'a, str>), Refusal> {
    if let Some(fault) = label_name_fault(&name) {
        return Err(Refusal::label(Reason::BadLabelName, &name, &fault));
    }
    let value = match value {
        Value::Text(text) => text,
        Value::Number(number) => Cow::Owned(number_text(number)),
        Value::Bool(true) => Cow::Borrowed("true"),
        Value::Bool(false) => Cow::Borrowed("false"),
        Value::Undefined | Value::Null => Cow::Borrowed(""),
        other => {
            let wrong = format!(
                "has {} for a value, expected a string, a number or a boolean",
                other.describe()
            );
            return Err(Refusal::label(Reason::BadLabelValue, &name, &wrong));
        }
    };
    if value.len() > MAX_LABEL_VALUE_BYTES {
        let wrong = "has a value of more than 1024 bytes";
        return Err(Refusal::label(Reason::BadLabelValue, &name, wrong));
    }
    Ok((name, value))
}

/// The labels of a caller's binding (`ctx.props.labels`), after checking.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct TrustedLabels(Vec<(String, String)>);

impl TrustedLabels {
    /// Checks the value of `labels` in the binding's props.
    ///
    /// Illegal labels are left out: the legal ones still identify the caller, and a configuration
    /// mistake must not cost the caller its metrics. The second value describes the first mistake.
    #[must_use]
    pub fn new(given: Value<'_>) -> (Self, Option<String>) {
        let properties = match given {
            Value::Undefined | Value::Null => return (Self::default(), None),
            Value::Object(properties) => properties,
            other => {
                let expected = "props.labels to be an object";
                let refusal = Refusal::found(Reason::BadLabelValue, expected, &other);
                return (Self::default(), Some(refusal.message()));
            }
        };
        let mut labels: Vec<(String, String)> = Vec::new();
        let mut mistake = None;
        for (name, value) in properties {
            match legal(name, value) {
                Err(refusal) => {
                    mistake.get_or_insert_with(|| refusal.message());
                }
                Ok(_) if labels.len() >= MAX_LABELS => {
                    mistake.get_or_insert_with(|| "more than 32 labels in props.labels".into());
                }
                Ok((name, value)) => labels.push((name.into_owned(), value.into_owned())),
            }
        }
        (Self(labels), mistake)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object<'a>(pairs: &[(&'a str, Value<'a>)]) -> Value<'a> {
        Value::Object(
            pairs
                .iter()
                .map(|(name, value)| (Cow::Borrowed(*name), value.clone()))
                .collect(),
        )
    }

    fn trusted(pairs: &[(&'static str, &'static str)]) -> TrustedLabels {
        let pairs: Vec<_> = pairs.iter().map(|&(n, v)| (n, Value::from(v))).collect();
        let (trusted, mistake) = TrustedLabels::new(object(&pairs));
        assert_eq!(mistake, None);
        trusted
    }

    fn pairs(labels: &Labels<'_>) -> Vec<(String, String)> {
        let pairs = labels.iter();
        pairs.map(|(n, v)| (n.to_owned(), v.to_owned())).collect()
    }

    fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let pairs = pairs.iter();
        pairs.map(|&(n, v)| (n.to_owned(), v.to_owned())).collect()
    }

    #[test]
    fn values_become_text_and_names_come_in_order() {
        let given = object(&[
            ("z", Value::from("last")),
            ("a", Value::Number(200.0)),
            ("m", Value::Bool(true)),
            ("n", Value::Null),
        ]);
        let none = TrustedLabels::default();
        let labels = Labels::new(given, &none).unwrap();
        let expected = owned(&[("a", "200"), ("m", "true"), ("n", ""), ("z", "last")]);
        assert_eq!(pairs(&labels), expected);
        let identity: Vec<_> = labels.identity().map(|(name, _)| name).collect();
        assert_eq!(identity, ["a", "m", "z"]);
    }

    #[test]
    fn a_flat_array_is_names_and_values_in_turn() {
        let none = TrustedLabels::default();
        let array = |items: &[&'static str]| {
            let items = items.iter().map(|&item| Value::from(item)).collect();
            Value::Array(crate::sample::Array { items, excess: 0 })
        };
        let labels = Labels::new(array(&["b", "2", "a", "1"]), &none).unwrap();
        assert_eq!(pairs(&labels), owned(&[("a", "1"), ("b", "2")]));
        let odd = Labels::new(array(&["b", "2", "a"]), &none).unwrap_err();
        assert_eq!(odd.reason, Reason::BadLabelValue);
        let twice = Labels::new(array(&["b", "2", "b", "2"]), &none).unwrap_err();
        assert_eq!(twice.reason, Reason::BadLabelName);
    }

    #[test]
    fn what_cannot_be_text_or_is_too_much_is_refused() {
        let none = TrustedLabels::default();
        let reason = |given| Labels::new(given, &none).unwrap_err().reason;
        let long = "x".repeat(MAX_LABEL_VALUE_BYTES + 1);
        for value in [
            object(&[]),
            Value::Array(crate::sample::Array::default()),
            Value::Other("a bigint"),
            Value::from(&*long),
        ] {
            assert_eq!(reason(object(&[("k", value)])), Reason::BadLabelValue);
        }
        assert_eq!(reason(Value::from("route")), Reason::BadLabelName);
        let names: Vec<_> = (0..=MAX_LABELS).map(|i| format!("l{i}")).collect();
        let many: Vec<_> = names.iter().map(|n| (&**n, Value::Number(1.0))).collect();
        assert_eq!(reason(object(&many)), Reason::TooManyLabels);
        let team = trusted(&[("team", "search")]);
        let with_trusted = Labels::new(object(&many[..MAX_LABELS]), &team).unwrap_err();
        assert_eq!(with_trusted.reason, Reason::TooManyLabels);
    }

    #[test]
    fn trusted_labels_win_and_survive_folding() {
        let team = trusted(&[("team", "search"), ("overflow", "no")]);
        let given = object(&[("team", Value::from("mine")), ("route", Value::from("/"))]);
        let labels = Labels::new(given, &team).unwrap();
        let expected = owned(&[("overflow", "no"), ("route", "/"), ("team", "search")]);
        assert_eq!(pairs(&labels), expected);
        let folded = owned(&[("overflow", "true"), ("team", "search")]);
        assert_eq!(pairs(&labels.folded()), folded);
    }

    #[test]
    fn illegal_trusted_labels_are_left_out_and_described() {
        let given = object(&[
            ("le", Value::from("1")),
            ("team", Value::from("search")),
            ("b", object(&[])),
        ]);
        let (labels, mistake) = TrustedLabels::new(given);
        assert_eq!(labels, trusted(&[("team", "search")]));
        assert!(mistake.is_some_and(|text| text.contains("\"le\"")));
        let (none, mistake) = TrustedLabels::new(Value::from("team=search"));
        assert_eq!(none, TrustedLabels::default());
        assert!(mistake.is_some_and(|text| text.contains("an object, got a string")));
    }
}
