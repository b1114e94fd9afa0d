//! JavaScript and JSON values, reduced to the kinds that samples use.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::limits::{MAX_PROPERTIES, MAX_SAMPLES_PER_CALL};

/// One value that a caller passed.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Value<'a> {
    /// `undefined`, or a missing value.
    #[default]
    Undefined,
    /// `null`.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number, including NaN and the infinities.
    Number(f64),
    /// A string; each lone surrogate is replaced by U+FFFD.
    Text(Cow<'a, str>),
    /// An array.
    Array(Array<'a>),
    /// The properties of a plain object, or the entries of a `Map`.
    Object(Vec<(Cow<'a, str>, Self)>),
    /// Any other value, as a description with its article: "a bigint".
    Other(&'static str),
}

/// An array, of which at most [`MAX_SAMPLES_PER_CALL`] items are kept.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Array<'a> {
    /// The first items.
    pub items: Vec<Value<'a>>,
    /// The number of further items.
    pub excess: usize,
}

/// The object has more than [`MAX_PROPERTIES`] properties.
pub const TOO_MANY_PROPERTIES: &str = "an object with too many properties";

impl<'a> Value<'a> {
    /// The kind of the value, with its article, for error messages.
    #[must_use]
    pub fn describe(&self) -> &'static str {
        match self {
            Self::Undefined => "undefined",
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(n) if n.is_nan() => "NaN",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
            Self::Other(what) => what,
        }
    }

    /// A copy that borrows nothing.
    #[must_use]
    pub fn into_owned(self) -> Value<'static> {
        let owned = |text: Cow<'a, str>| Cow::Owned(text.into_owned());
        match self {
            Self::Undefined => Value::Undefined,
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(value),
            Self::Number(number) => Value::Number(number),
            Self::Text(text) => Value::Text(owned(text)),
            Self::Array(Array { items, excess }) => {
                let items = items.into_iter().map(Value::into_owned).collect();
                Value::Array(Array { items, excess })
            }
            Self::Object(properties) => {
                let properties = properties.into_iter();
                Value::Object(
                    properties
                        .map(|(k, v)| (owned(k), v.into_owned()))
                        .collect(),
                )
            }
            Self::Other(what) => Value::Other(what),
        }
    }

    /// Whether this is `undefined` or `null`, which count as an omitted argument.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Undefined | Self::Null)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<f64> for Value<'_> {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl<'de> Deserialize<'de> for Value<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

impl<'de> Deserialize<'de> for Array<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ArrayVisitor)
    }
}

struct ArrayVisitor;

impl<'de> Visitor<'de> for ArrayVisitor {
    type Value = Array<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Array<'de>, A::Error> {
        let mut array = Array::default();
        while array.items.len() < MAX_SAMPLES_PER_CALL {
            match seq.next_element()? {
                Some(item) => array.items.push(item),
                None => return Ok(array),
            }
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {
            array.excess = array.excess.saturating_add(1);
        }
        Ok(array)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value<'de>, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value<'de>, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value<'de>, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value<'de>, E> {
        Ok(Value::Bool(value))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "JavaScript's numbers are doubles, and JSON.parse rounds as well"
    )]
    fn visit_i64<E>(self, value: i64) -> Result<Value<'de>, E> {
        Ok(Value::Number(value as f64))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "JavaScript's numbers are doubles, and JSON.parse rounds as well"
    )]
    fn visit_u64<E>(self, value: u64) -> Result<Value<'de>, E> {
        Ok(Value::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value<'de>, E> {
        Ok(Value::Number(value))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::from(text))
    }

    fn visit_string<E>(self, text: String) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Value<'de>, A::Error> {
        ArrayVisitor.visit_seq(seq).map(Value::Array)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value<'de>, A::Error> {
        let mut properties = Vec::new();
        let mut too_many = false;
        while let Some(key) = map.next_key::<Value<'de>>()? {
            if properties.len() < MAX_PROPERTIES {
                let Value::Text(key) = key else {
                    return Ok(Value::Other("a map whose keys are not strings"));
                };
                properties.push((key, map.next_value()?));
            } else {
                map.next_value::<IgnoredAny>()?;
                too_many = true;
            }
        }
        Ok(if too_many {
            Value::Other(TOO_MANY_PROPERTIES)
        } else {
            Value::Object(properties)
        })
    }
}

/// Formats a number as `String(number)` does in JavaScript.
///
/// [Number::toString]: https://tc39.es/ecma262/#sec-numeric-types-number-tostring
#[must_use]
pub fn number_text(number: f64) -> String {
    if number.is_nan() {
        return "NaN".into();
    }
    let sign = if number < 0.0 { "-" } else { "" };
    if number.is_infinite() {
        return format!("{sign}Infinity");
    }
    // serde_json also finds the shortest digits. `f64::to_string` would add 17 kB of Wasm.
    let shortest = serde_json::to_string(&number.abs()).unwrap_or_default();
    let (mantissa, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let written = format!("{whole}{fraction}");
    let digits = written.trim_start_matches('0');
    let leading_zeros = written.len().saturating_sub(digits.len());
    let digits = digits.trim_end_matches('0');
    // The number is 0.digits times ten to this power.
    let point = to_i32(whole.len())
        .saturating_sub(to_i32(leading_zeros))
        .saturating_add(exponent.parse().unwrap_or(0));
    let zeros = |n: i32| "0".repeat(usize::try_from(n).unwrap_or(0));
    let count = to_i32(digits.len());
    let (before, after) = digits
        .split_at_checked(usize::try_from(point).unwrap_or(0))
        .unwrap_or((digits, ""));
    match point {
        _ if digits.is_empty() => "0".into(),
        1..=21 if after.is_empty() => {
            format!("{sign}{digits}{}", zeros(point.saturating_sub(count)))
        }
        1..=21 => format!("{sign}{before}.{after}"),
        -5..=0 => format!("{sign}0.{}{digits}", zeros(point.saturating_neg())),
        _ => {
            let (first, others) = digits.split_at_checked(1).unwrap_or((digits, ""));
            let dot = if others.is_empty() { "" } else { "." };
            let exponent = point.saturating_sub(1);
            let plus = if exponent > 0 { "+" } else { "" };
            format!("{sign}{first}{dot}{others}e{plus}{exponent}")
        }
    }
}

fn to_i32(len: usize) -> i32 {
    i32::try_from(len).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_javascript_writes_them() {
        for (number, text) in [
            (200.0, "200"),
            (1e21, "1e+21"),
            (1.5e300, "1.5e+300"),
            (123_456_789_012_345_680_000.0, "123456789012345680000"),
            (0.1, "0.1"),
            (1e-7, "1e-7"),
            (0.000_001, "0.000001"),
            (-0.0, "0"),
            (-1.5, "-1.5"),
            (1234.5, "1234.5"),
            (1e20, "100000000000000000000"),
            (123_456.0e-10, "0.0000123456"),
            (1.5e-7, "1.5e-7"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
            (5e-324, "5e-324"),
            (9_007_199_254_740_993.0, "9007199254740992"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "Infinity"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(number_text(number), text);
        }
    }

    #[test]
    fn of_a_long_array_the_first_items_are_kept_and_the_others_counted() {
        let text = serde_json::to_string(&vec![0; MAX_SAMPLES_PER_CALL + 3]).unwrap();
        let array: Array<'_> = serde_json::from_str(&text).unwrap();
        assert_eq!((array.items.len(), array.excess), (MAX_SAMPLES_PER_CALL, 3));
    }

    #[test]
    fn an_object_with_very_many_properties_is_none_that_labels_are() {
        let properties: std::collections::BTreeMap<_, _> =
            (0..=MAX_PROPERTIES).map(|i| (format!("k{i}"), i)).collect();
        let text = serde_json::to_string(&properties).unwrap();
        let value: Value<'_> = serde_json::from_str(&text).unwrap();
        assert_eq!(value, Value::Other(TOO_MANY_PROPERTIES));
    }
}
