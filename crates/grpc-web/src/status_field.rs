//! `grpc-status` in one place: the HTTP headers or the trailers.

use crate::Code;
use crate::ascii::trim_ows;
use crate::text::Text;
use alloc::string::String;

/// The most characters of a bad value that are shown.
const SHOWN: usize = 32;

/// The combined meaning of all `grpc-status` fields in one place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum StatusField {
    /// There is no field. This is not OK: a successful call has a status.
    #[default]
    Absent,
    /// There is one value, or several equal ones.
    Valid(Code),
    /// Two values differ.
    Conflicting(Code, Code),
    /// One value is not a code; the value, made printable and cut short.
    Bad(String),
}

impl StatusField {
    /// Adds one more field value.
    ///
    /// A fetch API, like the [protocol][metadata], may join the values of fields with one name by
    /// commas, so `0, 0` is `0` twice.
    ///
    /// [metadata]: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests
    pub(crate) fn add(&mut self, value: &[u8]) {
        for part in value.split(|&b| b == b',') {
            self.add_one(trim_ows(part));
        }
    }

    fn add_one(&mut self, value: &[u8]) {
        let Some(code) = Code::from_bytes(value) else {
            if !matches!(self, Self::Bad(_)) {
                *self = Self::Bad(Text::default().quoted(value, SHOWN).into_string());
            }
            return;
        };
        match *self {
            Self::Absent => *self = Self::Valid(code),
            Self::Valid(first) if first != code => *self = Self::Conflicting(first, code),
            Self::Valid(_) | Self::Conflicting(..) | Self::Bad(_) => {}
        }
    }

    /// The code, if it is a valid one for a failed call.
    pub(crate) fn error(&self) -> Option<Code> {
        match *self {
            Self::Valid(code) if code != Code::Ok => Some(code),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::StatusField;
    use crate::Code;

    fn all(values: &[&str]) -> StatusField {
        let mut field = StatusField::default();
        for value in values {
            field.add(value.as_bytes());
        }
        field
    }

    #[test]
    fn equal_statuses_are_one_status() {
        assert_eq!(all(&[]), StatusField::Absent);
        assert_eq!(all(&["9"]), StatusField::Valid(Code::FailedPrecondition));
        assert_eq!(all(&["0", "0"]), StatusField::Valid(Code::Ok));
        assert_eq!(all(&["0, 0"]), StatusField::Valid(Code::Ok));
        assert_eq!(all(&[" 14\t"]), StatusField::Valid(Code::Unavailable));
    }

    #[test]
    fn unequal_statuses_are_a_conflict_in_either_order() {
        let conflict = StatusField::Conflicting;
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
            assert!(matches!(all(values), StatusField::Bad(_)), "{values:?}");
        }
        assert_eq!(all(&["00"]), StatusField::Bad("`00`".into()));
    }
}
