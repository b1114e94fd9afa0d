//! The gateway's reasons for rejecting Metrics, from the trailing metadata of an OK:
//! `x-rejected-reasons: label_conflict=2, series_limit=1; first=requests_total`.

use grpc_web_unary::trailers::Trailers;

use crate::limits::MAX_NAME_BYTES;

/// The field's name.
const FIELD: &str = "x-rejected-reasons";
/// The most reasons that are copied.
const MAX_REASONS: usize = 16;
/// The longest reason name, and the longest count.
const MAX_WORD_BYTES: usize = 40;

/// The reasons in the format above; `None` if there are none.
///
/// Only reason names, counts and one metric name are copied. The log must hold no label values, and
/// no free text that another server may put into this field.
#[must_use]
pub fn read_rejections(trailers: &Trailers) -> Option<String> {
    let value = trailers.get_all(FIELD).next()?;
    let (reasons, first) = match value.split_once_at(b';') {
        Some((reasons, first)) => (reasons, Some(first)),
        None => (value, None),
    };
    let reasons = reasons.split(|&b| b == b',').take(MAX_REASONS);
    let reasons: Vec<_> = reasons.filter_map(reason).collect();
    if reasons.is_empty() {
        return None;
    }
    let mut text = reasons.join(", ");
    if let Some(name) = first.and_then(metric_name) {
        text.push_str("; first=");
        text.push_str(name);
    }
    Some(text)
}

/// `reason=count`
fn reason(pair: &[u8]) -> Option<String> {
    let (reason, count) = pair.trim_ascii().split_once_at(b'=')?;
    let reason = word(reason, MAX_WORD_BYTES, |b| {
        b.is_ascii_lowercase() || b == b'_'
    })?;
    let count = word(count, MAX_WORD_BYTES, |b| b.is_ascii_digit())?;
    Some(format!("{reason}={count}"))
}

/// `first=name`
fn metric_name(pair: &[u8]) -> Option<&str> {
    let name = pair.trim_ascii().strip_prefix(b"first=")?;
    word(name, MAX_NAME_BYTES, |b| {
        b.is_ascii_alphanumeric() || b == b'_'
    })
}

fn word(bytes: &[u8], most: usize, allowed: impl Fn(u8) -> bool) -> Option<&str> {
    let legal = !bytes.is_empty() && bytes.len() <= most && bytes.iter().all(|&b| allowed(b));
    std::str::from_utf8(bytes).ok().filter(|_| legal)
}

trait SplitOnceAt {
    fn split_once_at(&self, separator: u8) -> Option<(&[u8], &[u8])>;
}

impl SplitOnceAt for [u8] {
    fn split_once_at(&self, separator: u8) -> Option<(&[u8], &[u8])> {
        let at = self.iter().position(|&b| b == separator)?;
        let (before, rest) = self.split_at_checked(at)?;
        Some((before, rest.get(1..)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Option<String> {
        let block = format!("grpc-status: 0\r\nX-Rejected-Reasons: {value}\r\n");
        read_rejections(&Trailers::from_block(block.into_bytes()))
    }

    #[test]
    fn reasons_and_the_first_metric_are_repeated() {
        for text in [
            "label_conflict=2, series_limit=1; first=requests_total",
            "bad_name=1",
        ] {
            assert_eq!(read(text).as_deref(), Some(text));
        }
        assert_eq!(
            read(" a=1,b=2 ;first=x").as_deref(),
            Some("a=1, b=2; first=x")
        );
    }

    #[test]
    fn nothing_else_that_is_in_the_field_is_repeated() {
        for (value, expected) in [
            ("", None),
            ("no reasons", None),
            ("=1, a=, a=x, A=1", None),
            ("a=1, route=\"/secret\"", Some("a=1")),
            ("a=1; first=requests{route=\"/secret\"}", Some("a=1")),
            ("a=1; last=x", Some("a=1")),
        ] {
            assert_eq!(read(value).as_deref(), expected, "{value}");
        }
        assert_eq!(read(&format!("{}=1", "a".repeat(41))), None);
        let many = vec!["a=1"; 1000].join(",");
        assert_eq!(read(&many).map(|text| text.len()), Some(16 * 5 - 2));
        assert_eq!(read_rejections(&Trailers::default()), None);
    }
}
