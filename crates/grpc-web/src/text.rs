//! Builds short texts without `core::fmt`, which costs kilobytes of Wasm. For the same reason these
//! functions are not inlined.

use alloc::string::String;

#[derive(Default)]
pub(crate) struct Text(String);

impl Text {
    #[inline(never)]
    pub(crate) fn new(start: &str) -> Self {
        Self(String::from(start))
    }

    #[inline(never)]
    pub(crate) fn str(mut self, part: &str) -> Self {
        self.0.push_str(part);
        self
    }

    #[inline(never)]
    pub(crate) fn num(mut self, number: u64) -> Self {
        let mut digits = [0u8; 20];
        let mut rest = number;
        let mut used = 0usize;
        for digit in digits.iter_mut().rev() {
            // The remainder is below 10.
            *digit = b'0'.saturating_add(u8::try_from(rest % 10).unwrap_or_default());
            rest /= 10;
            used = used.saturating_add(1);
            if rest == 0 {
                break;
            }
        }
        let unused = digits.len().saturating_sub(used);
        for &digit in digits.iter().skip(unused) {
            self.0.push(char::from(digit));
        }
        self
    }

    /// A flags byte as the protocol writes it: `0x81`.
    pub(crate) fn hex(mut self, byte: u8) -> Self {
        self.0.push_str("0x");
        for nibble in [byte >> 4, byte & 0x0F] {
            self.0
                .push(char::from_digit(u32::from(nibble), 16).unwrap_or('?'));
        }
        self
    }

    /// Bytes from the peer, made printable and short: at most `max` characters.
    pub(crate) fn quoted(mut self, bytes: &[u8], max: usize) -> Self {
        self.0.push('`');
        // A character has at most four bytes, so this is enough for `max` characters.
        let head = bytes.get(..max.saturating_mul(4)).unwrap_or(bytes);
        push_line(&mut self.0, &String::from_utf8_lossy(head), max);
        self.0.push('`');
        self
    }

    pub(crate) fn into_string(self) -> String {
        self.0
    }
}

/// Appends `text` as one line of at most `max` characters. Control characters and runs of blanks
/// become one space.
pub(crate) fn push_line(line: &mut String, text: &str, max: usize) {
    let mut count = 0usize;
    let mut blank = false;
    for c in text.trim().chars() {
        if c.is_whitespace() || c.is_control() {
            blank = true;
            continue;
        }
        if count >= max {
            line.push_str("...");
            return;
        }
        if blank {
            line.push(' ');
            blank = false;
            count = count.saturating_add(1);
        }
        line.push(c);
        count = count.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::{Text, push_line};
    use alloc::string::{String, ToString};

    #[test]
    fn numbers_are_written_as_the_standard_library_does() {
        for n in [0, 1, 9, 10, 99, 100, 65_535, 4_294_967_295, u64::MAX] {
            assert_eq!(Text::default().num(n).into_string(), n.to_string());
        }
    }

    #[test]
    fn a_flags_byte_has_two_hexadecimal_digits() {
        assert_eq!(Text::default().hex(0x81).into_string(), "0x81");
        assert_eq!(Text::default().hex(0x0F).into_string(), "0x0f");
    }

    #[test]
    fn a_line_has_no_control_characters_and_a_bounded_length() {
        let mut line = String::new();
        push_line(&mut line, "\r\n a\0b \t\n c\u{7f}d ", 80);
        assert_eq!(line, "a b c d");
        let mut line = String::new();
        push_line(&mut line, &"x".repeat(100), 10);
        assert_eq!(line, "xxxxxxxxxx...");
        assert_eq!(
            Text::default().quoted(&[0xFF; 3], 2).into_string(),
            "`\u{FFFD}\u{FFFD}...`"
        );
    }
}
