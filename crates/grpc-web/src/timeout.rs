//! The value of `grpc-timeout`.

use crate::text::Text;
use alloc::string::String;

/// The largest number that the grammar allows: eight digits.
const MAX_DIGITS_VALUE: u64 = 99_999_999;

/// Each unit with its length in milliseconds, the finest first.
const UNITS: [(u64, &str); 4] = [(1, "m"), (1_000, "S"), (60_000, "M"), (3_600_000, "H")];

/// The value of `grpc-timeout` for a deadline that is `timeout_ms` milliseconds away.
///
/// The [grammar][timeout] is a positive integer of at most eight digits and a unit. A timeout too
/// long for eight digits of milliseconds is rounded up in the next larger unit, so the server never
/// gives up before the client. Beyond 99999999 hours it is capped. An expired deadline (0) becomes
/// the shortest timeout that the grammar allows, one nanosecond.
///
/// ```
/// use grpc_web_unary::encode_timeout;
///
/// assert_eq!(encode_timeout(5_000), "5000m");
/// assert_eq!(encode_timeout(100_000_001), "100001S");
/// ```
///
/// [timeout]: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests
#[must_use]
pub fn encode_timeout(timeout_ms: u64) -> String {
    if timeout_ms == 0 {
        return Text::new("1n").into_string();
    }
    for (unit_ms, unit) in UNITS {
        let count = timeout_ms.div_ceil(unit_ms);
        if count <= MAX_DIGITS_VALUE {
            return Text::default().num(count).str(unit).into_string();
        }
    }
    Text::new("99999999H").into_string()
}

#[cfg(test)]
mod tests {
    use super::encode_timeout;

    #[test]
    fn each_timeout_has_its_exact_bytes() {
        let cases = [
            (0, "1n"),
            (1, "1m"),
            (200, "200m"),
            (5_000, "5000m"),
            (99_999_999, "99999999m"),
            (100_000_000, "100000S"),
            (100_000_001, "100001S"),
            (99_999_999_000, "99999999S"),
            (99_999_999_001, "1666667M"),
            (99_999_999 * 60_000, "99999999M"),
            (99_999_999 * 60_000 + 1, "1666667H"),
            (99_999_999 * 3_600_000, "99999999H"),
            (u64::MAX, "99999999H"),
        ];
        for (timeout_ms, value) in cases {
            assert_eq!(encode_timeout(timeout_ms), value, "{timeout_ms}");
        }
    }
}
