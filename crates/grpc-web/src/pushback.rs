//! `grpc-retry-pushback-ms`: the server's instruction about retries.

/// The server's instruction to a client that would retry, from the
/// [`grpc-retry-pushback-ms`][pushback] field.
///
/// [pushback]: https://github.com/grpc/proposal/blob/master/A6-client-retries.md#pushback
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushback {
    /// Do not retry before this many milliseconds have passed; at most `i32::MAX`.
    RetryAfterMs(u32),
    /// Do not retry at all. A value that is negative, unreadable or repeated also means this.
    Stop,
}

impl Pushback {
    /// Reads one field value: a signed 32-bit decimal without needless leading zeros.
    ///
    /// ```
    /// use grpc_web_unary::Pushback;
    ///
    /// assert_eq!(Pushback::from_bytes(b"250"), Pushback::RetryAfterMs(250));
    /// assert_eq!(Pushback::from_bytes(b"-1"), Pushback::Stop);
    /// assert_eq!(Pushback::from_bytes(b"soon"), Pushback::Stop);
    /// ```
    #[must_use]
    pub fn from_bytes(value: &[u8]) -> Self {
        let mut ms = 0u32;
        match *value {
            [] | [b'0', _, ..] => return Self::Stop,
            _ => {}
        }
        for &byte in value {
            let next = match byte {
                b'0'..=b'9' => ms
                    .checked_mul(10)
                    .and_then(|tens| tens.checked_add(u32::from(byte.wrapping_sub(b'0')))),
                _ => None,
            };
            match next {
                Some(next) if next <= i32::MAX.unsigned_abs() => ms = next,
                _ => return Self::Stop,
            }
        }
        Self::RetryAfterMs(ms)
    }

    /// Adds one more field value. Several values cannot be read as one number.
    pub(crate) fn add(seen: &mut Option<Self>, value: &[u8]) {
        *seen = Some(match seen {
            None => Self::from_bytes(value),
            Some(_) => Self::Stop,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::Pushback::{self, RetryAfterMs, Stop};

    #[test]
    fn only_canonical_numbers_of_31_bits_allow_a_retry() {
        let cases: [(&str, Pushback); 16] = [
            ("0", RetryAfterMs(0)),
            ("1", RetryAfterMs(1)),
            ("30000", RetryAfterMs(30_000)),
            ("2147483647", RetryAfterMs(2_147_483_647)),
            ("2147483648", Stop),
            ("4294967296", Stop),
            ("99999999999999999999", Stop),
            ("-0", Stop),
            ("-1", Stop),
            ("+1", Stop),
            ("01", Stop),
            ("00", Stop),
            ("", Stop),
            ("1.5", Stop),
            ("1, 1", Stop),
            ("1s", Stop),
        ];
        for (value, expected) in cases {
            assert_eq!(Pushback::from_bytes(value.as_bytes()), expected, "{value}");
        }
    }

    #[test]
    fn a_repeated_pushback_means_stop() {
        let mut seen = None;
        Pushback::add(&mut seen, b"5");
        assert_eq!(seen, Some(RetryAfterMs(5)));
        Pushback::add(&mut seen, b"5");
        assert_eq!(seen, Some(Stop));
    }
}
