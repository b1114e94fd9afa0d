//! The fields that give the outcome of a call. They are in the HTTP headers or in the trailers.

use crate::ascii::{same_name, trim_ows};
use crate::percent;
use crate::reply::Failure;
use crate::text::Text;
use crate::{Code, Kind, Pushback, Status};
use alloc::string::String;

/// The most characters of a bad value that are shown.
const SHOWN: usize = 32;

/// `grpc-status`, `grpc-message` and `grpc-retry-pushback-ms` in one of the two places.
#[derive(Debug, Default)]
pub(crate) struct StatusFields<'a> {
    pub(crate) status: GrpcStatus<'a>,
    /// Encoded. If there are several, the first counts.
    message: Option<&'a [u8]>,
    pub(crate) pushback: Option<Pushback>,
}

impl<'a> StatusFields<'a> {
    /// Adds one field, if it is one of the three.
    pub(crate) fn add(&mut self, name: &[u8], value: &'a [u8]) {
        if same_name(name, b"grpc-status") {
            self.status.add(value);
        } else if same_name(name, b"grpc-message") {
            self.message.get_or_insert(value);
        } else if same_name(name, b"grpc-retry-pushback-ms") {
            Pushback::add(&mut self.pushback, value);
        }
    }

    pub(crate) fn message(&self) -> String {
        percent::decode(self.message.unwrap_or_default())
    }

    /// The status, if it is a valid one of a failed call.
    pub(crate) fn error(&self) -> Option<Status> {
        match self.status {
            GrpcStatus::Valid(code) if code != Code::Ok => Some(Status {
                code,
                message: self.message(),
            }),
            _ => None,
        }
    }

    /// The status, or the reason why there is none.
    pub(crate) fn status(&self) -> Result<Status, Failure> {
        let message = self.message();
        let (kind, text) = match self.status {
            GrpcStatus::Valid(code) => return Ok(Status { code, message }),
            GrpcStatus::Absent => {
                let text = Text::new("expected a grpc-status, got none");
                (Kind::NoStatus, text)
            }
            GrpcStatus::Conflicting(first, second) => {
                let text = Text::new("expected one grpc-status, got ")
                    .num(u64::from(first.number()))
                    .str(" and ")
                    .num(u64::from(second.number()));
                (Kind::ConflictingStatus, text)
            }
            GrpcStatus::Bad(value) => {
                let text = Text::new("expected a grpc-status from 0 to 16, got ");
                (Kind::BadStatus, text.quoted(value, SHOWN))
            }
        };
        let text = match &*message {
            "" => text,
            _ => text.str(": ").str(&message),
        };
        Err(Failure::new(kind, text))
    }
}

/// The combined meaning of all `grpc-status` fields in one place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum GrpcStatus<'a> {
    /// There is no field. This is not OK: a successful call has a status.
    #[default]
    Absent,
    /// There is one value, or several equal ones.
    Valid(Code),
    /// Two values differ.
    Conflicting(Code, Code),
    /// This value is not a code.
    Bad(&'a [u8]),
}

impl<'a> GrpcStatus<'a> {
    /// Adds one more field value.
    ///
    /// A fetch API, like the [protocol][metadata], may join the values of fields with one name by
    /// commas, so `0, 0` is `0` twice.
    ///
    /// [metadata]: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests
    fn add(&mut self, value: &'a [u8]) {
        for part in value.split(|&b| b == b',') {
            let part = trim_ows(part);
            *self = match (*self, Code::from_bytes(part)) {
                (Self::Bad(first), _) => Self::Bad(first),
                (_, None) => Self::Bad(part),
                (Self::Absent, Some(code)) => Self::Valid(code),
                (Self::Valid(first), Some(code)) if first != code => Self::Conflicting(first, code),
                (same, Some(_)) => same,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::GrpcStatus;
    use crate::Code;

    fn all<'a>(values: &[&'a str]) -> GrpcStatus<'a> {
        let mut status = GrpcStatus::default();
        for value in values {
            status.add(value.as_bytes());
        }
        status
    }

    #[test]
    fn equal_statuses_are_one_status() {
        assert_eq!(all(&[]), GrpcStatus::Absent);
        assert_eq!(all(&["9"]), GrpcStatus::Valid(Code::FailedPrecondition));
        assert_eq!(all(&["0", "0"]), GrpcStatus::Valid(Code::Ok));
        assert_eq!(all(&["0, 0"]), GrpcStatus::Valid(Code::Ok));
        assert_eq!(all(&[" 14\t"]), GrpcStatus::Valid(Code::Unavailable));
    }

    #[test]
    fn unequal_statuses_are_a_conflict_in_either_order() {
        let conflict = GrpcStatus::Conflicting;
        assert_eq!(
            all(&["0", "9"]),
            conflict(Code::Ok, Code::FailedPrecondition)
        );
        assert_eq!(all(&["9, 0"]), conflict(Code::FailedPrecondition, Code::Ok));
        assert_eq!(
            all(&["0", "9", "0"]),
            conflict(Code::Ok, Code::FailedPrecondition)
        );
    }

    #[test]
    fn one_bad_status_spoils_the_rest() {
        for values in [
            &["0", "x"][..],
            &["x", "0"],
            &["0", "9", "x"],
            &["0,"],
            &[",0"],
            &[""],
            &["0 0"],
            &["0;1"],
        ] {
            assert!(matches!(all(values), GrpcStatus::Bad(_)), "{values:?}");
        }
        assert_eq!(all(&["00", "01"]), GrpcStatus::Bad(b"00"), "the first");
    }
}
