//! How a reporter sends, and what it adds to every sample.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use crate::labels;
use crate::limits::{
    ANSWER_TIMEOUT_MS, FLUSH_INTERVAL_MS, MAX_CALLS, MAX_DELAY_MS, MAX_SAMPLES_PER_CALL,
};
use crate::series::LabelPairs;

/// Which requests share a call to the reporter.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All requests of this isolate. One of them sends the samples of all, an
    /// [interval](Options::flush_interval) after the first sample. A request then needs no call of
    /// its own.
    #[default]
    Isolate,
    /// Each request sends its own samples when its handler has finished. This costs a call per
    /// request. A request never waits for another one, and [`account`](crate::Reporter::account)
    /// covers this request only.
    Request,
}

/// Options of a [`Reporter`](crate::Reporter). You may create them once and share them: `static
/// OPTIONS: LazyLock<Arc<Options>>`.
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
    pub(crate) scope: Scope,
    pub(crate) flush_interval_ms: u32,
    pub(crate) max_batch: usize,
    pub(crate) max_calls: u32,
    pub(crate) answer_timeout_ms: u32,
    pub(crate) debug: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            labels: Vec::new(),
            help: HashMap::new(),
            scope: Scope::default(),
            flush_interval_ms: FLUSH_INTERVAL_MS,
            max_batch: MAX_SAMPLES_PER_CALL,
            max_calls: MAX_CALLS,
            answer_timeout_ms: ANSWER_TIMEOUT_MS,
            debug: false,
        }
    }
}

impl Options {
    /// No labels and no help. All requests of the isolate share one call a second.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a label to every sample. The same label in a call replaces it.
    #[must_use]
    pub fn label(mut self, name: &str, value: impl Display) -> Self {
        labels::put(&mut self.labels, name, value.to_string().into());
        self
    }

    /// Sets a metric's help: one line that says what it counts. The client sends it with the
    /// samples. The gateway keeps the first help that it receives for a name.
    #[must_use]
    pub fn help(mut self, name: &str, help: &str) -> Self {
        self.help.insert(name.into(), help.into());
        self
    }

    /// Sets which requests share a call to the reporter. Default: [`Scope::Isolate`].
    #[must_use]
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// With [`Scope::Isolate`]: the longest time that a sample waits before it is sent, 0 to 15 s,
    /// default 1 s. When an isolate ends without warning, at most the samples of this time are
    /// lost.
    #[must_use]
    pub fn flush_interval(mut self, interval: Duration) -> Self {
        self.flush_interval_ms = whole_ms(interval).min(MAX_DELAY_MS);
        self
    }

    /// Most samples in one call, 1 to 1,000, default 1,000. When that many wait, the client sends
    /// them at once. The first request of an isolate decides this for the shared buffer.
    #[must_use]
    pub fn max_batch(mut self, samples: usize) -> Self {
        self.max_batch = samples.clamp(1, MAX_SAMPLES_PER_CALL);
        self
    }

    /// Writes one line per request that lists the recorded metrics, for `wrangler tail`. Default
    /// false.
    #[must_use]
    pub fn debug(mut self, debug: bool) -> Self {
        self.debug = debug;
        self
    }

    /// Most `record` calls per request, 1 to 32, default 16. A request may call other Workers 32
    /// times in all. This also limits how many samples wait in an isolate, to the content of as
    /// many calls. One call carries 1,000 samples or 256 KiB.
    #[must_use]
    pub fn max_calls(mut self, calls: u32) -> Self {
        self.max_calls = calls.clamp(1, 32);
        self
    }

    /// How long to wait for the reporter's answer, 1 ms to 30 s, default 10 s.
    #[must_use]
    pub fn answer_timeout(mut self, timeout: Duration) -> Self {
        self.answer_timeout_ms = whole_ms(timeout).clamp(1, 30_000);
        self
    }
}

fn whole_ms(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}
