//! The reasons for refusing a sample.

use std::fmt::{self, Write as _};

use serde::Serialize;

use crate::limits::MAX_NAME_BYTES;
use crate::sample::Value;

/// Why a sample was refused. It is the key under `refused` in `stats()`, the label `reason` in the
/// Worker's own metrics, and the row on the troubleshooting page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// An argument has a type that the method does not take, or there are too many arguments.
    BadArgument,
    /// The metric name is missing, malformed, too long, or ends in a reserved suffix.
    BadName,
    /// The type is neither counter nor histogram, or does not match the method.
    BadType,
    /// The value is missing, not a number, not finite, or a negative increment.
    BadValue,
    /// The labels are not an object, or a label name is malformed, reserved, too long or given
    /// twice.
    BadLabelName,
    /// A label value is not text, a number or a boolean, or is too long.
    BadLabelValue,
    /// The sample has more labels than it may have.
    TooManyLabels,
    /// The help is not text, or is too long.
    BadHelp,
    /// The name is already in use for a metric of the other type.
    TypeConflict,
    /// The increment would make the buffered sum infinite.
    SumOverflow,
    /// The call carries more samples or more bytes than it may.
    TooLarge,
    /// The packed form could not be read.
    BadPacked,
    /// The buffer is full, and the sample needs a new entry.
    BufferFull,
    /// The isolate already tracks its limit of metric names.
    TooManyMetrics,
}

impl Reason {
    /// Every reason.
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

    /// Whether the sample itself was wrong. Otherwise a limit of the isolate refused a legal
    /// sample.
    ///
    /// Only these become a `TypeError` under `REJECT_INVALID`.
    #[must_use]
    pub fn is_invalid_sample(self) -> bool {
        !matches!(self, Self::BufferFull | Self::TooManyMetrics)
    }
}

/// A refusal: its reason, and a description of the mistake.
///
/// It never holds a label's value, because values may be secret and refusals are logged.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// The reason.
    pub reason: Reason,
    /// The metric's name, cut to the length of a legal one; empty if there is none.
    pub metric: String,
    detail: String,
}

/// The most characters of a caller's text that a message repeats.
const QUOTED_CHARS: usize = 80;

impl Refusal {
    pub(crate) fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            metric: String::new(),
            detail: detail.into(),
        }
    }

    /// A value was found that differs from the expected one.
    pub(crate) fn found(reason: Reason, expected: &str, found: &Value<'_>) -> Self {
        Self::new(
            reason,
            format!("expected {expected}, got {}", found.describe()),
        )
    }

    /// A text is illegal.
    pub(crate) fn text(reason: Reason, text: &str, wrong: &str) -> Self {
        Self::new(reason, format!("{} {wrong}", Quoted(text)))
    }

    /// The label of this name is illegal.
    pub(crate) fn label(reason: Reason, name: &str, wrong: &str) -> Self {
        Self::new(reason, format!("label {} {wrong}", Quoted(name)))
    }

    /// A size is over its limit.
    pub(crate) fn limit(reason: Reason, what: &str, actual: usize, most: usize) -> Self {
        Self::new(
            reason,
            format!("{what}: expected at most {most}, got {actual}"),
        )
    }

    /// Adds the metric's name, unless the refusal already has one.
    pub(crate) fn of(mut self, metric: &str) -> Self {
        if self.metric.is_empty() {
            let end = metric.floor_char_boundary(MAX_NAME_BYTES);
            metric
                .get(..end)
                .unwrap_or_default()
                .clone_into(&mut self.metric);
        }
        self
    }

    /// The mistake and the expected input. Starts in lower case and ends without a full stop.
    #[must_use]
    pub fn message(&self) -> String {
        let Self { metric, detail, .. } = self;
        let metric = if metric.is_empty() {
            String::new()
        } else {
            format!("metric {}: ", Quoted(metric))
        };
        match self.example() {
            Some(example) => format!("{metric}{detail}; for example {example}"),
            None => format!("{metric}{detail}"),
        }
    }

    /// An example of a correct call.
    fn example(&self) -> Option<&'static str> {
        Some(match self.reason {
            // The detail already suggests a fix.
            Reason::BadName | Reason::BadLabelName if self.detail.contains("; try ") => {
                return None;
            }
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

/// Quotes the text, cuts it to a readable length, and replaces control characters.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for c in self.0.chars().take(QUOTED_CHARS) {
            match c {
                '"' | '\\' => write!(f, "\\{c}")?,
                c if c.is_control() => f.write_char('\u{FFFD}')?,
                c => f.write_char(c)?,
            }
        }
        if self.0.chars().nth(QUOTED_CHARS).is_some() {
            f.write_char('…')?;
        }
        f.write_char('"')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_have_distinct_names() {
        for reason in Reason::ALL {
            let same = Reason::ALL.iter().filter(|r| r.as_str() == reason.as_str());
            assert_eq!(same.count(), 1);
        }
    }

    #[test]
    fn a_message_names_the_metric_what_was_wrong_and_a_right_example() {
        let refusal = Refusal::new(
            Reason::BadValue,
            "expected a finite increment of at least 0, got -1",
        );
        assert_eq!(
            refusal.of("requests_total").message(),
            r#"metric "requests_total": expected a finite increment of at least 0, got -1; for example incr("requests_total", 1) or observe("request_duration_ms", 42.5)"#
        );
    }

    #[test]
    fn a_suggestion_takes_the_place_of_the_example() {
        let fault = crate::sample::names::metric_name_fault("http.requests").unwrap();
        let message = Refusal::text(Reason::BadName, "http.requests", &fault).message();
        assert!(message.ends_with("; try http_requests"), "{message}");
    }

    #[test]
    fn long_or_odd_text_is_cut_and_escaped() {
        let name = "a\"\n".repeat(100);
        let message = Refusal::text(Reason::BadName, &name, "is not a metric name").message();
        assert!(message.starts_with("\"a\\\"\u{FFFD}a"), "{message}");
        assert!(message.chars().count() < 220, "{message}");
    }
}
