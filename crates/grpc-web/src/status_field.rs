//! `grpc-status` as it was found in one place: the HTTP headers, or the trailers.

use crate::Code;
use crate::ascii::trim_ows;
use crate::text::Text;
use alloc::string::String;

/// How many characters of a bad value are shown.
const SHOWN: usize = 32;

/// What all `grpc-status` fields of one place say together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum StatusField {
    /// There is none. This is not OK: a call that went well says so.
    #[default]
    Absent,
    /// There is one, or several that say the same.
    Valid(Code),
    /// Two of them disagree.
    Conflicting(Code, Code),
    /// One of them is not a code; its value, printable and cut short.
    Bad(String),
}

impl StatusField {
    /// Takes in one more field value.
    ///
    /// A fetch API, like the [protocol][metadata], may join the values of several fields of one
    /// name with a comma, so `0, 0` is twice `0`.
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

    /// The code, when it is one and says that the call failed.
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
