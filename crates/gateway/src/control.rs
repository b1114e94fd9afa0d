//! Control characters in label values and help. Prometheus text has no escape for them, terminals
//! obey them, and one NUL makes `grep` take the whole page for a binary file.

use std::borrow::Cow;

/// Whether `text` has any that is not a line feed, which the format escapes.
fn has_control(text: &str) -> bool {
    text.chars().any(|char| char.is_control() && char != '\n')
}

/// Each as its picture: ␀ for NUL, ␉ for a tab, ␡ for DEL. Those above ASCII have no picture and
/// become U+FFFD.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    if !has_control(text) {
        return Cow::Borrowed(text);
    }
    let picture = |char: char| match char {
        '\n' => '\n',
        '\0'..='\u{1F}' => char::from_u32(0x2400_u32.saturating_add(char.into())).unwrap_or(char),
        '\u{7F}' => '\u{2421}',
        _ if char.is_control() => char::REPLACEMENT_CHARACTER,
        _ => char,
    };
    Cow::Owned(text.chars().map(picture).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_become_pictures_and_all_else_stays() {
        for (text, shown) in [
            ("", ""),
            ("/a b\nü\u{1F980}", "/a b\nü\u{1F980}"),
            ("a\0b\tc\r\n", "a\u{2400}b\u{2409}c\u{240D}\n"),
            ("\u{1B}[31m\u{7F}", "\u{241B}[31m\u{2421}"),
            ("\u{9B}31m", "\u{FFFD}31m"),
        ] {
            assert_eq!(visible(text), shown, "{text:?}");
        }
    }
}
