//! The forms in which a caller can pass samples.

use std::borrow::Cow;

use crate::sample::{Array, Kind, Labels, Reason, Refusal, Series, TrustedLabels, Value};

/// The five parts of a sample, as the caller passed them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Given<'a> {
    /// The metric's name.
    pub name: Value<'a>,
    /// `"counter"` or 1, `"histogram"` or 3.
    pub kind: Value<'a>,
    /// A number; in the packed form an array of numbers too.
    pub value: Value<'a>,
    /// An object; in the packed form a flat array of names and values too.
    pub labels: Value<'a>,
    /// A string.
    pub help: Value<'a>,
}

/// Samples of one series with their values. The series is legal, or a refusal says why it is not.
#[derive(Debug, Clone)]
pub struct Row<'a> {
    /// The series of all the samples.
    pub series: Result<Series<'a>, Refusal>,
    /// The value of each.
    pub values: Values<'a>,
}

/// The values of a [`Row`], in order.
#[derive(Debug, Clone)]
pub enum Values<'a> {
    /// One value, until it is taken.
    One(Option<Result<f64, Refusal>>),
    /// The values of an array.
    Many(std::vec::IntoIter<Value<'a>>, usize),
}

impl<'a> Row<'a> {
    /// The arguments of `incr` or `observe`: `(name, value?, labels?, options?)`, told apart by
    /// their types, or one sample-like object. A counter's value defaults to 1.
    #[must_use]
    pub fn of_arguments(
        method: Kind,
        arguments: impl IntoIterator<Item = Value<'a>>,
        trusted: &'a TrustedLabels,
    ) -> Self {
        match Given::of_arguments(arguments.into_iter()) {
            Ok(given) => given.into_row(Some(method), trusted),
            Err(refusal) => Self::refused(refusal),
        }
    }

    /// One item of a list that is not a sample.
    #[must_use]
    pub fn refused(refusal: Refusal) -> Self {
        Self {
            series: Err(refusal),
            values: Values::One(Some(Ok(0.0))),
        }
    }

    /// An item of the packed form: `[name, type, value, labels?, help?]`, where `value` is a number
    /// or an array of numbers.
    #[must_use]
    pub fn of_packed(item: Value<'a>, trusted: &'a TrustedLabels) -> Self {
        let Value::Array(array) = item else {
            let expected = "a packed sample, which is an array";
            return Self::refused(Refusal::found(Reason::BadPacked, expected, &item));
        };
        let mut items = array.items.into_iter();
        let mut next = || items.next().unwrap_or_default();
        let mut given = Given {
            name: next(),
            kind: next(),
            value: next(),
            labels: next(),
            help: next(),
        };
        match std::mem::take(&mut given.value) {
            Value::Array(Array { items, excess }) => {
                given.value = Value::Number(0.0);
                let values = Values::Many(items.into_iter(), excess);
                Self {
                    values,
                    ..given.into_row(None, trusted)
                }
            }
            value => Given { value, ..given }.into_row(None, trusted),
        }
    }

    /// The bytes of text that the checks of each sample read.
    #[must_use]
    pub fn text_len(&self) -> usize {
        self.series.as_ref().map_or(0, Series::text_len)
    }
}

impl Values<'_> {
    /// How many values are left. A very long array keeps only its first values, so iteration may
    /// end earlier.
    #[must_use]
    pub fn left(&self) -> usize {
        match self {
            Self::One(value) => usize::from(value.is_some()),
            Self::Many(items, excess) => items.len().saturating_add(*excess),
        }
    }
}

impl Iterator for Values<'_> {
    type Item = Result<f64, Refusal>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::One(value) => value.take(),
            Self::Many(items, _) => items.next().map(|value| number(&value)),
        }
    }
}

impl<'a> Given<'a> {
    fn of_arguments(mut arguments: impl Iterator<Item = Value<'a>>) -> Result<Self, Refusal> {
        let name = match arguments.next().unwrap_or_default() {
            Value::Text(name) => name,
            Value::Object(properties) => return Ok(Self::of_object(properties)),
            other => {
                let expected = "a metric name as the first argument";
                return Err(Refusal::found(Reason::BadName, expected, &other));
            }
        };
        let mut given = Self::default();
        let mut options = None;
        for (place, argument) in arguments.enumerate() {
            // `incr(name, 1, undefined, { help })`: the last place is that of the options.
            let labels_may_come = given.labels.is_absent() && place < 2;
            match argument {
                Value::Undefined | Value::Null => {}
                Value::Number(_) if given.value.is_absent() => given.value = argument,
                Value::Object(_) if labels_may_come => given.labels = argument,
                Value::Object(properties) if options.is_none() => options = Some(properties),
                Value::Number(_) => {
                    let detail = "expected one number, got two";
                    return Err(Refusal::new(Reason::BadArgument, detail).of(&name));
                }
                other => {
                    let expected =
                        "a number, an object of labels or an object of options after the name";
                    return Err(Refusal::found(Reason::BadArgument, expected, &other).of(&name));
                }
            }
        }
        for (key, value) in options.unwrap_or_default() {
            if key == "help" {
                given.help = value;
            }
        }
        given.name = Value::Text(name);
        Ok(given)
    }

    /// A sample-like object, with its properties by name.
    #[must_use]
    pub fn of_object(properties: Vec<(Cow<'a, str>, Value<'a>)>) -> Self {
        let mut given = Self::default();
        for (key, property) in properties {
            match &*key {
                "name" => given.name = property,
                "type" => given.kind = property,
                "value" => given.value = property,
                "labels" => given.labels = property,
                "help" => given.help = property,
                // Other properties of the caller's object are ignored.
                _ => {}
            }
        }
        given.without_arrays()
    }

    /// Labels as a flat array are legal in the packed form only.
    #[must_use]
    pub fn without_arrays(mut self) -> Self {
        if let Value::Array(_) = self.labels {
            self.labels = Value::Other(self.labels.describe());
        }
        self
    }

    /// Checks everything except whether the value is legal for its type.
    ///
    /// `method` is the type that the called method records. In a list of samples, each sample names
    /// its own type.
    #[must_use]
    pub fn into_row(self, method: Option<Kind>, trusted: &'a TrustedLabels) -> Row<'a> {
        match self.judge(method, trusted) {
            Ok(row) => row,
            Err(refusal) => Row::refused(refusal),
        }
    }

    fn judge(self, method: Option<Kind>, trusted: &'a TrustedLabels) -> Result<Row<'a>, Refusal> {
        let Value::Text(name) = self.name else {
            let expected = "name to be a metric name";
            return Err(Refusal::found(Reason::BadName, expected, &self.name));
        };
        let kind = kind_of(&self.kind, method).map_err(|refusal| refusal.of(&name))?;
        let value = match &self.value {
            // Only `incr` has a default value. In a list of samples, a missing value is a mistake.
            Value::Undefined | Value::Null if method == Some(Kind::Counter) => Ok(1.0),
            Value::Undefined | Value::Null => {
                Err(Refusal::new(Reason::BadValue, "expected a value, got none"))
            }
            given => number(given),
        }
        .map_err(|refusal| refusal.of(&name))?;
        let help = match self.help {
            Value::Undefined | Value::Null => None,
            Value::Text(text) => Some(text),
            other => {
                let expected = "help to be a string";
                return Err(Refusal::found(Reason::BadHelp, expected, &other).of(&name));
            }
        };
        let labels = Labels::new(self.labels, trusted).map_err(|refusal| refusal.of(&name))?;
        Ok(Row {
            series: Ok(Series::new(kind, name, labels, help)?),
            values: Values::One(Some(Ok(value))),
        })
    }
}

fn number(value: &Value<'_>) -> Result<f64, Refusal> {
    match value {
        Value::Number(number) => Ok(*number),
        other => Err(Refusal::found(
            Reason::BadValue,
            "value to be a number",
            other,
        )),
    }
}

fn kind_of(kind: &Value<'_>, method: Option<Kind>) -> Result<Kind, Refusal> {
    let refuse = |detail: String| Err(Refusal::new(Reason::BadType, detail));
    let given = match kind {
        Value::Text(text) if text == "counter" => Some(Kind::Counter),
        Value::Text(text) if text == "histogram" => Some(Kind::Histogram),
        Value::Number(1.0) => Some(Kind::Counter),
        Value::Number(3.0) => Some(Kind::Histogram),
        Value::Undefined | Value::Null => None,
        Value::Text(text) => {
            let wrong = r#"is not a type, which is "counter" or "histogram""#;
            return Err(Refusal::text(Reason::BadType, text, wrong));
        }
        Value::Number(number) => {
            return refuse(format!(
                "expected type 1 (counter) or 3 (histogram), got {}",
                super::number_text(*number)
            ));
        }
        other => {
            let expected = r#"type "counter" or "histogram""#;
            return Err(Refusal::found(Reason::BadType, expected, other));
        }
    };
    match (given, method) {
        (Some(Kind::Histogram), Some(Kind::Counter)) => {
            refuse("incr takes counters, got a histogram".into())
        }
        (Some(Kind::Counter), Some(Kind::Histogram)) => {
            refuse("observe takes histograms, got a counter".into())
        }
        (Some(kind), _) | (None, Some(kind)) => Ok(kind),
        (None, None) => refuse(r#"expected type "counter" or "histogram", got none"#.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Sample;

    fn labels(pairs: &[(&'static str, &'static str)]) -> Value<'static> {
        let pairs = pairs.iter();
        Value::Object(pairs.map(|&(n, v)| (n.into(), v.into())).collect())
    }

    fn object(fields: &[(&'static str, Value<'static>)]) -> Value<'static> {
        let fields = fields.iter();
        Value::Object(fields.map(|(k, v)| ((*k).into(), v.clone())).collect())
    }

    type Checked = (String, f64, Vec<(String, String)>, Option<String>);

    /// The result for each sample of a row.
    fn samples(row: Row<'_>) -> Vec<Result<Checked, Reason>> {
        let Row { series, values } = row;
        let one = |value: Result<f64, Refusal>| {
            let series = series.as_ref().map_err(|refusal| refusal.reason)?;
            let value = value.map_err(|refusal| refusal.reason)?;
            let sample = Sample::new(series, value).map_err(|refusal| refusal.reason)?;
            let labels = series.labels().iter();
            Ok((
                series.name().to_owned(),
                sample.value(),
                labels.map(|(n, v)| (n.to_owned(), v.to_owned())).collect(),
                series.help().map(str::to_owned),
            ))
        };
        values.map(one).collect()
    }

    fn check(kind: Kind, arguments: &[Value<'static>]) -> Result<Checked, Reason> {
        let none = TrustedLabels::default();
        let row = Row::of_arguments(kind, arguments.iter().cloned(), &none);
        samples(row).remove(0)
    }

    fn sample(value: f64, labels: &[(&str, &str)], help: Option<&str>) -> Result<Checked, Reason> {
        let labels = labels.iter();
        let labels = labels.map(|&(n, v)| (n.to_owned(), v.to_owned())).collect();
        Ok(("n".to_owned(), value, labels, help.map(str::to_owned)))
    }

    const ROUTE: &[(&str, &str)] = &[("route", "/")];

    #[test]
    fn every_documented_form_of_incr_and_observe_is_understood() {
        let n = || Value::from("n");
        let num = Value::Number;
        let route = || labels(ROUTE);
        let help = || labels(&[("help", "h")]);
        let incr = |arguments: &[Value<'static>]| check(Kind::Counter, arguments);
        assert_eq!(incr(&[n()]), sample(1.0, &[], None));
        assert_eq!(incr(&[n(), num(2.0)]), sample(2.0, &[], None));
        assert_eq!(incr(&[n(), route()]), sample(1.0, ROUTE, None));
        assert_eq!(incr(&[n(), route(), num(2.0)]), sample(2.0, ROUTE, None));
        assert_eq!(incr(&[n(), num(2.0), route()]), sample(2.0, ROUTE, None));
        let all = [n(), num(2.0), route(), help()];
        assert_eq!(incr(&all), sample(2.0, ROUTE, Some("h")));
        let absent = [n(), Value::Undefined, route(), Value::Null];
        assert_eq!(incr(&absent), sample(1.0, ROUTE, None));
        let no_labels = [n(), num(2.0), Value::Undefined, help()];
        assert_eq!(incr(&no_labels), sample(2.0, &[], Some("h")));
        let help_only = [n(), Value::Undefined, Value::Null, help()];
        assert_eq!(incr(&help_only), sample(1.0, &[], Some("h")));
        let observe = |arguments: &[Value<'static>]| check(Kind::Histogram, arguments);
        assert_eq!(observe(&[n(), num(4.5), route()]), sample(4.5, ROUTE, None));
        assert_eq!(observe(&[n(), route(), num(4.5)]), sample(4.5, ROUTE, None));
    }

    #[test]
    fn one_sample_like_object_is_understood() {
        let given = object(&[
            ("name", "n".into()),
            ("value", 2.0.into()),
            ("labels", labels(ROUTE)),
            ("help", "h".into()),
            ("type", "counter".into()),
            ("other", "ignored".into()),
        ]);
        let expected = sample(2.0, ROUTE, Some("h"));
        assert_eq!(check(Kind::Counter, std::slice::from_ref(&given)), expected);
        assert_eq!(check(Kind::Histogram, &[given]), Err(Reason::BadType));
        let short = [object(&[("name", "n".into())])];
        assert_eq!(check(Kind::Counter, &short), sample(1.0, &[], None));
        assert_eq!(check(Kind::Histogram, &short), Err(Reason::BadValue));
    }

    #[test]
    fn wrong_types_and_repeats_are_refused_with_their_reason() {
        let n = || Value::from("n");
        let one = || Value::Number(1.0);
        let options = || labels(&[("help", "h")]);
        let map = || labels(ROUTE);
        for (arguments, reason) in [
            (vec![], Reason::BadName),
            (vec![one()], Reason::BadName),
            (vec![n(), Value::Bool(true)], Reason::BadArgument),
            (vec![n(), n()], Reason::BadArgument),
            (vec![n(), one(), one()], Reason::BadArgument),
            (vec![n(), map(), options(), options()], Reason::BadArgument),
            (vec![n(), Value::Number(f64::NAN)], Reason::BadValue),
            (vec!["n-n".into()], Reason::BadName),
            (
                vec![n(), one(), map(), object(&[("help", one())])],
                Reason::BadHelp,
            ),
        ] {
            assert_eq!(
                check(Kind::Counter, &arguments),
                Err(reason),
                "{arguments:?}"
            );
        }
        assert_eq!(check(Kind::Histogram, &[n()]), Err(Reason::BadValue));
    }

    #[test]
    fn a_listed_sample_needs_its_type_and_its_value() {
        let none = TrustedLabels::default();
        let item = |name: Value<'static>, kind: Value<'static>, value: Value<'static>| {
            let given = Given {
                name,
                kind,
                value,
                ..Given::default()
            };
            samples(given.into_row(None, &none)).remove(0).map(|s| s.1)
        };
        let n = || Value::from("n");
        let two = || Value::Number(2.0);
        assert_eq!(item(n(), 1.0.into(), two()), Ok(2.0));
        assert_eq!(item(n(), 3.0.into(), two()), Ok(2.0));
        for (name, kind, value, reason) in [
            (n(), Value::Undefined, two(), Reason::BadType),
            (n(), 2.0.into(), two(), Reason::BadType),
            (n(), "gauge".into(), two(), Reason::BadType),
            (n(), 1.0.into(), Value::Undefined, Reason::BadValue),
            (n(), 1.0.into(), "2".into(), Reason::BadValue),
            (Value::Undefined, 1.0.into(), two(), Reason::BadName),
        ] {
            assert_eq!(item(name, kind, value), Err(reason));
        }
        let flat = Given {
            labels: Value::Array(Array::default()),
            ..Given::default()
        };
        assert_eq!(flat.without_arrays().labels, Value::Other("an array"));
    }

    fn packed(text: &str) -> Vec<Result<Checked, Reason>> {
        let none = TrustedLabels::default();
        let item: Value<'_> = serde_json::from_str(text).unwrap();
        samples(Row::of_packed(item, &none))
    }

    #[test]
    fn a_packed_sample_is_a_flat_array() {
        let row = packed(r#"["n", 1, 2, ["route", "/"], "h", "more", {"than": "asked"}]"#);
        assert_eq!(row, [sample(2.0, ROUTE, Some("h"))]);
        assert_eq!(packed(r#"["n", "counter", 2]"#), [sample(2.0, &[], None)]);
        for wrong in ["null", "{}", "1", r#""n""#] {
            assert_eq!(packed(wrong), [Err(Reason::BadPacked)], "{wrong}");
        }
        assert_eq!(packed("[]"), [Err(Reason::BadName)]);
    }

    #[test]
    fn a_row_is_as_many_samples_as_it_has_values_and_each_is_judged_alone() {
        let row = packed(r#"["n", 1, [1, -1, "2", 2.5]]"#);
        let bad = || Err(Reason::BadValue);
        let good = |value| sample(value, &[], None);
        assert_eq!(row, [good(1.0), bad(), bad(), good(2.5)]);
        assert_eq!(packed(r#"["n", 3, []]"#), []);
        // An error in the row refuses each of its samples.
        let row = packed(r#"["n", 2, [1, 2]]"#);
        assert_eq!(row, [Err(Reason::BadType), Err(Reason::BadType)]);
    }
}
