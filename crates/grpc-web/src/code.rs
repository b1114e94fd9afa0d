/// The outcome of a call, by its [number and name in gRPC][spec].
///
/// [spec]: https://github.com/grpc/grpc/blob/master/doc/statuscodes.md
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Code {
    /// The call succeeded.
    Ok = 0,
    /// The call was cancelled.
    Cancelled = 1,
    /// The error has no better code, or the status could not be read.
    Unknown = 2,
    /// The request is wrong whatever the state of the system.
    InvalidArgument = 3,
    /// The deadline passed before the call ended.
    DeadlineExceeded = 4,
    /// The requested entity does not exist.
    NotFound = 5,
    /// The entity to create already exists.
    AlreadyExists = 6,
    /// The caller is known, but not allowed.
    PermissionDenied = 7,
    /// A quota, a size limit or a resource is exhausted.
    ResourceExhausted = 8,
    /// The system is not in the state that the call requires.
    FailedPrecondition = 9,
    /// The call conflicts with a concurrent one.
    Aborted = 10,
    /// The request is outside the valid range.
    OutOfRange = 11,
    /// The method does not exist, or the number of response messages is wrong.
    Unimplemented = 12,
    /// An invariant is broken, such as a rule of the protocol.
    Internal = 13,
    /// The service cannot be reached at present.
    Unavailable = 14,
    /// Data is lost permanently.
    DataLoss = 15,
    /// The caller's credentials are missing or invalid.
    Unauthenticated = 16,
}

/// Every code with its name, in the order of the numbers.
const CODES: [(Code, &str); 17] = [
    (Code::Ok, "OK"),
    (Code::Cancelled, "CANCELLED"),
    (Code::Unknown, "UNKNOWN"),
    (Code::InvalidArgument, "INVALID_ARGUMENT"),
    (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"),
    (Code::NotFound, "NOT_FOUND"),
    (Code::AlreadyExists, "ALREADY_EXISTS"),
    (Code::PermissionDenied, "PERMISSION_DENIED"),
    (Code::ResourceExhausted, "RESOURCE_EXHAUSTED"),
    (Code::FailedPrecondition, "FAILED_PRECONDITION"),
    (Code::Aborted, "ABORTED"),
    (Code::OutOfRange, "OUT_OF_RANGE"),
    (Code::Unimplemented, "UNIMPLEMENTED"),
    (Code::Internal, "INTERNAL"),
    (Code::Unavailable, "UNAVAILABLE"),
    (Code::DataLoss, "DATA_LOSS"),
    (Code::Unauthenticated, "UNAUTHENTICATED"),
];

impl Code {
    /// Reads the value of one `grpc-status` field.
    ///
    /// Only the canonical decimal form is valid: [no leading zeros][status], no sign, no blanks.
    /// For any other value this returns `None`. Report that as [`Code::Unknown`] ("error parsing
    /// returned status" in the [list of codes][codes]), and never as OK.
    ///
    /// ```
    /// use grpc_web_unary::Code;
    ///
    /// assert_eq!(Code::from_bytes(b"14"), Some(Code::Unavailable));
    /// assert_eq!(Code::from_bytes(b"00"), None);
    /// assert_eq!(Code::from_bytes(b"17"), None);
    /// ```
    ///
    /// [status]: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#responses
    /// [codes]: https://github.com/grpc/grpc/blob/master/doc/statuscodes.md
    #[must_use]
    pub fn from_bytes(value: &[u8]) -> Option<Self> {
        let number = match *value {
            [d @ b'0'..=b'9'] => d.wrapping_sub(b'0'),
            [b'1', d @ b'0'..=b'6'] => d.wrapping_sub(b'0').wrapping_add(10),
            _ => return None,
        };
        Self::from_u8(number)
    }

    /// The code with this number, if there is one.
    #[must_use]
    pub fn from_u8(number: u8) -> Option<Self> {
        CODES.get(usize::from(number)).map(|&(code, _)| code)
    }

    /// The number on the wire, 0 to 16.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The name in capitals, such as `"UNAVAILABLE"`, which suits a metric label.
    #[must_use]
    pub fn name(self) -> &'static str {
        CODES
            .get(usize::from(self.number()))
            .map_or("UNKNOWN", |&(_, name)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::{CODES, Code};
    use alloc::string::ToString;

    #[test]
    fn every_code_stands_at_its_own_number_in_the_table() {
        for (i, (code, name)) in CODES.iter().enumerate() {
            assert_eq!(usize::from(code.number()), i, "{name}");
            assert_eq!(code.name(), *name);
            assert_eq!(
                Code::from_bytes(i.to_string().as_bytes()),
                Some(*code),
                "{name}"
            );
        }
    }

    #[test]
    fn only_canonical_decimals_from_0_to_16_are_codes() {
        let bad: [&[u8]; 20] = [
            b"",
            b" ",
            b"00",
            b"01",
            b"000",
            b"09",
            b"17",
            b"19",
            b"20",
            b"99",
            b"100",
            b"+1",
            b"-1",
            b"0 ",
            b" 0",
            b"0x0",
            b"0abc",
            b"1e0",
            b"4294967296",
            "０".as_bytes(),
        ];
        for value in bad {
            assert_eq!(Code::from_bytes(value), None, "{value:?}");
        }
    }

    #[test]
    fn all_values_of_up_to_two_bytes_agree_with_the_grammar() {
        for a in 0..=255u8 {
            let one = core::str::from_utf8(&[a]).ok().and_then(|s| {
                s.bytes()
                    .all(|b| b.is_ascii_digit())
                    .then(|| s.parse::<u8>().unwrap())
            });
            assert_eq!(Code::from_bytes(&[a]).map(Code::number), one, "{a}");
            for b in 0..=255u8 {
                let two = (a == b'1' && (b'0'..=b'6').contains(&b)).then(|| b - b'0' + 10);
                assert_eq!(Code::from_bytes(&[a, b]).map(Code::number), two, "{a} {b}");
            }
        }
    }
}
