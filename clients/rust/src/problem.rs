//! The reason why a sample cannot be sent, as text for the caller's log.

use std::fmt;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Problem {
    /// The value is NaN or infinite.
    NotFinite(f64),
    /// Name, labels and help exceed the size of one sample.
    TooLong,
    /// A label's `Display` failed.
    Unwritable(Box<str>),
}

impl Problem {
    /// The reporter's name for this reason.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::NotFinite(_) => "bad_value",
            Self::TooLong => "too_large",
            Self::Unwritable(_) => "bad_label_value",
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFinite(value) => write!(f, "its value must be finite, got {value}"),
            Self::TooLong => write!(
                f,
                "name, labels and help come to more than {} bytes",
                crate::limits::MAX_BYTES_PER_SAMPLE
            ),
            Self::Unwritable(label) => {
                write!(f, "the value of label {label:?} could not be written")
            }
        }
    }
}
