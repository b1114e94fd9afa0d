//! The packed form of a list of samples: the character 1, which is the version, and a JSON array of
//! rows. The structured clone of a hundred objects is most of the cost of a call; the clone of one
//! string costs almost nothing.

use std::borrow::Cow;

use crate::sample::{Array, Row, TrustedLabels};

/// Reads the rows of packed text; `None` when it is not JSON, or not an array.
#[must_use]
pub fn read_packed(text: &str) -> Option<Array<'_>> {
    serde_json::from_str(text.strip_prefix('1')?).ok()
}

/// The rows of a [packed list](read_packed), and the number of rows beyond the limit.
#[must_use]
pub fn rows_of_packed<'a>(list: Array<'a>, trusted: &'a TrustedLabels) -> (Vec<Row<'a>>, usize) {
    let rows = list.items.into_iter();
    let rows = rows.map(|item| Row::of_packed(item, trusted)).collect();
    (rows, list.excess)
}

/// Replaces halves of surrogate pairs with U+FFFD, so that [`read_packed`] can read the text.
///
/// `JSON.stringify` escapes such a half, and serde_json rejects the escape. One bad label would
/// lose all samples of the text.
#[must_use]
pub fn without_lone_surrogates(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        let taken = match (
            surrogate(escape),
            surrogate(escape.get(6..).unwrap_or_default()),
        ) {
            (Some(Half::High), Some(Half::Low)) => escape.get(..12),
            (Some(_), _) => {
                out.push_str("\\ufffd");
                rest = escape.get(6..).unwrap_or_default();
                continue;
            }
            // Any other escape: at least one character follows the backslash.
            (None, _) => {
                let next = escape.chars().nth(1).map_or(0, char::len_utf8);
                escape.get(..next.saturating_add(1))
            }
        };
        let taken = taken.unwrap_or(escape);
        out.push_str(taken);
        rest = escape.get(taken.len()..).unwrap_or_default();
    }
    out.push_str(rest);
    Cow::Owned(out)
}

enum Half {
    High,
    Low,
}

/// The escaped surrogate half at the start of `text`, if there is one.
fn surrogate(text: &str) -> Option<Half> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    match u32::from_str_radix(digits, 16).ok()? {
        0xD800..=0xDBFF => Some(Half::High),
        0xDC00..=0xDFFF => Some(Half::Low),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_text_is_a_version_and_an_array() {
        let rows = |text: &str| read_packed(text).map(|array| array.items.len());
        assert_eq!(
            rows(r#"1[["a_total",1,1],["b_ms",3,0.5,["k","v"]]]"#),
            Some(2)
        );
        assert_eq!(rows(" 1[]"), None);
        assert_eq!(rows("1 [ ] "), Some(0));
        for wrong in [
            "",
            "1",
            "1{}",
            "2[]",
            "1[[",
            "[]",
            "1[] x",
            "1null",
            "\u{feff}1[]",
        ] {
            assert_eq!(rows(wrong), None, "{wrong}");
        }
        assert_eq!(rows(&format!("1{}", "[".repeat(100_000))), None);
    }

    #[test]
    fn half_of_a_surrogate_pair_costs_no_more_than_itself() {
        for (text, expected) in [
            (r"plain \n \u00e9", r"plain \n \u00e9"),
            (r"a\ud800b", r"a\ufffdb"),
            (r"\uDC00", r"\ufffd"),
            (r"\ud83d\ude00!", r"\ud83d\ude00!"),
            (r"\ud83d\ud83d\ude00", r"\ufffd\ud83d\ude00"),
            (r"\\ud800", r"\\ud800"),
            (r"\\\ud800", r"\\\ufffd"),
            (r"\ud8", r"\ud8"),
            ("\\ud8é\\", "\\ud8é\\"),
        ] {
            assert_eq!(without_lone_surrogates(text), expected);
        }
        let text = r#"1[["a_total",1,1,["k","x\ud800"]]]"#;
        assert_eq!(read_packed(text), None);
        let text = without_lone_surrogates(text);
        assert!(read_packed(&text).is_some());
    }
}
