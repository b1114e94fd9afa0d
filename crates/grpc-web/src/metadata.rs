//! Values of fields whose name ends in `-bin`.

use alloc::vec::Vec;

/// Decodes the base64 value of a `-bin` field, or `None` when it is not base64.
///
/// Padding may be there or not, as the [protocol demands][metadata], and bits that are left over
/// are not looked at. A value that joins several with commas is to be split before. Nothing in
/// this crate depends on such a value: `grpc-status-details-bin` never overrides `grpc-status`,
/// and bad base64 in it costs the details, not the status.
///
/// ```
/// use grpc_web_unary::metadata::decode_bin;
///
/// assert_eq!(decode_bin(b"CAM").as_deref(), Some(&[8, 3][..]));
/// assert_eq!(decode_bin(b"CAM=").as_deref(), Some(&[8, 3][..]));
/// assert_eq!(decode_bin(b"C A M"), None);
/// ```
///
/// [metadata]: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests
#[must_use]
pub fn decode_bin(value: &[u8]) -> Option<Vec<u8>> {
    let digits = match *value {
        [ref digits @ .., b'=', b'='] if value.len().is_multiple_of(4) => digits,
        [ref digits @ .., b'='] if value.len().is_multiple_of(4) => digits,
        _ => value,
    };
    let mut bytes = Vec::with_capacity(digits.len());
    for group in digits.chunks(4) {
        let mut bits = 0u32;
        for &digit in group {
            bits = (bits << 6) | u32::from(sextet(digit)?);
        }
        let [_, a, b, c] = match *group {
            [_, _, _, _] => bits,
            [_, _, _] => bits << 6,
            [_, _] => bits << 12,
            // One digit is six bits: not a byte.
            _ => return None,
        }
        .to_be_bytes();
        let whole = group.len().saturating_sub(1);
        bytes.extend([a, b, c].into_iter().take(whole));
    }
    Some(bytes)
}

fn sextet(digit: u8) -> Option<u8> {
    Some(match digit {
        b'A'..=b'Z' => digit.wrapping_sub(b'A'),
        b'a'..=b'z' => digit.wrapping_sub(b'a').wrapping_add(26),
        b'0'..=b'9' => digit.wrapping_sub(b'0').wrapping_add(52),
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::decode_bin;
    use alloc::vec::Vec;

    #[test]
    fn the_vectors_of_rfc_4648_decode_padded_and_not() {
        let cases: [(&str, &[u8]); 8] = [
            ("", b""),
            ("Zg==", b"f"),
            ("Zm8=", b"fo"),
            ("Zm9v", b"foo"),
            ("Zm9vYg==", b"foob"),
            ("Zm9vYmE=", b"fooba"),
            ("Zm9vYmFy", b"foobar"),
            ("+/+/", &[0xFB, 0xFF, 0xBF]),
        ];
        for (value, bytes) in cases {
            assert_eq!(
                decode_bin(value.as_bytes()).as_deref(),
                Some(bytes),
                "{value}"
            );
            let bare = value.trim_end_matches('=');
            assert_eq!(
                decode_bin(bare.as_bytes()).as_deref(),
                Some(bytes),
                "{bare}"
            );
        }
    }

    #[test]
    fn what_is_not_base64_is_none() {
        for value in [
            "A", "AAAAA", "=", "==", "A===", "Zg=", "Zg==Zg==", "Z g", "Zm8_", "Zm8-", "Zg,Zg", "é",
        ] {
            assert_eq!(decode_bin(value.as_bytes()), None, "{value}");
        }
    }

    #[test]
    fn every_byte_comes_back() {
        const DIGITS: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        for byte in 0..=255u8 {
            let value = [
                DIGITS[usize::from(byte >> 2)],
                DIGITS[usize::from((byte & 3) << 4)],
            ];
            assert_eq!(decode_bin(&value), Some(Vec::from([byte])));
        }
    }
}
