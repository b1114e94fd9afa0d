//! The forms in which a caller may give a sample, told apart by the types of the arguments.

use crate::labels::{Labels, TrustedLabels};
use crate::refusal::{Detail, Reason, Refusal};
use crate::sample::{Kind, Sample};
use crate::spellings::Spelling;
use crate::value::{Brief, Properties, Reader, Value};

/// A sample as the caller gave it: in the right places, not yet checked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Draft<'a> {
    kind: Kind,
    name: &'a str,
    value: f64,
    help: Option<&'a str>,
    /// An object, a flat array of names and values, or absent.
    labels: Value<'a>,
}

impl<'a> Draft<'a> {
    /// The arguments of `incr` or `observe`: `(name, value?, labels?, options?)`, in any order
    /// after the name, or one sample-like object. A counter's value defaults to 1.
    ///
    /// # Errors
    ///
    /// An argument of another type, one of these twice, or no value to observe.
    pub fn from_arguments(kind: Kind, mut arguments: Reader<'a>) -> Result<Self, Refusal<'a>> {
        let name = match arguments.value().unwrap_or(Value::Undefined) {
            Value::Text(name) => name,
            Value::Object(properties) => return Self::from_object(properties, Some(kind)),
            other => {
                let expected = Detail::Found("a metric name as the first argument", other);
                return Err(Refusal::new(Reason::BadName, expected));
            }
        };
        let refuse = |detail| Err(Refusal::new(Reason::BadArgument, detail).of(name));
        let mut value = None;
        let mut labels = None;
        let mut options = None;
        while let Some(argument) = arguments.value() {
            match argument {
                Value::Undefined | Value::Null => {}
                Value::Number(number) if value.is_none() => value = Some(number),
                Value::Object(_) if labels.is_none() => labels = Some(argument),
                Value::Object(properties) if options.is_none() => options = Some(properties),
                Value::Number(_) => return refuse(Detail::Fixed("expected one number, got two")),
                other => {
                    return refuse(Detail::Found(
                        "a number, an object of labels or an object of options after the name",
                        other,
                    ));
                }
            }
        }
        let help = match options {
            Some(options) => help_of(options).map_err(|refusal| refusal.of(name))?,
            None => None,
        };
        let value = value_or_default(kind, value).map_err(|refusal| refusal.of(name))?;
        Ok(Self {
            kind,
            name,
            value,
            help,
            labels: labels.unwrap_or(Value::Undefined),
        })
    }

    /// One sample of `record` or `push`: an object.
    ///
    /// # Errors
    ///
    /// Another type, or a property of another type.
    pub fn from_item(item: Value<'a>) -> Result<Self, Refusal<'a>> {
        match item {
            Value::Object(properties) => Self::from_object(properties, None),
            Value::Sample(mut items) => {
                let mut next = || items.next().unwrap_or(Value::Undefined);
                Self::from_properties([next(), next(), next(), next(), next()], None)
            }
            other => {
                let expected = Detail::Found("a sample, which is an object", other);
                Err(Refusal::new(Reason::BadArgument, expected))
            }
        }
    }

    /// A brief sample, all but its value.
    pub(crate) fn from_brief(brief: Brief<'a>) -> Self {
        let kind = if brief.is_counter {
            Kind::Counter
        } else {
            Kind::Histogram
        };
        Self {
            kind,
            name: brief.name(),
            value: 0.0,
            help: None,
            labels: Value::Brief(brief),
        }
    }

    fn from_object(properties: Properties<'a>, method: Option<Kind>) -> Result<Self, Refusal<'a>> {
        let [mut name, mut kind, mut value, mut labels, mut help] = [Value::Undefined; 5];
        for (key, property) in properties {
            match key {
                "name" => name = property,
                "type" => kind = property,
                "value" => value = property,
                "labels" => labels = property,
                "help" => help = property,
                // Whatever else the caller keeps in its object is its own.
                _ => {}
            }
        }
        Self::from_properties([name, kind, value, labels, help], method)
    }

    fn from_properties(
        [name, kind, value, labels, help]: [Value<'a>; 5],
        method: Option<Kind>,
    ) -> Result<Self, Refusal<'a>> {
        if let Value::Array(_) = labels {
            let found = Detail::Found("labels to be an object", labels);
            return Err(
                Refusal::new(Reason::BadLabelName, found).of(name.as_text().unwrap_or_default())
            );
        }
        Self::from_parts(name, kind, value, labels, help, method)
    }

    pub(crate) fn from_parts(
        name: Value<'a>,
        kind: Value<'a>,
        value: Value<'a>,
        labels: Value<'a>,
        help: Value<'a>,
        method: Option<Kind>,
    ) -> Result<Self, Refusal<'a>> {
        let Value::Text(name) = name else {
            let expected = Detail::Found("name to be a metric name", name);
            return Err(Refusal::new(Reason::BadName, expected));
        };
        let in_context = |refusal: Refusal<'a>| refusal.of(name);
        let kind = kind_of(kind, method).map_err(in_context)?;
        let value = match value {
            Value::Undefined | Value::Null => None,
            given => Some(number(given).map_err(in_context)?),
        };
        // Only `incr` has a default: in a list of samples a missing value is a slip.
        let value = if method.is_some() {
            value_or_default(kind, value)
        } else {
            value.ok_or(Refusal::new(
                Reason::BadValue,
                Detail::Fixed("expected a value, got none"),
            ))
        }
        .map_err(in_context)?;
        let help = help_text(help).map_err(in_context)?;
        Ok(Self {
            kind,
            name,
            value,
            help,
            labels,
        })
    }

    /// The same with another value.
    ///
    /// # Errors
    ///
    /// It is not a number.
    pub(crate) fn with_value(self, value: Value<'a>) -> Result<Self, Refusal<'a>> {
        let value = number(value).map_err(|refusal| refusal.of(self.name))?;
        Ok(Self { value, ..self })
    }

    /// The metric's name as given.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// Bytes of text that are looked at to judge the sample.
    pub(crate) fn text_len(&self) -> usize {
        let Some(spelling) = self.spelling() else {
            return self.name.len();
        };
        let Spelling {
            name, help, labels, ..
        } = spelling;
        name.len()
            .saturating_add(help.len())
            .saturating_add(labels.len())
    }

    /// The metric's type.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// The value as given.
    pub(crate) fn value(&self) -> f64 {
        self.value
    }

    /// How the caller wrote everything but the value; `None` when the labels are nothing that could be
    /// legal.
    pub(crate) fn spelling(&self) -> Option<Spelling<'a>> {
        let (form, count, labels) = match self.labels {
            Value::Undefined | Value::Null => (0, 0, &[][..]),
            Value::Object(properties) => (1, properties.len(), properties.as_bytes()),
            Value::Array(items) => (2, items.len(), items.as_bytes()),
            Value::Brief(brief) => {
                let (lengths, text) = brief.as_bytes();
                return Some(Spelling {
                    kind: self.kind,
                    form: 3,
                    name: text,
                    help: &[],
                    count: 0,
                    labels: lengths,
                });
            }
            _ => return None,
        };
        Some(Spelling {
            kind: self.kind,
            form,
            count,
            name: self.name.as_bytes(),
            help: self.help.unwrap_or_default().as_bytes(),
            labels,
        })
    }

    /// Checks everything, collecting the labels in `labels`.
    ///
    /// # Errors
    ///
    /// Whatever is not legal about the sample.
    pub fn check<'l>(
        &self,
        labels: &'l mut Labels,
        trusted: &TrustedLabels,
    ) -> Result<Sample<'a, 'l>, Refusal<'a>> {
        labels.clear();
        match self.labels {
            Value::Undefined | Value::Null => Ok(()),
            Value::Object(properties) => labels.extend_object(properties),
            Value::Array(items) => labels.extend_pairs(items),
            Value::Brief(brief) => {
                let mut texts = brief.labels();
                while let (Some(name), Some(value)) = (texts.next(), texts.next()) {
                    labels
                        .push(name, Value::Text(value))
                        .map_err(|refusal| refusal.of(self.name))?;
                }
                Ok(())
            }
            other => {
                let found = Detail::Found("labels to be an object", other);
                Err(Refusal::new(Reason::BadLabelName, found))
            }
        }
        .map_err(|refusal| refusal.of(self.name))?;
        labels.extend_trusted(trusted);
        labels.finish().map_err(|refusal| refusal.of(self.name))?;
        Sample::new(self.kind, self.name, self.value, labels, self.help)
    }
}

fn number(value: Value<'_>) -> Result<f64, Refusal<'_>> {
    let expected = Detail::Found("value to be a number", value);
    value
        .as_number()
        .ok_or(Refusal::new(Reason::BadValue, expected))
}

fn value_or_default<'a>(kind: Kind, value: Option<f64>) -> Result<f64, Refusal<'a>> {
    match (kind, value) {
        (_, Some(value)) => Ok(value),
        (Kind::Counter, None) => Ok(1.0),
        (Kind::Histogram, None) => Err(Refusal::new(
            Reason::BadValue,
            Detail::Fixed("expected a value to observe, got none"),
        )),
    }
}

fn kind_of<'a>(kind: Value<'a>, method: Option<Kind>) -> Result<Kind, Refusal<'a>> {
    let refuse = |detail| Err(Refusal::new(Reason::BadType, detail));
    let given = match kind {
        Value::Text("counter") => Some(Kind::Counter),
        Value::Text("histogram") => Some(Kind::Histogram),
        Value::Number(1.0) => Some(Kind::Counter),
        Value::Number(3.0) => Some(Kind::Histogram),
        Value::Undefined | Value::Null => None,
        Value::Text(text) => {
            return refuse(Detail::Text(
                r#"is not a type, which is "counter" or "histogram""#,
                text,
            ));
        }
        Value::Number(number) => {
            return refuse(Detail::Number("type 1 (counter) or 3 (histogram)", number));
        }
        other => return refuse(Detail::Found(r#"type "counter" or "histogram""#, other)),
    };
    match (given, method) {
        (Some(given), Some(method)) if given != method => refuse(Detail::Fixed(match method {
            Kind::Counter => "incr takes counters, got a histogram",
            Kind::Histogram => "observe takes histograms, got a counter",
        })),
        (Some(kind), _) | (None, Some(kind)) => Ok(kind),
        (None, None) => refuse(Detail::Fixed(
            r#"expected type "counter" or "histogram", got none"#,
        )),
    }
}

fn help_of(options: Properties<'_>) -> Result<Option<&str>, Refusal<'_>> {
    let mut help = None;
    for (key, value) in options {
        if key == "help" {
            help = help_text(value)?;
        }
    }
    Ok(help)
}

fn help_text(help: Value<'_>) -> Result<Option<&str>, Refusal<'_>> {
    match help {
        Value::Undefined | Value::Null => Ok(None),
        Value::Text(text) => Ok(Some(text)),
        other => Err(Refusal::new(
            Reason::BadHelp,
            Detail::Found("help to be a string", other),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::{encode, tag};

    /// Arguments as a test writes them.
    enum Arg {
        Undefined,
        Num(f64),
        Text(&'static str),
        Bool,
        Labels(&'static [(&'static str, &'static str)]),
        Sample(&'static [(&'static str, Field)]),
    }

    #[derive(Clone, Copy)]
    enum Field {
        Num(f64),
        Text(&'static str),
        Labels(&'static [(&'static str, &'static str)]),
        Array,
    }

    fn bytes(args: &[Arg]) -> Vec<u8> {
        let mut out = Vec::new();
        for arg in args {
            match arg {
                Arg::Undefined => out.push(tag::UNDEFINED),
                Arg::Num(n) => encode::number(&mut out, *n),
                Arg::Text(t) => encode::text(&mut out, t),
                Arg::Bool => out.push(tag::TRUE),
                Arg::Labels(labels) => encode::labels(&mut out, labels),
                Arg::Sample(fields) => encode::object(&mut out, |out| {
                    for (key, field) in *fields {
                        encode::key(out, key);
                        match field {
                            Field::Num(n) => encode::number(out, *n),
                            Field::Text(t) => encode::text(out, t),
                            Field::Labels(labels) => encode::labels(out, labels),
                            Field::Array => encode::array(out, |_| 0),
                        }
                    }
                    fields.len() as u32
                }),
            }
        }
        out
    }

    type Checked = (String, f64, Vec<(String, String)>, Option<String>);

    fn check(kind: Kind, args: &[Arg]) -> Result<Checked, Reason> {
        let bytes = bytes(args);
        let draft = Draft::from_arguments(kind, Reader::new(&bytes)).map_err(|r| r.reason)?;
        let mut labels = Labels::default();
        let sample = draft
            .check(&mut labels, &TrustedLabels::default())
            .map_err(|r| r.reason)?;
        Ok((
            sample.name().to_owned(),
            sample.value(),
            sample
                .labels()
                .iter()
                .map(|(n, v)| (n.to_owned(), v.to_owned()))
                .collect(),
            sample.help().map(str::to_owned),
        ))
    }

    fn sample(value: f64, labels: &[(&str, &str)], help: Option<&str>) -> Result<Checked, Reason> {
        let labels = labels
            .iter()
            .map(|&(n, v)| (n.to_owned(), v.to_owned()))
            .collect();
        Ok(("n".to_owned(), value, labels, help.map(str::to_owned)))
    }

    const ROUTE: &[(&str, &str)] = &[("route", "/")];
    const HELP: &[(&str, &str)] = &[("help", "h")];

    #[test]
    fn every_documented_form_of_incr_and_observe_is_understood() {
        use Arg::{Labels, Num, Text, Undefined};
        let incr = |args: &[Arg]| check(Kind::Counter, args);
        assert_eq!(incr(&[Text("n")]), sample(1.0, &[], None));
        assert_eq!(incr(&[Text("n"), Num(2.0)]), sample(2.0, &[], None));
        assert_eq!(incr(&[Text("n"), Labels(ROUTE)]), sample(1.0, ROUTE, None));
        assert_eq!(
            incr(&[Text("n"), Labels(ROUTE), Num(2.0)]),
            sample(2.0, ROUTE, None)
        );
        assert_eq!(
            incr(&[Text("n"), Num(2.0), Labels(ROUTE)]),
            sample(2.0, ROUTE, None)
        );
        assert_eq!(
            incr(&[Text("n"), Num(2.0), Labels(ROUTE), Labels(HELP)]),
            sample(2.0, ROUTE, Some("h"))
        );
        assert_eq!(
            incr(&[Text("n"), Undefined, Labels(ROUTE), Undefined]),
            sample(1.0, ROUTE, None)
        );
        let observe = |args: &[Arg]| check(Kind::Histogram, args);
        assert_eq!(
            observe(&[Text("n"), Num(42.5), Labels(ROUTE)]),
            sample(42.5, ROUTE, None)
        );
        assert_eq!(
            observe(&[Text("n"), Labels(ROUTE), Num(42.5)]),
            sample(42.5, ROUTE, None)
        );
    }

    #[test]
    fn one_sample_like_object_is_understood() {
        use Field::{Labels, Num, Text};
        let object = [Arg::Sample(&[
            ("name", Text("n")),
            ("value", Num(2.0)),
            ("labels", Labels(ROUTE)),
            ("help", Text("h")),
            ("type", Text("counter")),
            ("other", Text("ignored")),
        ])];
        assert_eq!(check(Kind::Counter, &object), sample(2.0, ROUTE, Some("h")));
        assert_eq!(check(Kind::Histogram, &object), Err(Reason::BadType));
        let short = [Arg::Sample(&[("name", Text("n"))])];
        assert_eq!(check(Kind::Counter, &short), sample(1.0, &[], None));
        assert_eq!(check(Kind::Histogram, &short), Err(Reason::BadValue));
    }

    #[test]
    fn wrong_types_and_repeats_are_refused_with_their_reason() {
        use Arg::{Bool, Labels, Num, Text};
        for (args, reason) in [
            (&[][..], Reason::BadName),
            (&[Num(1.0)], Reason::BadName),
            (&[Text("n"), Bool], Reason::BadArgument),
            (&[Text("n"), Text("x")], Reason::BadArgument),
            (&[Text("n"), Num(1.0), Num(1.0)], Reason::BadArgument),
            (
                &[Text("n"), Labels(ROUTE), Labels(HELP), Labels(HELP)],
                Reason::BadArgument,
            ),
            (&[Text("n"), Num(f64::NAN)], Reason::BadValue),
            (&[Text("n-n")], Reason::BadName),
        ] {
            assert_eq!(check(Kind::Counter, args), Err(reason), "{:?}", bytes(args));
        }
        assert_eq!(check(Kind::Histogram, &[Text("n")]), Err(Reason::BadValue));
    }

    #[test]
    fn a_listed_sample_needs_its_type_and_its_value() {
        use Field::{Array, Num, Text};
        let item = |fields: &'static [(&'static str, Field)]| {
            let bytes = bytes(&[Arg::Sample(fields)]);
            let value = Reader::new(&bytes).value().unwrap();
            Draft::from_item(value)
                .map(|draft| (draft.kind, draft.value))
                .map_err(|r| r.reason)
        };
        let ok = |kind, value| Ok((kind, value));
        assert_eq!(
            item(&[("name", Text("n")), ("type", Num(1.0)), ("value", Num(2.0))]),
            ok(Kind::Counter, 2.0)
        );
        assert_eq!(
            item(&[("name", Text("n")), ("type", Num(3.0)), ("value", Num(2.0))]),
            ok(Kind::Histogram, 2.0)
        );
        for (fields, reason) in [
            (
                &[("name", Text("n")), ("value", Num(2.0))][..],
                Reason::BadType,
            ),
            (
                &[("name", Text("n")), ("type", Num(2.0)), ("value", Num(2.0))],
                Reason::BadType,
            ),
            (
                &[
                    ("name", Text("n")),
                    ("type", Text("gauge")),
                    ("value", Num(2.0)),
                ],
                Reason::BadType,
            ),
            (&[("name", Text("n")), ("type", Num(1.0))], Reason::BadValue),
            (
                &[
                    ("name", Text("n")),
                    ("type", Num(1.0)),
                    ("value", Text("2")),
                ],
                Reason::BadValue,
            ),
            (&[("type", Num(1.0)), ("value", Num(2.0))], Reason::BadName),
            (
                &[
                    ("name", Text("n")),
                    ("type", Num(1.0)),
                    ("value", Num(1.0)),
                    ("labels", Array),
                ],
                Reason::BadLabelName,
            ),
        ] {
            assert_eq!(item(fields), Err(reason));
        }
        assert_eq!(
            Draft::from_item(Value::Null).unwrap_err().reason,
            Reason::BadArgument
        );
    }
}
