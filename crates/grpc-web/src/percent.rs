//! The percent-encoding of `grpc-message`.

use alloc::string::String;
use alloc::vec::Vec;

/// The longest status message that is kept, in bytes of UTF-8.
///
/// A peer decides how long its message is; a log line and a memory do not. 1 KiB holds every
/// message seen from a real server many times over.
pub const MAX_STATUS_MESSAGE_LEN: usize = 1024;

/// Decodes the value of a `grpc-message` field and keeps the first
/// [`MAX_STATUS_MESSAGE_LEN`] bytes of it, cut at a character.
///
/// It never fails, as the [protocol demands][status-message] ("MUST NOT error or throw away the
/// message"): a broken escape stays as it is, and bytes that are not UTF-8 become U+FFFD. Bytes
/// that a sender should have escaped and did not are taken as they are.
///
/// ```
/// use grpc_web_unary::percent::decode;
///
/// assert_eq!(decode(b"caf%C3%A9"), "café");
/// assert_eq!(decode(b"100%, %zz and %4"), "100%, %zz and %4");
/// assert_eq!(decode(b"%FF"), "\u{FFFD}");
/// ```
///
/// [status-message]: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#responses
#[must_use]
pub fn decode(value: &[u8]) -> String {
    // A few bytes more than are kept: a character cut off here would turn into U+FFFD, and it must
    // do so behind the place where the text is cut below.
    let enough = MAX_STATUS_MESSAGE_LEN.saturating_add(4);
    let mut bytes = Vec::with_capacity(value.len().min(enough));
    let mut rest = value;
    while bytes.len() < enough {
        let (byte, after) = match *rest {
            [b'%', high, low, ref after @ ..] => match hex_pair(high, low) {
                Some(byte) => (byte, after),
                // Only the sign itself is taken as it stands: an escape may begin right after it.
                None => (b'%', rest.get(1..).unwrap_or_default()),
            },
            [byte, ref after @ ..] => (byte, after),
            [] => break,
        };
        bytes.push(byte);
        rest = after;
    }
    let mut text = String::from_utf8_lossy(&bytes).into_owned();
    let end = text.floor_char_boundary(MAX_STATUS_MESSAGE_LEN);
    text.truncate(end);
    text
}

fn hex_pair(high: u8, low: u8) -> Option<u8> {
    let high = char::from(high).to_digit(16)?;
    let low = char::from(low).to_digit(16)?;
    // Each is below 16, so the whole is a byte.
    u8::try_from((high << 4) | low).ok()
}

#[cfg(test)]
mod tests {
    use super::{MAX_STATUS_MESSAGE_LEN, decode};
    use alloc::vec::Vec;

    #[test]
    fn escapes_of_utf8_become_text() {
        let cases: [(&[u8], &str); 9] = [
            (b"", ""),
            (b"plain text", "plain text"),
            (b"a%20b", "a b"),
            (b"%e2%98%ba and %F0%9F%98%88", "☺ and 😈"),
            (b"%0Atwo%0D%0Alines", "\ntwo\r\nlines"),
            (b"%25", "%"),
            // decoded once, not until nothing is left to decode
            (b"%2541", "%41"),
            (b"%00", "\0"),
            (b"a+b", "a+b"),
        ];
        for (value, text) in cases {
            assert_eq!(decode(value), text, "{value:?}");
        }
    }

    #[test]
    fn a_broken_escape_stays_as_it_is() {
        for value in [
            "%", "%%", "%4", "%zz", "%4g", "%g4", "100%", "%-1", "%+1", "% 41", "%\u{e9}",
        ] {
            assert_eq!(decode(value.as_bytes()), value, "{value}");
        }
        // the sign is kept and the escape behind it decoded
        assert_eq!(decode(b"%%41"), "%A");
        assert_eq!(decode(b"%4%41"), "%4A");
    }

    #[test]
    fn bytes_that_are_not_utf8_become_replacement_characters() {
        assert_eq!(decode(b"a%FFb"), "a\u{FFFD}b");
        assert_eq!(decode(b"\xFF\xC3"), "\u{FFFD}\u{FFFD}");
        // a surrogate in UTF-8 clothes
        assert_eq!(decode(b"%ED%A0%80"), "\u{FFFD}\u{FFFD}\u{FFFD}");
        // bytes that should have been escaped, and are good UTF-8
        assert_eq!(decode("caf\u{e9}".as_bytes()), "caf\u{e9}");
    }

    #[test]
    fn a_long_message_is_cut_at_a_character() {
        let ascii = [b'x'; 5000];
        assert_eq!(decode(&ascii).len(), MAX_STATUS_MESSAGE_LEN);
        // three bytes each: 341 of them are 1023 bytes
        let euro: Vec<u8> = b"%E2%82%AC".repeat(2000);
        let text = decode(&euro);
        assert_eq!(text.len(), 1023);
        assert!(text.chars().all(|c| c == '\u{20ac}'), "{text}");
        // every replacement character is longer than the byte it stands for
        let junk = [0xFF; 5000];
        assert!(decode(&junk).len() <= MAX_STATUS_MESSAGE_LEN);
    }

    #[test]
    fn the_cut_is_where_cutting_the_whole_text_would_be() {
        for shift in 0..8 {
            let mut value = b"x".repeat(shift);
            value.extend(b"%F0%9F%98%88".repeat(400));
            let whole = alloc::format!("{}{}", "x".repeat(shift), "\u{1F608}".repeat(400));
            let end = whole.floor_char_boundary(MAX_STATUS_MESSAGE_LEN);
            let cut = whole.get(..end).unwrap();
            assert_eq!(decode(&value), cut, "shift {shift}");
        }
    }
}
