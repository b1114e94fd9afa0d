//! Why a sample was not let in.

use std::fmt::Write as _;

use crate::number::number_text;
use crate::value::Value;

/// Why a sample was refused: the key under `refused` in `stats()`, the label `reason` in the
/// Worker's own metrics, and the row in the troubleshooting page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Reason {
    /// An argument of a type that the method does not take, or one too many.
    BadArgument,
    /// The metric name is missing, malformed, too long, or ends in a reserved suffix.
    BadName,
    /// The type is neither counter nor histogram, or is not the method's.
    BadType,
    /// The value is missing, not a number, not finite, or a negative increment.
    BadValue,
    /// The labels are not an object, or a label name is malformed, reserved, too long or given
    /// twice.
    BadLabelName,
    /// A label value is not text, a number or a boolean, or is too long.
    BadLabelValue,
    /// More labels than a sample may have.
    TooManyLabels,
    /// The help is not text, or is too long.
    BadHelp,
    /// The name is in use for a metric of the other type.
    TypeConflict,
    /// Adding the increment would make the buffered sum infinite.
    SumOverflow,
    /// More samples in one call, or more bytes, than a call may carry.
    TooLarge,
    /// The packed form could not be read.
    BadPacked,
    /// The buffer is full and the sample would need a new entry.
    BufferFull,
    /// The isolate tracks as many metric names as it can.
    TooManyMetrics,
}

impl Reason {
    /// Every reason, in the order of its number.
    pub const ALL: [Self; 14] = [
        Self::BadArgument,
        Self::BadName,
        Self::BadType,
        Self::BadValue,
        Self::BadLabelName,
        Self::BadLabelValue,
        Self::TooManyLabels,
        Self::BadHelp,
        Self::TypeConflict,
        Self::SumOverflow,
        Self::TooLarge,
        Self::BadPacked,
        Self::BufferFull,
        Self::TooManyMetrics,
    ];

    /// The reason's fixed name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadArgument => "bad_argument",
            Self::BadName => "bad_name",
            Self::BadType => "bad_type",
            Self::BadValue => "bad_value",
            Self::BadLabelName => "bad_label_name",
            Self::BadLabelValue => "bad_label_value",
            Self::TooManyLabels => "too_many_labels",
            Self::BadHelp => "bad_help",
            Self::TypeConflict => "type_conflict",
            Self::SumOverflow => "sum_overflow",
            Self::TooLarge => "too_large",
            Self::BadPacked => "bad_packed",
            Self::BufferFull => "buffer_full",
            Self::TooManyMetrics => "too_many_metrics",
        }
    }

    /// Whether the sample itself was wrong, rather than the moment it came at.
    ///
    /// Only these become a `TypeError` under `REJECT_INVALID`.
    #[must_use]
    pub fn is_invalid_sample(self) -> bool {
        !matches!(self, Self::BufferFull | Self::TooManyMetrics)
    }
}

/// A refusal: its reason and what was found, as facts; the sentence is built only when somebody
/// reads it.
///
/// Never holds a label's value: those may be secret, and refusals are logged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Refusal<'a> {
    /// Why.
    pub reason: Reason,
    /// The metric's name, or the empty string where there is none to tell.
    pub metric: &'a str,
    pub(crate) detail: Detail<'a>,
}

/// What was found, per case.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Detail<'a> {
    /// A complete sentence.
    Fixed(&'static str),
    /// What was expected, and the value that was found instead.
    Found(&'static str, Value<'a>),
    /// What was expected, and the number that was found instead.
    Number(&'static str, f64),
    /// What is wrong with the text that follows.
    Text(&'static str, &'a str),
    /// What is too large, how large it is, and the most it may be.
    Limit(&'static str, usize, usize),
    /// What is wrong with the label of this name.
    Label(&'a str, &'static str),
    /// The label of this name has a value of a type that cannot be text.
    LabelType(&'a str, &'static str),
}

/// Most characters of a caller's text that a message repeats.
const QUOTED_CHARS: usize = 80;

impl<'a> Refusal<'a> {
    pub(crate) fn new(reason: Reason, detail: Detail<'a>) -> Self {
        Self {
            reason,
            metric: "",
            detail,
        }
    }

    pub(crate) fn of(self, metric: &'a str) -> Self {
        Self { metric, ..self }
    }

    /// What was wrong and what would be right: starts in lower case and ends without a full stop.
    #[must_use]
    pub fn message(&self) -> String {
        let mut out = String::new();
        if !self.metric.is_empty() {
            out.push_str("metric ");
            quote(&mut out, self.metric);
            out.push_str(": ");
        }
        // Writing to a String cannot fail.
        let _ = match self.detail {
            Detail::Fixed(sentence) => out.write_str(sentence),
            Detail::Found(expected, found) => {
                write!(out, "expected {expected}, got {}", found.describe())
            }
            Detail::Number(expected, found) => {
                write!(out, "expected {expected}, got {}", number_text(found))
            }
            Detail::Text(wrong, text) => {
                quote(&mut out, text);
                write!(out, " {wrong}")
            }
            Detail::Limit(what, actual, most) => {
                write!(out, "{what}: expected at most {most}, got {actual}")
            }
            Detail::Label(name, wrong) => {
                out.push_str("label ");
                quote(&mut out, name);
                write!(out, " {wrong}")
            }
            Detail::LabelType(name, found) => {
                out.push_str("label ");
                quote(&mut out, name);
                write!(
                    out,
                    " has {found} for a value, expected a string, a number or a boolean"
                )
            }
        };
        if let Some(example) = self.example() {
            out.push_str("; for example ");
            out.push_str(example);
        }
        out
    }

    /// A line that would have been right.
    fn example(&self) -> Option<&'static str> {
        Some(match self.reason {
            Reason::BadArgument => r#"incr("requests_total", 1, { route: "/search" })"#,
            Reason::BadName => r#"incr("requests_total")"#,
            Reason::BadType => r#"{ name: "requests_total", type: "counter", value: 1 }"#,
            Reason::BadValue => {
                r#"incr("requests_total", 1) or observe("request_duration_ms", 42.5)"#
            }
            Reason::BadLabelName | Reason::BadLabelValue => {
                r#"{ route: "/search", status: 200, cached: true }"#
            }
            Reason::BadHelp => r#"{ help: "requests by route" }"#,
            Reason::BadPacked => r#"1[["requests_total",1,1,["route","/search"]]]"#,
            _ => return None,
        })
    }
}

/// Appends `text` in quotes, cut to a readable length, control characters escaped.
fn quote(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars().take(QUOTED_CHARS) {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => out.push('\u{FFFD}'),
            c => out.push(c),
        }
    }
    out.push_str(if text.chars().nth(QUOTED_CHARS).is_some() {
        "…\""
    } else {
        "\""
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_numbered_in_the_order_of_all_and_have_distinct_names() {
        for (index, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
            assert_eq!(
                Reason::ALL
                    .iter()
                    .filter(|r| r.as_str() == reason.as_str())
                    .count(),
                1
            );
        }
    }

    #[test]
    fn a_message_names_the_metric_what_was_wrong_and_a_right_example() {
        let refusal = Refusal::new(
            Reason::BadValue,
            Detail::Number("an increment of at least 0", -1.0),
        )
        .of("requests_total");
        assert_eq!(
            refusal.message(),
            r#"metric "requests_total": expected an increment of at least 0, got -1; for example incr("requests_total", 1) or observe("request_duration_ms", 42.5)"#
        );
    }

    #[test]
    fn long_or_odd_text_is_cut_and_escaped() {
        let name = "a\"\n".repeat(100);
        let message =
            Refusal::new(Reason::BadName, Detail::Text("is not a metric name", &name)).message();
        assert!(message.starts_with("\"a\\\"\u{FFFD}a"), "{message}");
        assert!(message.chars().count() < 220, "{message}");
    }
}
