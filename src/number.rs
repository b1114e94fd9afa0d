//! Numbers and their text, as JavaScript writes and reads it.

/// A number as `String(number)` gives it in JavaScript.
///
/// In the Worker it is JavaScript that does it: Rust's own formatting of floats would be a tenth
/// of the Wasm, for labels that hardly anybody gives.
///
/// [Number::toString]: https://tc39.es/ecma262/#sec-numeric-types-number-tostring
#[cfg(target_family = "wasm")]
#[must_use]
pub fn number_text(number: f64) -> String {
    wasm_bindgen::JsCast::unchecked_into::<js_sys::Number>(wasm_bindgen::JsValue::from(number))
        .to_string_with_radix(10)
        .map_or_else(|_| String::new(), String::from)
}

/// A number as `String(number)` gives it in JavaScript.
#[cfg(not(target_family = "wasm"))]
#[must_use]
pub fn number_text(number: f64) -> String {
    let magnitude = number.abs();
    if number == 0.0 {
        "0".into()
    } else if number.is_infinite() {
        if number > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        }
        .into()
    } else if (1e-6..1e21).contains(&magnitude) || number.is_nan() {
        number.to_string()
    } else if magnitude > 1.0 {
        format!("{number:e}").replace('e', "e+")
    } else {
        format!("{number:e}")
    }
}

/// The number that JavaScript reads in a JSON number, which `text` is.
///
/// In the Worker it is JavaScript that does it, for the same reason.
#[cfg(target_family = "wasm")]
pub(crate) fn parse_number(text: &str) -> f64 {
    to_number(text)
}

#[cfg(target_family = "wasm")]
#[wasm_bindgen::prelude::wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = Number)]
    fn to_number(text: &str) -> f64;
}

/// The number that JavaScript reads in a JSON number, which `text` is.
#[cfg(not(target_family = "wasm"))]
pub(crate) fn parse_number(text: &str) -> f64 {
    text.parse().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_the_text_that_javascript_gives_them() {
        for (number, text) in [
            (200.0, "200"),
            (-0.0, "0"),
            (0.1, "0.1"),
            (1e21, "1e+21"),
            (1.5e-7, "1.5e-7"),
            (-1e-7, "-1e-7"),
            (1e-6, "0.000001"),
            (123_456_789_012_345_680_000.0, "123456789012345680000"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(number_text(number), text);
        }
    }
}
