//! Names and blanks in header fields, as bytes.
//!
//! These functions are not inlined: they have many callers and run once per response, so the size
//! of the Wasm matters more than speed.

/// Whether two names are equal, ignoring case.
#[inline(never)]
pub(crate) fn same_name(a: &[u8], b: &[u8]) -> bool {
    a.eq_ignore_ascii_case(b)
}

/// The text after `prefix`, which is matched ignoring case.
#[inline(never)]
pub(crate) fn strip_prefix<'a>(text: &'a [u8], prefix: &str) -> Option<&'a [u8]> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    same_name(head, prefix.as_bytes()).then_some(rest)
}

/// `value` without the [white space][ows] around it: spaces and tabs.
///
/// [ows]: https://www.rfc-editor.org/rfc/rfc9110#section-5.6.3
#[inline(never)]
pub(crate) fn trim_ows(value: &[u8]) -> &[u8] {
    let mut rest = value;
    while let [b' ' | b'\t', inner @ ..] | [inner @ .., b' ' | b'\t'] = rest {
        rest = inner;
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::{strip_prefix, trim_ows};

    #[test]
    fn blanks_are_trimmed_from_both_ends_only() {
        let cases: [(&[u8], &[u8]); 6] = [
            (b"", b""),
            (b" \t ", b""),
            (b" a", b"a"),
            (b"a\t", b"a"),
            (b" a b ", b"a b"),
            (b"\ra\r", b"\ra\r"),
        ];
        for (value, trimmed) in cases {
            assert_eq!(trim_ows(value), trimmed);
        }
    }

    #[test]
    fn a_prefix_is_stripped_in_any_case() {
        assert_eq!(strip_prefix(b"Text/Plain", "text/"), Some(&b"Plain"[..]));
        assert_eq!(strip_prefix(b"text/", "text/"), Some(&b""[..]));
        assert_eq!(strip_prefix(b"text", "text/"), None);
        assert_eq!(strip_prefix(b"image/png", "text/"), None);
    }
}
