//! Reasons for refusing a Metric.

use std::fmt;

/// One word per rule, for labels and logs. The message repeats the sender's text, so it is never
/// used there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The name is not a Prometheus metric name, or is too long.
    BadName,
    /// The name would collide with a series of a histogram, or of the gateway itself.
    ReservedName,
    /// The type is neither counter nor histogram.
    BadType,
    /// More labels than a series may have.
    TooManyLabels,
    /// A label name is not a Prometheus label name, is reserved, or is too long.
    BadLabelName,
    /// A label value is too long.
    BadLabelValue,
    /// The increment or observation cannot be added.
    BadValue,
    /// The name already belongs to a metric of the other type.
    TypeConflict,
    /// The metric already has series with other label names.
    LabelConflict,
    /// The gateway has reached its limit of series.
    SeriesLimit,
}

impl Reason {
    /// Every reason, so that each has a series from the start.
    pub const ALL: [Self; 10] = [
        Self::BadName,
        Self::ReservedName,
        Self::BadType,
        Self::TooManyLabels,
        Self::BadLabelName,
        Self::BadLabelValue,
        Self::BadValue,
        Self::TypeConflict,
        Self::LabelConflict,
        Self::SeriesLimit,
    ];

    /// The reason as a label value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadName => "bad_name",
            Self::ReservedName => "reserved_name",
            Self::BadType => "bad_type",
            Self::TooManyLabels => "too_many_labels",
            Self::BadLabelName => "bad_label_name",
            Self::BadLabelValue => "bad_label_value",
            Self::BadValue => "bad_value",
            Self::TypeConflict => "type_conflict",
            Self::LabelConflict => "label_conflict",
            Self::SeriesLimit => "series_limit",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A refused Metric: the broken rule, with the expected and the actual value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The rule.
    pub reason: Reason,
    /// The expected and the actual value, for people. Never holds a label value.
    pub message: String,
}

impl Rejection {
    pub(crate) fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
        }
    }
}

/// At most `max` bytes of `text`, for logs and messages: a sent name may have megabytes.
pub(crate) fn shorten(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let cut = text.floor_char_boundary(max);
    format!("{}…", text.get(..cut).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_listed_once_under_a_word_of_its_own() {
        let mut words: Vec<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Reason::ALL.len());
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(shorten("abc", 3), "abc");
        assert_eq!(shorten("abcd", 3), "abc…");
        // é is two bytes: a cut at 2 falls inside it
        assert_eq!(shorten("aéb", 2), "a…");
    }
}
