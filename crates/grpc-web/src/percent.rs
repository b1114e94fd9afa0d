//! The percent-encoding of `grpc-message`.

use alloc::string::String;
use alloc::vec::Vec;

/// The longest status message that is kept, in bytes of UTF-8.
///
/// The server controls the length of its message, so the client needs a limit. 1 KiB is far more
/// than any message seen from a real server.
pub const MAX_STATUS_MESSAGE_LEN: usize = 1024;

/// Decodes the value of a `grpc-message` field and keeps the first
/// [`MAX_STATUS_MESSAGE_LEN`] bytes of it, cut at a character.
///
/// It never fails, as the [protocol requires][status-message] ("MUST NOT error or throw away the
/// message"): an invalid escape stays as it is, and bytes that are not UTF-8 become U+FFFD. Bytes
/// that the sender failed to escape are used as they are.
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
    // Reads a few bytes more than are kept: a character that is cut off here becomes U+FFFD, which
    // must lie beyond the final cut below.
    let enough = MAX_STATUS_MESSAGE_LEN.saturating_add(4);
    let mut bytes = Vec::with_capacity(value.len().min(enough));
    let mut rest = value;
    while bytes.len() < enough {
        let (byte, after) = match *rest {
            [b'%', high, low, ref after @ ..] => match hex_pair(high, low) {
                Some(byte) => (byte, after),
                // Only the percent sign is copied: an escape may begin right after it.
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
    // Each digit is below 16, so the result fits a byte.
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
            // decoded once only
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
        // the sign is kept, and the escape after it is decoded
        assert_eq!(decode(b"%%41"), "%A");
        assert_eq!(decode(b"%4%41"), "%4A");
    }

    #[test]
    fn bytes_that_are_not_utf8_become_replacement_characters() {
        assert_eq!(decode(b"a%FFb"), "a\u{FFFD}b");
        assert_eq!(decode(b"\xFF\xC3"), "\u{FFFD}\u{FFFD}");
        // a surrogate encoded as UTF-8
        assert_eq!(decode(b"%ED%A0%80"), "\u{FFFD}\u{FFFD}\u{FFFD}");
        // valid UTF-8 that should have been escaped
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
        // every replacement character is longer than the byte that it replaces
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
