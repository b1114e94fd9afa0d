//! One push and its result.

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
    /// Adds `value` to a counter. It must be finite and not negative.
    pub fn counter(name: impl Into<String>, value: f64) -> Self {
        Self::new(crate::series::Kind::Counter, name.into(), value)
    }

    /// Records `value` in a histogram. It must be finite and in the unit of the metric's name.
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

    /// Adds one label.
    #[must_use]
    pub fn label(mut self, name: impl Into<String>, value: impl fmt::Display) -> Self {
        self.labels.push((name.into(), value.to_string()));
        self
    }

    /// Sets the help: one line that says what the metric counts. The gateway keeps the first help
    /// that it receives for a name.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// The result of one push to the gateway, as reported by the reporter.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PushResult {
    /// True only if the push was delivered and no sample was rejected or refused.
    pub ok: bool,
    /// Whether the gateway has applied it.
    pub outcome: Outcome,
    /// Number of metrics that the gateway accepted, according to its answer.
    pub accepted: u32,
    /// Number of metrics that the gateway rejected, according to its answer.
    pub rejected: u32,
    /// gRPC status code, 0 to 16.
    pub code: u8,
    /// Name of the status code: `"OK"`, `"UNAVAILABLE"`, …
    pub status: String,
    /// The gateway's `grpc-message`, percent-decoded, or the transport's error.
    pub message: String,
    /// Refused samples, which were not sent; at most the first 100.
    pub refused: Vec<Refused>,
}

/// Whether a push was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The gateway answered OK.
    Delivered,
    /// The push was certainly not applied.
    Dropped,
    /// The push may or may not have been applied.
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

/// An invalid sample, which was not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused {
    /// Its index among the samples of the call, from 0.
    pub index: usize,
    /// A fixed code for the reason, such as `bad_name`.
    pub reason: String,
    /// The expected and the actual content.
    pub message: String,
}

/// An error instead of a push result.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PushError {
    /// There is no reporter to call: [`Reporter::disabled`](crate::Reporter::disabled), or the
    /// binding is missing.
    Unbound,
    /// The call could not be made. Nothing was sent.
    NotSent(String),
    /// The call failed or had no answer in time. The samples may or may not have been applied.
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
