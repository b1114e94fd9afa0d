//! The packed form of a list of samples: the character 1, and a JSON array of rows.
//!
//! JSON becomes the bytes of [`crate::value`], as the codec would write what `JSON.parse` gives: from
//! there on a packed sample is judged like any other. `JSON.parse` and a walk over what it makes took
//! three times as long.
//!
//! Three differences, in what nobody means to send: a name that an object has twice is there twice,
//! nesting beyond 32 levels is not read, and half of a surrogate pair is U+FFFD already here.

use crate::limits::MAX_SAMPLES_PER_CALL;
use crate::number::parse_number;
use crate::value::{OTHER, TOO_DEEP, TOO_LONG, TOO_MANY_PROPERTIES, tag};

/// Deepest nesting that is read, and checked; what is below [`MAX_DEPTH`] is not carried.
const MAX_NESTING: usize = 32;
// As in `js/codec.mjs`.
const MAX_DEPTH: usize = 4;
const MAX_PROPERTIES: u32 = 128;
const MAX_TEXT: usize = 8_192;

/// The rows of packed text, as an encoded list; `None` when it is not JSON, or not an array.
#[must_use]
pub fn rows(text: &str) -> Option<Vec<u8>> {
    let json = text.strip_prefix('1')?.as_bytes();
    let mut parser = Parser {
        rest: json,
        out: Output::with_room_for(json.len()),
        text: Output::with_room_for(json.len()),
    };
    parser.list()?;
    let Parser {
        rest,
        mut out,
        text,
        ..
    } = parser;
    let text = text.into_bytes();
    out.put(u32::try_from(text.len()).ok()?.to_le_bytes());
    let mut list = out.into_bytes();
    list.extend_from_slice(&text);
    rest.is_empty().then_some(list)
}

/// Bytes that grow a few at a time.
///
/// `Vec::extend_from_slice` makes a call of every few bytes when code is optimised for size; this
/// is a comparison and a store, and takes a third off the time of a text.
struct Output {
    bytes: Vec<u8>,
    len: usize,
}

impl Output {
    fn with_room_for(len: usize) -> Self {
        Self {
            bytes: vec![0; len.saturating_add(64)],
            len: 0,
        }
    }

    fn into_bytes(mut self) -> Vec<u8> {
        self.bytes.truncate(self.len);
        self.bytes
    }

    #[inline(always)]
    fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        if self.bytes.len().saturating_sub(self.len) < N {
            self.grow();
        }
        self.set(self.len, bytes);
        self.len = self.len.saturating_add(N);
    }

    #[inline(always)]
    fn set<const N: usize>(&mut self, at: usize, bytes: [u8; N]) {
        if let Some(place) = self.bytes.get_mut(at..).and_then(|b| b.first_chunk_mut()) {
            *place = bytes;
        }
    }

    #[cold]
    fn grow(&mut self) {
        self.bytes
            .resize(self.bytes.len().saturating_mul(2).saturating_add(64), 0);
    }
}

struct Parser<'a> {
    rest: &'a [u8],
    out: Output,
    /// The text of brief rows.
    text: Output,
}

impl<'a> Parser<'a> {
    /// Reads the array of rows, and what is around it.
    fn list(&mut self) -> Option<()> {
        self.skip_space();
        if !self.take(b'[') {
            return None;
        }
        self.out.put([tag::LIST]);
        self.out.put([0; 8]);
        let mut count = 0u32;
        self.skip_space();
        if !self.take(b']') {
            loop {
                let (rest, out, text) = (self.rest, self.out.len, self.text.len);
                if self.brief_row().is_none() {
                    (self.rest, self.out.len, self.text.len) = (rest, out, text);
                    self.value(1)?;
                }
                count = count.saturating_add(1);
                self.skip_space();
                if self.take(b']') {
                    break;
                }
                if !self.take(b',') {
                    return None;
                }
                self.skip_space();
            }
        }
        self.skip_space();
        self.out.set(1, count.to_le_bytes());
        let len = u32::try_from(self.out.len.saturating_sub(9)).ok()?;
        self.out.set(5, len.to_le_bytes());
        Some(())
    }

    /// Reads a row as clients write nearly all of them: `["name",1,2.5,["label","value"]]`, or
    /// `["name",3,[2.5,0.1]]`, without spaces. Any other is read in the general way.
    fn brief_row(&mut self) -> Option<()> {
        let rest = self.rest.strip_prefix(b"[\"")?;
        self.rest = rest;
        let start = self.text.len;
        let name_len = self.brief_text()?;
        let (kind, rest) = match self.rest.split_first_chunk::<3>()? {
            (b",1,", rest) => (1, rest),
            (b",3,", rest) => (3, rest),
            _ => return None,
        };
        self.rest = rest;
        self.out.put([tag::BRIEF, kind]);
        self.values()?;
        let sizes = self.out.len;
        self.out.put([0; 5]);
        self.out.put(name_len.to_le_bytes());
        let mut labels = 0u8;
        if let Some(rest) = self.rest.strip_prefix(b",[\"") {
            self.rest = rest;
            loop {
                labels = labels.checked_add(1)?;
                let name_len = self.brief_text()?;
                self.rest = self.rest.strip_prefix(b",\"")?;
                let value_len = self.brief_text()?;
                self.out.put(name_len.to_le_bytes());
                self.out.put(value_len.to_le_bytes());
                if self.take(b']') {
                    break;
                }
                self.rest = self.rest.strip_prefix(b",\"")?;
            }
        }
        if !self.take(b']') {
            return None;
        }
        let text_len = u32::try_from(self.text.len.saturating_sub(start)).ok()?;
        self.out.set(sizes, text_len.to_le_bytes());
        self.out.set(sizes.saturating_add(4), [labels]);
        Some(())
    }

    /// Reads the value of a row, or an array of them, which is not empty.
    fn values(&mut self) -> Option<()> {
        let count_at = self.out.len;
        self.out.put(1u32.to_le_bytes());
        if !self.take(b'[') {
            let number = self.number()?;
            self.out.put(number.to_le_bytes());
            return Some(());
        }
        let mut count = 0u32;
        loop {
            let number = self.number()?;
            self.out.put(number.to_le_bytes());
            count = count.saturating_add(1);
            if self.take(b']') {
                self.out.set(count_at, count.to_le_bytes());
                return Some(());
            }
            if !self.take(b',') {
                return None;
            }
        }
    }

    /// Reads a string after its opening quote into the text of brief rows, and says how long it is.
    fn brief_text(&mut self) -> Option<u16> {
        let len = string(&mut self.rest, &mut self.text)?;
        u16::try_from(len).ok()
    }

    /// Reads one value and appends it.
    fn value(&mut self, depth: usize) -> Option<()> {
        let (&first, rest) = self.rest.split_first()?;
        match first {
            b'"' => {
                self.rest = rest;
                self.out.put([tag::STRING]);
                let start = self.text()?;
                if self.out.len.saturating_sub(start) > MAX_TEXT {
                    let text = self.out.bytes.get(start..self.out.len);
                    if utf16_len(text.unwrap_or_default()) > MAX_TEXT {
                        self.replace(start.saturating_sub(5), TOO_LONG);
                    }
                }
                Some(())
            }
            b'-' | b'0'..=b'9' => {
                let number = self.number()?;
                self.out.put([tag::NUMBER]);
                self.out.put(number.to_le_bytes());
                Some(())
            }
            b'[' => {
                self.rest = rest;
                self.container(depth, Container::Array)
            }
            b'{' => {
                self.rest = rest;
                self.container(depth, Container::Object)
            }
            b't' => self.word(b"true", tag::TRUE),
            b'f' => self.word(b"false", tag::FALSE),
            b'n' => self.word(b"null", tag::NULL),
            _ => None,
        }
    }

    fn word(&mut self, word: &[u8], meaning: u8) -> Option<()> {
        self.rest = self.rest.strip_prefix(word)?;
        self.out.put([meaning]);
        Some(())
    }

    /// Reads what follows an opening bracket.
    fn container(&mut self, depth: usize, kind: Container) -> Option<()> {
        if depth >= MAX_NESTING {
            return None;
        }
        let start = self.out.len;
        self.out.put([kind as u8]);
        self.out.put([0; 8]);
        let contents = self.out.len;
        let close = kind.close();
        let mut count = 0u32;
        self.skip_space();
        if !self.take(close) {
            loop {
                let before = self.out.len;
                if kind == Container::Object {
                    if !self.take(b'"') {
                        return None;
                    }
                    self.text()?;
                    self.skip_space();
                    if !self.take(b':') {
                        return None;
                    }
                    self.skip_space();
                }
                self.value(depth.saturating_add(1))?;
                // Of a longer array the first are written, with the count of all.
                if count as usize >= MAX_SAMPLES_PER_CALL {
                    self.out.len = before;
                }
                count = count.saturating_add(1);
                self.skip_space();
                if self.take(close) {
                    break;
                }
                if !self.take(b',') {
                    return None;
                }
                self.skip_space();
            }
        }
        let len = u32::try_from(self.out.len.saturating_sub(contents)).ok()?;
        self.out
            .set(contents.saturating_sub(8), count.to_le_bytes());
        self.out.set(contents.saturating_sub(4), len.to_le_bytes());
        if depth >= MAX_DEPTH {
            self.replace(start, TOO_DEEP);
        } else if kind == Container::Object && count > MAX_PROPERTIES {
            self.replace(start, TOO_MANY_PROPERTIES);
        }
        Some(())
    }

    /// Takes back what was written since `start`, and says why.
    fn replace(&mut self, start: usize, why: &str) {
        self.out.len = start;
        let index = OTHER.iter().position(|other| *other == why);
        let index = index.and_then(|index| u8::try_from(index).ok());
        self.out.put([tag::OTHER, index.unwrap_or(u8::MAX)]);
    }

    /// Reads a string after its opening quote and appends it; returns where its text starts.
    fn text(&mut self) -> Option<usize> {
        let len_at = self.out.len;
        self.out.put([0; 4]);
        let start = self.out.len;
        let len = u32::try_from(string(&mut self.rest, &mut self.out)?).ok()?;
        self.out.set(len_at, len.to_le_bytes());
        Some(start)
    }

    /// Reads a number. Up to 15 digits with a small exponent it is exact with one operation on
    /// floats (Clinger's fast path); the others are rare, and JavaScript's to read.
    fn number(&mut self) -> Option<f64> {
        let whole = self.rest;
        let negative = self.take(b'-');
        let before = self.rest.len();
        let leading_zero = self.rest.first() == Some(&b'0');
        let mut mantissa = 0u64;
        let mut digits = self.digits(&mut mantissa)?;
        if leading_zero && before.saturating_sub(self.rest.len()) > 1 {
            return None;
        }
        let mut exponent = 0i32;
        if self.take(b'.') {
            let fraction = self.digits(&mut mantissa)?;
            digits = digits.saturating_add(fraction);
            exponent = i32::try_from(fraction).ok()?.saturating_neg();
        }
        let mut simple = digits <= 15;
        if self.take(b'e') || self.take(b'E') {
            let negative = self.take(b'-');
            if !negative {
                self.take(b'+');
            }
            let mut power = 0u64;
            let digits = self.digits(&mut power)?;
            simple &= digits <= 3;
            let power = i32::try_from(power).unwrap_or(i32::MAX);
            exponent = if negative {
                exponent.saturating_sub(power)
            } else {
                exponent.saturating_add(power)
            };
        }
        let scale = usize::try_from(exponent.unsigned_abs()).ok();
        let power = scale.and_then(|scale| POWERS.get(scale));
        let (true, Some(power)) = (simple, power) else {
            let len = whole.len().saturating_sub(self.rest.len());
            let text = whole.get(..len).unwrap_or_default();
            return Some(parse_number(std::str::from_utf8(text).ok()?));
        };
        #[expect(clippy::cast_precision_loss, reason = "at most 15 digits")]
        let mantissa = mantissa as f64;
        let number = if exponent < 0 {
            mantissa / power
        } else {
            mantissa * power
        };
        Some(if negative { -number } else { number })
    }

    /// Reads at least one digit, and says how many; only the first 19 count in `value`.
    fn digits(&mut self, value: &mut u64) -> Option<usize> {
        let mut count = 0usize;
        while let Some((&digit @ b'0'..=b'9', rest)) = self.rest.split_first() {
            self.rest = rest;
            count = count.saturating_add(1);
            let digit = u64::from(digit.wrapping_sub(b'0'));
            *value = value.saturating_mul(10).saturating_add(digit);
        }
        (count > 0).then_some(count)
    }

    fn take(&mut self, byte: u8) -> bool {
        match self.rest.split_first() {
            Some((&first, rest)) if first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn skip_space(&mut self) {
        while let Some((b' ' | b'\n' | b'\r' | b'\t', rest)) = self.rest.split_first() {
            self.rest = rest;
        }
    }
}

/// Reads a string after its opening quote into `out`, and says how many bytes it has there.
fn string(rest: &mut &[u8], out: &mut Output) -> Option<usize> {
    let start = out.len;
    loop {
        match plain(rest, out)? {
            b'"' => return Some(out.len.saturating_sub(start)),
            b'\\' => escape(rest, out)?,
            _ => return None,
        }
    }
}

/// Reads text up to the next quote, backslash or control character, and that.
#[inline(always)]
fn plain(rest: &mut &[u8], out: &mut Output) -> Option<u8> {
    // Eight bytes at a time, written before it is known how many of them count.
    while let Some((word, after)) = rest.split_first_chunk::<8>() {
        out.put(*word);
        let end = special(u64::from_le_bytes(*word));
        if end == 8 {
            *rest = after;
            continue;
        }
        out.len = out.len.saturating_sub(8).saturating_add(end);
        *rest = rest.get(end..)?;
        break;
    }
    loop {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        if byte == b'"' || byte == b'\\' || byte < 0x20 {
            return Some(byte);
        }
        out.put([byte]);
    }
}

/// Reads an escape after its backslash.
fn escape(rest: &mut &[u8], out: &mut Output) -> Option<()> {
    let (&escape, after) = rest.split_first()?;
    *rest = after;
    let plain = match escape {
        b'"' | b'\\' | b'/' => escape,
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'u' => {
            let first = unit(rest)?;
            let c = match (first, rest.strip_prefix(b"\\u")) {
                (0xD800..=0xDBFF, Some(mut after)) => {
                    let second = unit(&mut after)?;
                    let pair = char::decode_utf16([first, second]).next();
                    // If that is no second half, it is a character of its own.
                    if matches!(pair, Some(Ok(_))) {
                        *rest = after;
                    }
                    pair
                }
                _ => char::decode_utf16([first]).next(),
            };
            let c = c
                .and_then(Result::ok)
                .unwrap_or(char::REPLACEMENT_CHARACTER);
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                out.put([byte]);
            }
            return Some(());
        }
        _ => return None,
    };
    out.put([plain]);
    Some(())
}

/// Reads four hexadecimal digits.
fn unit(rest: &mut &[u8]) -> Option<u16> {
    let (digits, after) = rest.split_first_chunk::<4>()?;
    *rest = after;
    let mut unit = 0u16;
    for &digit in digits {
        let digit = char::from(digit).to_digit(16)?;
        unit = unit.wrapping_shl(4) | u16::try_from(digit).ok()?;
    }
    Some(unit)
}

#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Container {
    Array = tag::ARRAY,
    Object = tag::OBJECT,
}

impl Container {
    fn close(self) -> u8 {
        match self {
            Self::Array => b']',
            Self::Object => b'}',
        }
    }
}

/// The powers of ten that a float holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// How many bytes come before the first quote, backslash or control character, out of eight.
///
/// `(x - 0x01…) & !x & 0x80…` has the high bit of the lowest byte that is zero, and maybe of others
/// above it.
fn special(word: u64) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let below = |word: u64, least: u64| word.wrapping_sub(ONES.wrapping_mul(least)) & !word;
    let quote = below(word ^ ONES.wrapping_mul(u64::from(b'"')), 1);
    let backslash = below(word ^ ONES.wrapping_mul(u64::from(b'\\')), 1);
    let found = (quote | backslash | below(word, 0x20)) & HIGHS;
    (found.trailing_zeros() / 8) as usize
}

fn utf16_len(text: &[u8]) -> usize {
    std::str::from_utf8(text).map_or(usize::MAX, |text| text.encode_utf16().count())
}

#[cfg(test)]
#[cfg(not(target_family = "wasm"))]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::value::{Reader, Value};

    /// What `rows` makes of `json`, as JSON again: what is not carried is a string of its name.
    fn read(json: &str) -> Option<Json> {
        let bytes = rows(&format!("1{json}"))?;
        let mut reader = Reader::new(&bytes);
        let value = to_json(reader.value().unwrap());
        assert_eq!(reader.value(), None, "one value is all");
        Some(one_is_a_list_of_one(value))
    }

    /// A value and an array of it alone mean the same in a row.
    fn one_is_a_list_of_one(mut rows: Json) -> Json {
        for row in rows.as_array_mut().into_iter().flatten() {
            if let Some(value) = row.as_array_mut().and_then(|row| row.get_mut(2))
                && value.is_number()
            {
                *value = json!([value]);
            }
        }
        rows
    }

    fn to_json(value: Value<'_>) -> Json {
        match value {
            Value::Null => Json::Null,
            Value::Bool(b) => b.into(),
            Value::Number(n) => n.into(),
            Value::Text(text) => text.into(),
            Value::Other(what) => what.into(),
            Value::Array(items) => items.map(to_json).collect(),
            Value::List(list) => list.map(to_json).collect(),
            Value::Brief(brief) => {
                let kind = if brief.is_counter { 1.0 } else { 3.0 };
                let values = brief.values().iter().copied().map(f64::from_le_bytes);
                let values: Vec<Json> = values.map(Json::from).collect();
                let mut row = vec![brief.name().into(), kind.into(), values.into()];
                let labels: Vec<Json> = brief.labels().map(Json::from).collect();
                row.extend((!labels.is_empty()).then_some(Json::from(labels)));
                row.into()
            }
            Value::Object(properties) => properties
                .map(|(key, value)| (key.to_owned(), to_json(value)))
                .collect(),
            other => panic!("{other:?}"),
        }
    }

    /// The same with every number a float, as in JavaScript, and below what is carried.
    fn expected(json: Json, depth: usize) -> Json {
        match json {
            Json::Number(n) => n.as_f64().into(),
            Json::Array(_) | Json::Object(_) if depth >= MAX_DEPTH => TOO_DEEP.into(),
            Json::Array(items) => items
                .into_iter()
                .map(|item| expected(item, depth + 1))
                .collect(),
            Json::Object(map) => map
                .into_iter()
                .map(|(key, value)| (key, expected(value, depth + 1)))
                .collect(),
            other => other,
        }
    }

    fn any_json() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            any::<f64>().prop_map(Json::from),
            any::<i32>().prop_map(Json::from),
            (-9_999i64..9_999, 0u32..5).prop_map(|(n, d)| (n as f64 / 10f64.powi(d as i32)).into()),
            ".{0,12}".prop_map(Json::from),
            "[\"\\\\/\\u{0}-\\u{1f}aé😀]{0,8}".prop_map(Json::from),
        ];
        leaf.prop_recursive(6, 64, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Json::from),
                prop::collection::hash_map("[a-z\"é]{0,4}", inner, 0..6)
                    .prop_map(|map| map.into_iter().collect()),
            ]
        })
    }

    /// Rows, and what is nearly one.
    fn any_row() -> impl Strategy<Value = Json> {
        let text = || prop_oneof![".{0,9}", "[a-z_]{1,20}"];
        let pairs = prop::collection::vec((text(), text()), 0..4)
            .prop_map(|pairs| pairs.into_iter().flat_map(|(a, b)| [a, b]).collect());
        let labels = prop_oneof![
            4 => pairs.prop_map(|pairs: Vec<String>| Some(json!(pairs))),
            1 => Just(None),
            1 => any_json().prop_map(Some),
        ];
        let kind = prop_oneof![4 => Just(json!(1)), 4 => Just(json!(3)), 1 => any_json()];
        let number = || (-99i32..999).prop_map(|n| json!(f64::from(n) / 2.0));
        let value = prop_oneof![
            4 => number(),
            2 => prop::collection::vec(number(), 0..4).prop_map(Json::from),
            1 => any_json(),
        ];
        (text(), kind, value, labels).prop_map(|(name, kind, value, labels)| {
            let mut row = vec![json!(name), kind, value];
            row.extend(labels);
            row.into()
        })
    }

    proptest! {
        #[test]
        fn json_is_read_as_serde_reads_it(rows in prop::collection::vec(prop_oneof![any_json(), any_row()], 0..4)) {
            let rows = Json::from(rows);
            let wanted = expected(serde_json::from_str(&rows.to_string()).unwrap(), 0);
            let wanted = one_is_a_list_of_one(wanted);
            prop_assert_eq!(read(&rows.to_string()), Some(wanted.clone()));
            let spaced = serde_json::to_string_pretty(&rows).unwrap();
            prop_assert_eq!(read(&spaced), Some(wanted));
        }

        #[test]
        fn what_serde_refuses_is_refused(
            rows in prop::collection::vec(prop_oneof![any_json(), any_row()], 1..4),
            at in any::<prop::sample::Index>(),
            cut in 0usize..3,
            put in r#"[\[\]{},:"0-9eE.+tfn \\-]{0,2}"#,
        ) {
            let text: Vec<char> = Json::from(rows).to_string().chars().collect();
            let at = at.index(text.len());
            let end = text.len().min(at + cut);
            let broken: String = text[..at].iter().copied().chain(put.chars())
                .chain(text[end..].iter().copied()).collect();
            match serde_json::from_str::<Json>(&broken) {
                Ok(json) if json.is_array() => {
                    // An object with a name twice keeps both.
                    prop_assert!(read(&broken).is_some(), "{}", broken);
                }
                Ok(_) => prop_assert_eq!(read(&broken), None),
                // JavaScript has numbers out of range, and half of a pair, where serde has errors.
                Err(error) if error.to_string().contains("out of range") => {}
                Err(error) if error.to_string().contains("surrogate") => {}
                Err(error) if error.to_string().contains("hex escape") => {}
                Err(_) => prop_assert_eq!(read(&broken), None, "{}", broken),
            }
        }
    }

    #[test]
    fn numbers_are_read_to_the_last_bit() {
        for (text, number) in [
            ("0", 0.0),
            ("-0", -0.0),
            ("42.5", 42.5),
            ("0.1", 0.1),
            ("123456789012345", 123_456_789_012_345.0),
            ("1234567890123456", 1_234_567_890_123_456.0),
            ("9007199254740993", 9_007_199_254_740_992.0),
            ("1e22", 1e22),
            ("1e23", 1e23),
            ("1.5E-7", 1.5e-7),
            ("5e-324", 5e-324),
            ("1.7976931348623157e308", f64::MAX),
            ("1e999", f64::INFINITY),
            ("1e-999", 0.0),
            ("1e99999999999999999999", f64::INFINITY),
            ("0.000000000000000000000000000001", 1e-30),
        ] {
            let bytes = rows(&format!("1[{text}]")).unwrap();
            let Some(Value::List(mut list)) = Reader::new(&bytes).value() else {
                panic!("{text}")
            };
            let Some(Value::Number(read)) = list.next() else {
                panic!("{text}")
            };
            assert_eq!(read.to_bits(), number.to_bits(), "{text}");
        }
        for text in [
            "01", "-", "1.", ".5", "+1", "1e", "1e+", "--1", "0x1", "NaN", "1_0",
        ] {
            assert_eq!(read(&format!("[{text}]")), None, "{text}");
        }
    }

    #[test]
    fn half_of_a_surrogate_pair_is_the_replacement_character() {
        assert_eq!(
            read(r#"["\ud83d\ude00", "\ud83d", "\ude00x", "\ud83d\u0041", "\ud83d\ud83d\ude00"]"#),
            Some(json!([
                "😀",
                "\u{FFFD}",
                "\u{FFFD}x",
                "\u{FFFD}A",
                "\u{FFFD}😀"
            ]))
        );
    }

    #[test]
    fn other_versions_and_other_values_are_not_read() {
        for text in [
            "", "1", "2[]", "[]", "1{}", "1null", "1\"[]\"", "1[]]", "1[] []", "1[,]", "1[1,]",
        ] {
            assert_eq!(rows(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_too_large_is_said_in_its_place() {
        let long = "é".repeat(MAX_TEXT);
        assert_eq!(read(&json!([long]).to_string()), Some(json!([long])));
        let longer = "é".repeat(MAX_TEXT + 1);
        assert_eq!(
            read(&json!([longer, 1.0]).to_string()),
            Some(json!([TOO_LONG, 1.0]))
        );
        let many: serde_json::Map<_, _> = (0..129).map(|i| (i.to_string(), json!(0))).collect();
        assert_eq!(
            read(&json!([many]).to_string()),
            Some(json!([TOO_MANY_PROPERTIES]))
        );
        let nested = |n| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(read(&nested(MAX_NESTING)).is_some());
        assert_eq!(read(&nested(MAX_NESTING + 1)), None);
        assert_eq!(read(&nested(1_000_000)), None);
    }

    #[test]
    fn every_row_is_carried_and_of_a_very_long_array_in_one_the_first_with_the_count_of_all() {
        let many = rows(&format!("1[{}0]", "0,".repeat(10_004))).unwrap();
        let Some(Value::List(list)) = Reader::new(&many).value() else {
            panic!("a list")
        };
        assert_eq!((list.len(), list.count()), (10_005, 10_005));
        let long = rows(&format!("1[[{}0]]", "0,".repeat(10_004))).unwrap();
        let Some(Value::List(mut list)) = Reader::new(&long).value() else {
            panic!("a list")
        };
        let Some(Value::Array(items)) = list.next() else {
            panic!("an array")
        };
        assert_eq!((items.len(), items.count()), (10_005, 10_000));
    }
}
