//! Error pages that a proxy or the platform writes for people.

/// The number of Cloudflare's own error in `text/plain`, which reads `error code: 1101`.
///
/// `whole` means that `body` is complete. Otherwise its last digits may be missing.
pub(crate) fn edge_error(body: &[u8], whole: bool) -> Option<u16> {
    let rest = body.strip_prefix(b"error code: ")?;
    let end = rest.iter().position(|b| !b.is_ascii_digit());
    if end.is_none() && !whole {
        return None;
    }
    let digits = rest.get(..end.unwrap_or(rest.len()))?;
    if !(3..=4).contains(&digits.len()) {
        return None;
    }
    // Only ASCII digits, and at most four of them, so the number fits.
    core::str::from_utf8(digits).ok()?.parse().ok()
}

/// The part of a page that is useful in a log: the title of an HTML page, or the text.
pub(crate) fn gist(body: &[u8]) -> &[u8] {
    title(body).unwrap_or(body)
}

fn title(body: &[u8]) -> Option<&[u8]> {
    let after = find(body, b"<title>").and_then(|(_, after)| after)?;
    find(after, b"</title>").map(|(before, _)| before)
}

/// The text before and after the first `tag`, which is matched ignoring case.
fn find<'a>(text: &'a [u8], tag: &[u8]) -> Option<(&'a [u8], Option<&'a [u8]>)> {
    let at = text
        .windows(tag.len())
        .position(|window| window.eq_ignore_ascii_case(tag))?;
    let (before, from) = text.split_at_checked(at)?;
    Some((before, from.get(tag.len()..)))
}

#[cfg(test)]
mod tests {
    use super::{edge_error, gist};

    #[test]
    fn the_number_of_an_edge_error_is_read() {
        let cases: [(&[u8], bool, Option<u16>); 11] = [
            (b"error code: 1101", true, Some(1101)),
            (b"error code: 1101\n", false, Some(1101)),
            (b"error code: 502", true, Some(502)),
            (b"error code: 110", false, None),
            (b"error code: 1101", false, None),
            (b"error code: 11011", true, None),
            (b"error code: 12", true, None),
            (b"error code: ", true, None),
            (b"error code: x", true, None),
            (b" error code: 1101", true, None),
            (b"", true, None),
        ];
        for (body, whole, number) in cases {
            assert_eq!(edge_error(body, whole), number, "{body:?} {whole}");
        }
    }

    #[test]
    fn the_gist_of_a_page_is_its_title() {
        let cases: [(&[u8], &[u8]); 6] = [
            (
                b"<html><head><title>502 Bad Gateway</title></head>",
                b"502 Bad Gateway",
            ),
            (b"<TITLE>a</Title>", b"a"),
            (b"<title>cut off", b"<title>cut off"),
            (b"</title><title>x", b"</title><title>x"),
            (b"no healthy upstream", b"no healthy upstream"),
            (b"", b""),
        ];
        for (body, expected) in cases {
            assert_eq!(gist(body), expected);
        }
    }
}
