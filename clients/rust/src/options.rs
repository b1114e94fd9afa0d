//! How a reporter sends, and what it adds to every sample.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use crate::labels;
use crate::limits::{ANSWER_TIMEOUT_MS, MAX_CALLS};
use crate::series::LabelPairs;

/// Options of a [`Reporter`](crate::Reporter). They may be made once and shared:
/// `static OPTIONS: LazyLock<Arc<Options>>`.
///
/// ```
/// use metrics_reporter_client::{Options, testing::TestReporter};
///
/// let test = TestReporter::new();
/// let options = Options::new()
///     .label("region", "weur")
///     .help("orders_total", "Orders placed");
/// test.reporter_with(options).incr("orders_total", [("country", "PT")]);
/// assert_eq!(test.counter("orders_total", [("country", "PT"), ("region", "weur")]), 1.0);
/// ```
#[derive(Debug, Clone)]
pub struct Options {
    pub(crate) labels: LabelPairs,
    pub(crate) help: HashMap<Box<str>, Arc<str>>,
    pub(crate) max_calls: u32,
    pub(crate) answer_timeout_ms: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            labels: Vec::new(),
            help: HashMap::new(),
            max_calls: MAX_CALLS,
            answer_timeout_ms: ANSWER_TIMEOUT_MS,
        }
    }
}

impl Options {
    /// No labels, no help, at most 16 calls per request, 10 s for each answer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a label to every sample. The same label in a call wins.
    #[must_use]
    pub fn label(mut self, name: &str, value: impl Display) -> Self {
        labels::put(&mut self.labels, name, value.to_string().into());
        self
    }

    /// Says in one line what a metric counts. It travels with the samples; the first help that the
    /// gateway sees for a name is kept.
    #[must_use]
    pub fn help(mut self, name: &str, help: &str) -> Self {
        self.help.insert(name.into(), help.into());
        self
    }

    /// Most `record` calls per request, 1 to 32, default 16. A request may call other Workers 32
    /// times in all. One call carries 1,000 samples or 256 KiB; most requests need one.
    #[must_use]
    pub fn max_calls(mut self, calls: u32) -> Self {
        self.max_calls = calls.clamp(1, 32);
        self
    }

    /// How long the reporter's answer is waited for, 1 ms to 30 s, default 10 s.
    #[must_use]
    pub fn answer_timeout(mut self, timeout: Duration) -> Self {
        let ms = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX);
        self.answer_timeout_ms = ms.clamp(1, 30_000);
        self
    }
}
