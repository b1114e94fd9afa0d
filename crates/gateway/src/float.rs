//! Numbers in the form that OpenMetrics requires.

use std::fmt::Write as _;

/// Formats as Go does, because readers compare `le` as text: `1.0`, `0.25`, `1e+06`.
pub(crate) fn canonical(value: f64) -> String {
    let scientific = format!("{value:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let Ok(exponent) = exponent.parse::<i32>() else {
        return scientific;
    };
    let mut text = String::new();
    if (-4..6).contains(&exponent) {
        // Debug writes 1.0 where Display writes 1.
        let _ = write!(text, "{value:?}");
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        let _ = write!(text, "{digits}e{sign}{:02}", exponent.unsigned_abs());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_go_writes_them() {
        for (value, text) in [
            (0.0, "0.0"),
            (1.0, "1.0"),
            (-2.5, "-2.5"),
            (0.005, "0.005"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (30_000.0, "30000.0"),
            (100_000.0, "100000.0"),
            (1_000_000.0, "1e+06"),
            (1_048_576.0, "1.048576e+06"),
            (1e21, "1e+21"),
            (1e-300, "1e-300"),
        ] {
            assert_eq!(canonical(value), text);
        }
    }
}
