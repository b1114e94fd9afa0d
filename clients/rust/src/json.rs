//! Writes the JSON of the packed form, and computes its length.

use std::fmt::Write;

/// Most bytes of another number in an array: `,-2.2250738585072014e-308`.
pub(crate) const NUMBER_LEN: usize = 25;

/// Writes a finite number.
pub(crate) fn write_number(out: &mut String, value: f64) {
    // Debug writes the shortest text that reads back as the same number. It uses an exponent where
    // Display would write hundreds of digits.
    let _ = write!(out, "{value:?}");
    if out.ends_with(".0") {
        out.truncate(out.len().saturating_sub(2));
    }
}

pub(crate) fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// The number of bytes that [`write_text`] writes, quotes included.
pub(crate) fn text_len(text: &str) -> usize {
    let escapes = text.bytes().map(|byte| match byte {
        b'"' | b'\\' => 1,
        0..b' ' => 5,
        _ => 0,
    });
    text.len().saturating_add(escapes.sum()).saturating_add(2)
}
