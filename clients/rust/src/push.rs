//! One push, and how it ended.

use std::error::Error;
use std::fmt;

/// One increment of a counter, or one observation of a histogram, for
/// [`Reporter::push`](crate::Reporter::push).
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    pub(crate) kind: crate::series::Kind,
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) help: Option<String>,
}

impl Sample {
    /// Adds `value` to a counter; finite and not negative.
    pub fn counter(name: impl Into<String>, value: f64) -> Self {
        Self::new(crate::series::Kind::Counter, name.into(), value)
    }

    /// Puts `value` into a histogram; finite, in the unit that the name says.
    pub fn histogram(name: impl Into<String>, value: f64) -> Self {
        Self::new(crate::series::Kind::Histogram, name.into(), value)
    }

    fn new(kind: crate::series::Kind, name: String, value: f64) -> Self {
        Self {
            kind,
            name,
            value,
            labels: Vec::new(),
            help: None,
        }
    }

    /// With one more label.
    #[must_use]
    pub fn label(mut self, name: impl Into<String>, value: impl fmt::Display) -> Self {
        self.labels.push((name.into(), value.to_string()));
        self
    }

    /// With one line that says what the metric counts; the first help seen for a name is kept.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// How one push to the gateway ended, as the reporter says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PushResult {
    /// True only for a delivered push of which nothing was rejected or refused.
    pub ok: bool,
    /// Whether the gateway has applied it.
    pub outcome: Outcome,
    /// Metrics that the gateway says it took.
    pub accepted: u32,
    /// Metrics that the gateway says it did not take.
    pub rejected: u32,
    /// gRPC status code, 0 to 16.
    pub code: u8,
    /// Name of the status code: `"OK"`, `"UNAVAILABLE"`, …
    pub status: String,
    /// The gateway's `grpc-message`, percent-decoded, or the transport's error.
    pub message: String,
    /// Samples that were invalid and therefore never sent.
    pub refused: Vec<Refused>,
}

/// Whether a push was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The gateway answered OK.
    Delivered,
    /// Provably not applied.
    Dropped,
    /// It may or may not have been applied.
    Unknown,
}

impl Outcome {
    /// `"delivered"`, `"dropped"` or `"unknown"`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Dropped => "dropped",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A sample that was invalid and therefore never sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused {
    /// Its place among the samples of the call, from 0.
    pub index: usize,
    /// A fixed word for the reason, such as `bad_name`.
    pub reason: String,
    /// What was expected, and what was there instead.
    pub message: String,
}

/// A push that has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PushError {
    /// There is no reporter to call: [`Reporter::disabled`](crate::Reporter::disabled), or the
    /// binding is missing.
    Unbound,
    /// The call could not be made: nothing was sent.
    NotSent(String),
    /// The call failed or had no answer in time: the samples may have been applied or not.
    Unknown(String),
}

impl fmt::Display for PushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unbound => f.write_str("there is no reporter binding"),
            Self::NotSent(why) => write!(f, "the reporter could not be called: {why}"),
            Self::Unknown(why) => write!(f, "the call to the reporter failed: {why}"),
        }
    }
}

impl Error for PushError {}
