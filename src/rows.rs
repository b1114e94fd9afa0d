//! What stands in a list of samples: an object is one sample, and a packed row as many as it has
//! values.

use crate::args::Draft;
use crate::refusal::{Detail, Reason, Refusal};
use crate::value::{Items, Value};

/// The samples of one item of a list, one after another.
///
/// They differ in their values only: where all else is not legal, it is not for any of them.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    draft: Result<Draft<'a>, Refusal<'a>>,
    values: Values<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Values<'a> {
    /// The draft's own, if it is still to come.
    Own(bool),
    Items(Items<'a>),
    /// Little-endian, of what has been read as numbers.
    Numbers(&'a [[u8; 8]]),
}

impl<'a> Row<'a> {
    /// An item of an array: an object.
    #[must_use]
    pub fn from_item(item: Value<'a>) -> Self {
        match item {
            Value::Brief(_) => Self::from_packed(item),
            other => Self::of_one(Draft::from_item(other)),
        }
    }

    /// An item of the packed form: `[name, type, value, labels?, help?]`, where `value` is a number
    /// or an array of numbers.
    #[must_use]
    pub fn from_packed(item: Value<'a>) -> Self {
        let mut items = match item {
            Value::Brief(brief) => {
                return Self {
                    draft: Ok(Draft::from_brief(brief)),
                    values: Values::Numbers(brief.values()),
                };
            }
            Value::Array(items) => items,
            other => {
                let expected = Detail::Found("a packed sample, which is an array", other);
                return Self::of_one(Err(Refusal::new(Reason::BadPacked, expected)));
            }
        };
        let mut next = || items.next().unwrap_or(Value::Undefined);
        let (name, kind, value, labels, help) = (next(), next(), next(), next(), next());
        match value {
            Value::Array(values) => Self {
                draft: Draft::from_parts(name, kind, Value::Number(0.0), labels, help, None),
                values: Values::Items(values),
            },
            value => Self::of_one(Draft::from_parts(name, kind, value, labels, help, None)),
        }
    }

    fn of_one(draft: Result<Draft<'a>, Refusal<'a>>) -> Self {
        Self {
            draft,
            values: Values::Own(true),
        }
    }

    /// Bytes of text that are looked at to judge each of the samples.
    #[must_use]
    pub fn text_len(&self) -> usize {
        self.draft.map_or(0, |draft| draft.text_len())
    }

    /// How many samples are left. Of a very long array only the first values are carried, so
    /// iteration may end before.
    #[must_use]
    pub fn len(&self) -> usize {
        match self.values {
            Values::Own(left) => usize::from(left),
            Values::Items(items) => items.len(),
            Values::Numbers(numbers) => numbers.len(),
        }
    }

    /// Whether no sample is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<'a> Iterator for Row<'a> {
    type Item = Result<Draft<'a>, Refusal<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        let value = match &mut self.values {
            Values::Own(left) => {
                return std::mem::take(left).then_some(self.draft);
            }
            Values::Items(items) => items.next()?,
            Values::Numbers(numbers) => {
                let (number, rest) = numbers.split_first()?;
                *numbers = rest;
                Value::Number(f64::from_le_bytes(*number))
            }
        };
        Some(self.draft.and_then(|draft| draft.with_value(value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::{Labels, TrustedLabels};
    use crate::value::{Reader, encode};

    /// The values of a row's samples, or why there are none.
    fn values(bytes: &[u8]) -> Vec<Result<f64, Reason>> {
        let row = Row::from_packed(Reader::new(bytes).value().unwrap());
        assert_eq!(row.len(), row.count());
        row.map(|draft| {
            let draft = draft.map_err(|refusal| refusal.reason)?;
            let mut labels = Labels::default();
            let trusted = TrustedLabels::default();
            let sample = draft.check(&mut labels, &trusted).map_err(|r| r.reason)?;
            assert_eq!(sample.name(), "a");
            Ok(sample.value())
        })
        .collect()
    }

    fn row(kind: f64, contents: impl FnOnce(&mut Vec<u8>) -> u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode::array(&mut bytes, |out| {
            encode::text(out, "a");
            encode::number(out, kind);
            encode::array(out, contents);
            3
        });
        bytes
    }

    #[test]
    fn a_row_is_as_many_samples_as_it_has_values_and_each_is_judged_alone() {
        let bytes = row(1.0, |out| {
            encode::number(out, 1.0);
            encode::number(out, -1.0);
            encode::text(out, "2");
            encode::number(out, 2.5);
            4
        });
        let bad = Err(Reason::BadValue);
        assert_eq!(values(&bytes), [Ok(1.0), bad, bad, Ok(2.5)]);
        assert_eq!(values(&row(3.0, |_| 0)), []);
    }

    #[test]
    fn the_text_of_a_row_is_that_of_each_of_its_samples() {
        let mut bytes = Vec::new();
        encode::array(&mut bytes, |out| {
            encode::text(out, "name");
            encode::number(out, 1.0);
            encode::array(out, |out| {
                encode::number(out, 1.0);
                encode::number(out, 1.0);
                2
            });
            encode::array(out, |out| {
                encode::text(out, "label");
                encode::text(out, &"x".repeat(100));
                2
            });
            4
        });
        let row = Row::from_packed(Reader::new(&bytes).value().unwrap());
        assert!(
            (109..=119).contains(&row.text_len()),
            "{} bytes: each text and a few for its length",
            row.text_len()
        );
    }

    #[test]
    fn what_is_wrong_with_the_row_is_wrong_with_each_sample() {
        let bytes = row(2.0, |out| {
            encode::number(out, 1.0);
            encode::number(out, 2.0);
            2
        });
        assert_eq!(values(&bytes), [Err(Reason::BadType); 2]);
        let mut none = Vec::new();
        encode::null(&mut none);
        assert_eq!(values(&none), [Err(Reason::BadPacked)]);
    }

    #[test]
    fn a_packed_sample_is_a_flat_array() {
        let mut bytes = Vec::new();
        encode::array(&mut bytes, |out| {
            encode::text(out, "n");
            encode::number(out, 1.0);
            encode::number(out, 2.0);
            encode::array(out, |out| {
                encode::text(out, "route");
                encode::text(out, "/");
                2
            });
            encode::text(out, "h");
            5
        });
        let mut row = Row::from_packed(Reader::new(&bytes).value().unwrap());
        let draft = row.next().unwrap().unwrap();
        let mut labels = Labels::default();
        let sample = draft.check(&mut labels, &TrustedLabels::default()).unwrap();
        assert_eq!(
            (sample.name(), sample.value(), sample.help()),
            ("n", 2.0, Some("h"))
        );
        assert_eq!(sample.labels().iter().collect::<Vec<_>>(), [("route", "/")]);
        assert!(row.next().is_none());
    }
}
