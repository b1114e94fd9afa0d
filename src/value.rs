//! JavaScript values as bytes: what `js/codec.mjs` writes, read back without allocating.
//!
//! The JS boundary is crossed once per call: the codec walks the arguments and writes them here,
//! so everything that judges them is plain Rust over bytes, tested and fuzzed natively. A value is
//! a tag byte and its payload; integers are little-endian.
//!
//! | tag | payload |
//! | --- | --- |
//! | 0 undefined, 1 null, 2 false, 3 true | none |
//! | 4 number | f64 |
//! | 5 string | u32 byte length, UTF-8 |
//! | 6 array | u32 count, u32 byte length of what follows, then the values (of a very long array the first) |
//! | 7 object | u32 count, u32 byte length of what follows, then for each property its key (u32 byte length, UTF-8) and its value |
//! | 8 bytes | u32 length, then the bytes |
//! | 9 other | one byte: an index into [`OTHER`] |
//! | 10 packed | u32 byte length, UTF-8: the packed form of a list of samples, see [`crate::json`] |
//! | 11 sample | as an array: a plain object's `name`, `type`, `value`, `labels` and `help` |
//! | 12 brief | in a list only: u8 type, u32 count of values, f64 each, u32 byte length of its text, u8 count of labels, u16 length of the name, for each label u16 length of its name and u16 length of its value |
//! | 13 list | u32 count, u32 byte length, samples; u32 byte length, UTF-8: the text of those that are brief, one after another |
//!
//! The codec bounds what it writes (see `js/codec.mjs`); what was too large is an [`OTHER`] value.

/// The tags of the table above, which `js/codec.mjs` has as well.
pub(crate) mod tag {
    pub(crate) const UNDEFINED: u8 = 0;
    pub(crate) const NULL: u8 = 1;
    pub(crate) const FALSE: u8 = 2;
    pub(crate) const TRUE: u8 = 3;
    pub(crate) const NUMBER: u8 = 4;
    pub(crate) const STRING: u8 = 5;
    pub(crate) const ARRAY: u8 = 6;
    pub(crate) const OBJECT: u8 = 7;
    pub(crate) const BYTES: u8 = 8;
    pub(crate) const OTHER: u8 = 9;
    pub(crate) const PACKED: u8 = 10;
    pub(crate) const SAMPLE: u8 = 11;
    pub(crate) const BRIEF: u8 = 12;
    pub(crate) const LIST: u8 = 13;
}

/// What the codec writes for values it does not carry, by index.
pub const OTHER: [&str; 9] = [
    "a bigint",
    "a symbol",
    "a function or stub",
    "an object that is not a plain one",
    TOO_DEEP,
    TOO_MANY_PROPERTIES,
    TOO_LONG,
    "an unreadable object",
    TOO_MUCH,
];

/// An object or array below the depth that samples have.
pub const TOO_DEEP: &str = "an object that is nested too deep";
/// An object that no labels are.
pub const TOO_MANY_PROPERTIES: &str = "an object with too many properties";
/// A string that no name, label or help is.
pub const TOO_LONG: &str = "a string that is too long";
/// An argument that is too large as a whole.
pub const TOO_MUCH: &str = "more data than one call may carry";

/// One JavaScript value, borrowed from the encoded bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// `undefined`.
    Undefined,
    /// `null`.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number, also NaN and the infinities.
    Number(f64),
    /// A string; lone surrogates have become U+FFFD.
    Text(&'a str),
    /// An array.
    Array(Items<'a>),
    /// A string in place of a list of samples.
    Packed(&'a str),
    /// A plain object in a list of samples: its `name`, `type`, `value`, `labels` and `help`.
    Sample(Items<'a>),
    /// Samples that have nothing but a name, a type, a number each, and labels that are text.
    Brief(Brief<'a>),
    /// A list of samples.
    List(List<'a>),
    /// A plain object.
    Object(Properties<'a>),
    /// The contents of a `Uint8Array`.
    Bytes(&'a [u8]),
    /// Anything else, described with its article: "a bigint".
    Other(&'static str),
}

impl<'a> Value<'a> {
    /// What the value is, with its article, for error messages.
    #[must_use]
    pub fn describe(&self) -> &'static str {
        match self {
            Self::Undefined => "undefined",
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(n) if n.is_nan() => "NaN",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::Array(_) | Self::List(_) => "an array",
            Self::Packed(_) => "a string that is not packed samples of version 1",
            Self::Sample(_) | Self::Brief(_) | Self::Object(_) => "an object",
            Self::Bytes(_) => "a byte array",
            Self::Other(what) => what,
        }
    }

    /// Whether this is `undefined` or `null`: an argument that was left out.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Undefined | Self::Null)
    }

    /// The text, if this is a string.
    #[must_use]
    pub fn as_text(&self) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if this is one.
    #[must_use]
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }
}

/// Reads encoded values one after another.
///
/// Bytes that no codec wrote end the sequence: [`Reader::value`] answers `None`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the first of `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next value, or `None` at the end or where the bytes make no sense.
    pub fn value(&mut self) -> Option<Value<'a>> {
        let (&found, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(match found {
            tag::UNDEFINED => Value::Undefined,
            tag::NULL => Value::Null,
            tag::FALSE => Value::Bool(false),
            tag::TRUE => Value::Bool(true),
            tag::NUMBER => {
                let (bytes, rest) = self.rest.split_first_chunk::<8>()?;
                self.rest = rest;
                Value::Number(f64::from_le_bytes(*bytes))
            }
            tag::STRING => Value::Text(self.text()?),
            tag::ARRAY => Value::Array(Items {
                count: self.length()?,
                reader: self.contents()?,
            }),
            tag::OBJECT => Value::Object(Properties {
                count: self.length()?,
                reader: self.contents()?,
            }),
            tag::BYTES => {
                let length = self.length()?;
                Value::Bytes(self.bytes(length)?)
            }
            tag::OTHER => {
                let (&index, rest) = self.rest.split_first()?;
                self.rest = rest;
                Value::Other(OTHER.get(usize::from(index))?)
            }
            tag::PACKED => Value::Packed(self.text()?),
            tag::SAMPLE => Value::Sample(Items {
                count: self.length()?,
                reader: self.contents()?,
            }),
            tag::LIST => Value::List(List {
                count: self.length()?,
                reader: self.contents()?,
                text: self.text()?,
            }),
            _ => return None,
        })
    }

    /// A reader over a container's contents, stepping over them.
    fn contents(&mut self) -> Option<Self> {
        let length = self.length()?;
        Some(Reader {
            rest: self.bytes(length)?,
        })
    }

    fn length(&mut self) -> Option<usize> {
        let (bytes, rest) = self.rest.split_first_chunk::<4>()?;
        self.rest = rest;
        usize::try_from(u32::from_le_bytes(*bytes)).ok()
    }

    fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(bytes)
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = self.length()?;
        std::str::from_utf8(self.bytes(length)?).ok()
    }
}

/// The values of an array, in order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Items<'a> {
    reader: Reader<'a>,
    count: usize,
}

impl<'a> Items<'a> {
    /// What is left of the array, encoded.
    pub(crate) fn as_bytes(&self) -> &'a [u8] {
        self.reader.rest
    }

    /// How many values are left in the array. Of a very long one the codec writes only the first,
    /// so iteration may end before.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether no value is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        let left = self.count.checked_sub(1)?;
        let value = self.reader.value()?;
        self.count = left;
        Some(value)
    }
}

/// A list of samples, or of packed rows, in order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct List<'a> {
    reader: Reader<'a>,
    text: &'a str,
    count: usize,
}

impl List<'_> {
    /// How many items are left in the list. As with [`Items::len`], iteration may end before.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether no item is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl<'a> Iterator for List<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        let left = self.count.checked_sub(1)?;
        let Some((&tag::BRIEF, rest)) = self.reader.rest.split_first() else {
            let value = self.reader.value()?;
            self.count = left;
            return Some(value);
        };
        let (&kind, rest) = rest.split_first()?;
        let mut reader = Reader { rest };
        let values = reader.length()?.checked_mul(size_of::<f64>())?;
        let (values, _) = reader.bytes(values)?.as_chunks::<8>();
        let text_len = reader.length()?;
        let (&labels, rest) = reader.rest.split_first()?;
        let lengths = usize::from(labels).saturating_mul(4).saturating_add(2);
        let (lengths, rest) = rest.split_at_checked(lengths)?;
        let (text, text_rest) = self.text.split_at_checked(text_len)?;
        self.reader.rest = rest;
        self.text = text_rest;
        self.count = left;
        Some(Value::Brief(Brief {
            is_counter: kind == 1,
            values,
            lengths,
            text,
        }))
    }
}

/// Samples that have nothing but a name, a type, a number each, and labels that are text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Brief<'a> {
    /// Whether it is a counter or else a histogram.
    pub is_counter: bool,
    /// The increments or observations, little-endian.
    values: &'a [[u8; 8]],
    /// Of the name, and of each label's name and value.
    lengths: &'a [u8],
    /// Name and labels without anything between them.
    text: &'a str,
}

impl<'a> Brief<'a> {
    /// The value of each sample, a little-endian f64.
    #[must_use]
    pub fn values(&self) -> &'a [[u8; 8]] {
        self.values
    }

    /// The metric's name.
    #[must_use]
    pub fn name(&self) -> &'a str {
        let mut parts = self.parts();
        parts.next().unwrap_or_default()
    }

    /// Names and values of the labels in turn.
    pub fn labels(&self) -> impl Iterator<Item = &'a str> {
        let mut parts = self.parts();
        parts.next();
        parts
    }

    fn parts(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let mut rest = self.text;
        let (lengths, _) = self.lengths.as_chunks::<2>();
        lengths.iter().map_while(move |length| {
            let length = usize::from(u16::from_le_bytes(*length));
            let (part, after) = rest.split_at_checked(length)?;
            rest = after;
            Some(part)
        })
    }

    /// All there is but type and value: the lengths, and the text.
    pub(crate) fn as_bytes(&self) -> (&'a [u8], &'a [u8]) {
        (self.lengths, self.text.as_bytes())
    }
}

/// The properties of a plain object, in the order JavaScript enumerates them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Properties<'a> {
    reader: Reader<'a>,
    count: usize,
}

impl<'a> Properties<'a> {
    /// What is left of the object, encoded.
    pub(crate) fn as_bytes(&self) -> &'a [u8] {
        self.reader.rest
    }

    /// How many properties are left.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether no property is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl<'a> Iterator for Properties<'a> {
    type Item = (&'a str, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.count = self.count.checked_sub(1)?;
        let key = self.reader.text()?;
        Some((key, self.reader.value()?))
    }
}

/// Writes values as the codec does: results for JavaScript, and arguments in tests.
pub mod encode {
    use super::tag;

    /// Appends `null`.
    pub fn null(out: &mut Vec<u8>) {
        out.push(tag::NULL);
    }

    /// Appends a boolean.
    pub fn boolean(out: &mut Vec<u8>, value: bool) {
        out.push(if value { tag::TRUE } else { tag::FALSE });
    }

    /// Appends a number.
    pub fn number(out: &mut Vec<u8>, number: f64) {
        out.push(tag::NUMBER);
        out.extend_from_slice(&number.to_le_bytes());
    }

    /// Appends a count.
    #[expect(
        clippy::cast_precision_loss,
        reason = "JavaScript's numbers end at 2^53 anyway"
    )]
    pub fn count(out: &mut Vec<u8>, count: u64) {
        number(out, count as f64);
    }

    /// Appends a string.
    pub fn text(out: &mut Vec<u8>, text: &str) {
        out.push(tag::STRING);
        key(out, text);
    }

    /// Appends a property's key: a string without a tag.
    pub fn key(out: &mut Vec<u8>, text: &str) {
        length(out, text.len());
        out.extend_from_slice(text.as_bytes());
    }

    /// Appends an array of the values that `contents` writes and counts.
    pub fn array(out: &mut Vec<u8>, contents: impl FnOnce(&mut Vec<u8>) -> u32) {
        let _ = container::<std::convert::Infallible>(out, tag::ARRAY, |out| Ok(contents(out)));
    }

    /// As [`array()`], for contents that can fail; what was written by then stays.
    ///
    /// # Errors
    ///
    /// Those of `contents`.
    pub fn try_array<E>(
        out: &mut Vec<u8>,
        contents: impl FnOnce(&mut Vec<u8>) -> Result<u32, E>,
    ) -> Result<(), E> {
        container(out, tag::ARRAY, contents)
    }

    /// Appends an object of the properties that `contents` writes, each a key and a value, and
    /// counts.
    pub fn object(out: &mut Vec<u8>, contents: impl FnOnce(&mut Vec<u8>) -> u32) {
        let _ = container::<std::convert::Infallible>(out, tag::OBJECT, |out| Ok(contents(out)));
    }

    fn container<E>(
        out: &mut Vec<u8>,
        kind: u8,
        contents: impl FnOnce(&mut Vec<u8>) -> Result<u32, E>,
    ) -> Result<(), E> {
        out.push(kind);
        let head = out.len();
        out.extend_from_slice(&[0; 8]);
        let start = out.len();
        let count = contents(out)?;
        let len = u32::try_from(out.len().saturating_sub(start)).unwrap_or(u32::MAX);
        if let Some((count_at, len_at)) = out
            .get_mut(head..start)
            .and_then(|h| h.split_at_mut_checked(4))
        {
            count_at.copy_from_slice(&count.to_le_bytes());
            len_at.copy_from_slice(&len.to_le_bytes());
        }
        Ok(())
    }

    fn length(out: &mut Vec<u8>, length: usize) {
        out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
    }

    /// Appends an object whose values are all strings.
    pub fn labels(out: &mut Vec<u8>, labels: &[(&str, &str)]) {
        object(out, |out| {
            for (name, value) in labels {
                key(out, name);
                text(out, value);
            }
            u32::try_from(labels.len()).unwrap_or(u32::MAX)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tag_reads_back_as_its_value() {
        let bytes = [
            0, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0xF8, 0x3F, 5, 2, 0, 0, 0, 0xC3, 0xA9, 8, 1, 0, 0, 0,
            7, 9, 0,
        ];
        let mut reader = Reader::new(&bytes);
        let mut next = || reader.value();
        assert_eq!(next(), Some(Value::Undefined));
        assert_eq!(next(), Some(Value::Null));
        assert_eq!(next(), Some(Value::Bool(false)));
        assert_eq!(next(), Some(Value::Bool(true)));
        assert_eq!(next(), Some(Value::Number(1.5)));
        assert_eq!(next(), Some(Value::Text("é")));
        assert_eq!(next(), Some(Value::Bytes(&[7])));
        assert_eq!(next(), Some(Value::Other("a bigint")));
        assert_eq!(next(), None);
    }

    #[test]
    fn an_object_and_an_array_read_lazily_and_the_reader_stands_behind_them() {
        let mut bytes = Vec::new();
        encode::labels(&mut bytes, &[("route", "/"), ("status", "200")]);
        encode::array(&mut bytes, |bytes| {
            encode::number(bytes, 1.0);
            encode::text(bytes, "x");
            2
        });
        bytes.push(3);
        let mut reader = Reader::new(&bytes);
        let Some(Value::Object(properties)) = reader.value() else {
            panic!("object")
        };
        assert_eq!(
            properties.collect::<Vec<_>>(),
            [("route", Value::Text("/")), ("status", Value::Text("200"))]
        );
        let Some(Value::Array(items)) = reader.value() else {
            panic!("array")
        };
        assert_eq!(
            items.collect::<Vec<_>>(),
            [Value::Number(1.0), Value::Text("x")]
        );
        assert_eq!(reader.value(), Some(Value::Bool(true)));
    }

    #[test]
    fn bytes_that_no_codec_wrote_end_the_sequence() {
        for bytes in [
            &[4, 1, 2][..],
            &[5, 9, 0, 0, 0, b'x'],
            &[5, 1, 0, 0, 0, 0xFF],
            &[6, 0xFF, 0xFF, 0xFF, 0xFF],
            &[6, 1, 0, 0, 0, 2, 0, 0, 0, 0],
            &[7, 1, 0, 0, 0],
            &[9, 200],
            &[77],
            &[10],
        ] {
            assert_eq!(Reader::new(bytes).value(), None, "{bytes:?}");
        }
        let mut reader = Reader::new(&[6, 0xFF, 0xFF, 0xFF, 0xFF, 1, 0, 0, 0, 3]);
        let Some(Value::Array(mut items)) = reader.value() else {
            panic!("array")
        };
        assert_eq!(items.next(), Some(Value::Bool(true)));
        assert_eq!(items.next(), None, "a count larger than the contents");
    }
}
