//! Stands in for the reporter in unit tests, which run natively, without a Worker or JavaScript.
//!
//! Write the code of a request as a function of `&Reporter`, and pass it the reporter of a
//! [`TestReporter`]:
//!
//! ```
//! use metrics_reporter_client::{Reporter, testing::TestReporter};
//!
//! fn place_order(country: &str, metrics: &Reporter) {
//!     metrics.incr("orders_total", [("country", country)]);
//! }
//!
//! let test = TestReporter::new();
//! place_order("PT", &test.reporter());
//! assert_eq!(test.counter("orders_total", [("country", "PT")]), 1.0);
//! assert!(test.refused().is_empty());
//! ```

mod tasks;

use std::collections::HashMap;
use std::fmt;
use std::future::{pending, ready};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::batch::Batch;
use crate::labels::{self, Labels};
use crate::options::{Options, Scope};
use crate::outbox::{Outbox, SharedPool};
use crate::platform::{Answer, BoxFuture, Platform};
use crate::pool::Pool;
use crate::push::{Outcome, PushResult, Refused};
use crate::reporter::Reporter;
use crate::row::{Entry, Row};
use crate::rules;
use crate::series::Kind;

pub use tasks::block_on;
#[cfg(test)]
pub(crate) use tasks::sleep;

/// Advances the clock of this thread. Timers use it, and so does the delay before a long handler's
/// samples are sent. It starts at 0 and never advances by itself, like a Worker's clock between
/// I/O.
pub fn advance_clock(ms: f64) {
    crate::clock::advance(ms);
}

/// The lines logged on this thread since the last [`TestReporter`] was created. Each warning
/// appears at most once a minute.
pub fn warnings() -> Vec<String> {
    crate::clock::logged()
}

/// Keeps the samples that its reporters send, and answers as the real reporter does. Its reporters
/// belong to one isolate.
///
/// It checks names, labels and values like the real reporter, so a test fails for metrics that
/// production refuses. It does not check size limits. Each query first sends the samples that its
/// reporters still hold.
#[derive(Clone)]
pub struct TestReporter {
    state: Arc<Mutex<State>>,
    /// The state that the reporters of one isolate share.
    pool: SharedPool,
}

#[derive(Default)]
struct State {
    calls: Vec<Vec<RecordedSample>>,
    refused: Vec<RefusedSample>,
    rejected: Vec<RefusedSample>,
    /// The first accepted sample of each name.
    firsts: HashMap<String, Entry>,
    trouble: Option<Trouble>,
    outboxes: Vec<Weak<Outbox>>,
}

#[derive(Clone)]
enum Trouble {
    Fails(String),
    Hangs,
}

/// A metric's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricType {
    /// A counter: increments are added up.
    Counter,
    /// A histogram: counts observations in buckets.
    Histogram,
}

/// A sample as it was sent.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RecordedSample {
    /// The metric's name.
    pub name: String,
    /// The metric's type.
    pub metric_type: MetricType,
    /// Increment or observation.
    pub value: f64,
    /// Names and values, sorted by name.
    pub labels: Vec<(String, String)>,
    /// The metric's help, if this sample carries it.
    pub help: Option<String>,
}

/// A sample that would not arrive, with the reason.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RefusedSample {
    /// The sample as it was sent.
    pub sample: RecordedSample,
    /// The expected and the actual content.
    pub message: String,
}

impl TestReporter {
    /// Creates a test reporter without samples. It clears the state of earlier tests on this
    /// thread: their warnings and the samples that they recorded outside every scope.
    pub fn new() -> Self {
        crate::warn::forget();
        crate::clock::forget_log();
        #[cfg(feature = "facade")]
        crate::facade::forget();
        Self {
            state: Arc::default(),
            pool: Arc::default(),
        }
    }

    /// A reporter for one request.
    pub fn reporter(&self) -> Reporter {
        self.reporter_with(Options::new())
    }

    /// A reporter for one request, with options.
    pub fn reporter_with(&self, options: impl Into<Arc<Options>>) -> Reporter {
        self.open(options.into(), false)
    }

    /// A reporter for a Durable Object.
    #[cfg(test)]
    pub(crate) fn lasting_reporter(&self, options: Options) -> Reporter {
        self.open(Arc::new(options), true)
    }

    fn open(&self, options: Arc<Options>, outlives_requests: bool) -> Reporter {
        let pool = match options.scope {
            Scope::Isolate => {
                let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
                // The first reporter of an isolate decides the size of its calls.
                if pool.is_idle(crate::clock::now_ms()) {
                    pool.batch = Batch::new(options.max_batch);
                }
                drop(pool);
                Arc::clone(&self.pool)
            }
            Scope::Request => Arc::new(Mutex::new(Pool::new(options.max_batch))),
        };
        let platform = Box::new(TestPlatform(self.clone()));
        let reporter = Reporter::on(platform, options, outlives_requests, pool);
        let outbox = reporter.outbox().map(Arc::downgrade);
        self.state().outboxes.extend(outbox);
        reporter
    }

    /// Returns the sum of a counter's increments over all series that have these labels. A series
    /// may have more labels. The sum is 0 if there are none.
    pub fn counter(&self, name: &str, labels: impl Labels) -> f64 {
        let samples = self.matching(MetricType::Counter, name, &labels);
        samples.iter().map(|sample| sample.value).sum()
    }

    /// Returns a histogram's observations over all series that have these labels. A series may have
    /// more labels. The observations of one series are in order.
    pub fn observations(&self, name: &str, labels: impl Labels) -> Vec<f64> {
        let samples = self.matching(MetricType::Histogram, name, &labels);
        samples.iter().map(|sample| sample.value).collect()
    }

    /// All accepted samples. Counters of one series arrive added up, and observations of one series
    /// arrive one after another.
    pub fn samples(&self) -> Vec<RecordedSample> {
        self.calls().into_iter().flatten().collect()
    }

    /// The accepted samples of each call.
    pub fn calls(&self) -> Vec<Vec<RecordedSample>> {
        self.settle();
        self.state().calls.clone()
    }

    /// The samples that the real reporter would refuse. Assert that this is empty to find errors
    /// such as misspelt names.
    pub fn refused(&self) -> Vec<RefusedSample> {
        self.settle();
        self.state().refused.clone()
    }

    /// The samples that the real reporter accepts and the gateway would reject, because a metric
    /// always has the same label names. [`samples`](Self::samples) contains them as well.
    pub fn rejected(&self) -> Vec<RefusedSample> {
        self.settle();
        self.state().rejected.clone()
    }

    /// Makes every later call fail with `error`, as if the reporter were down.
    pub fn fail(&self, error: &str) {
        self.state().trouble = Some(Trouble::Fails(error.to_owned()));
    }

    /// Leaves every later call without an answer.
    pub fn hang(&self) {
        self.state().trouble = Some(Trouble::Hangs);
    }

    /// Ends [`fail`](Self::fail) and [`hang`](Self::hang).
    pub fn recover(&self) {
        self.state().trouble = None;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes every reporter send its samples.
    fn settle(&self) {
        let outboxes = {
            let mut state = self.state();
            state.outboxes.retain(|outbox| outbox.strong_count() > 0);
            state.outboxes.clone()
        };
        for outbox in outboxes.iter().filter_map(Weak::upgrade) {
            tasks::spawn(Box::pin(outbox.send()));
        }
    }

    fn matching(
        &self,
        metric_type: MetricType,
        name: &str,
        labels: &dyn Labels,
    ) -> Vec<RecordedSample> {
        let wanted = labels::read(labels, &Vec::new()).unwrap_or_default();
        let mut samples = self.samples();
        samples.retain(|sample| {
            sample.metric_type == metric_type
                && sample.name == name
                && wanted.iter().all(|(name, value)| {
                    let mut labels = sample.labels.iter();
                    labels.any(|(other, text)| **other == **name && **text == **value)
                })
        });
        samples
    }
}

impl Default for TestReporter {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for TestReporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("TestReporter")
            .field("calls", &state.calls)
            .field("refused", &state.refused)
            .field("rejected", &state.rejected)
            .finish_non_exhaustive()
    }
}

impl State {
    /// Takes samples. Returns the number of accepted samples, and the refused ones with their
    /// indices.
    fn take(&mut self, rows: &[Row]) -> (usize, Vec<(usize, String)>) {
        let mut taken = Vec::new();
        let mut refused = Vec::new();
        for (index, entry) in rows.iter().flat_map(Row::entries).enumerate() {
            let sample = RecordedSample::from(&entry);
            let first = self.firsts.get(&sample.name);
            if let Some(message) = rules::refusal(&entry, first.map(|first| first.kind)) {
                refused.push((index, message.clone()));
                self.refused.push(RefusedSample { sample, message });
                continue;
            }
            match first {
                None => {
                    self.firsts.insert(sample.name.clone(), entry);
                }
                Some(first) => {
                    if let Some(message) = rejection(&entry, first) {
                        let sample = sample.clone();
                        self.rejected.push(RefusedSample { sample, message });
                    }
                }
            }
            taken.push(sample);
        }
        let count = taken.len();
        self.calls.push(taken);
        (count, refused)
    }
}

/// Returns the reason why the gateway would reject an accepted sample: a metric always has the same
/// label names.
fn rejection(entry: &Entry, first: &Entry) -> Option<String> {
    let (before, now) = (label_names(first), label_names(entry));
    let name = &entry.series.name;
    (before != now).then(|| format!("{name:?} had the labels {before:?} before, got {now:?}"))
}

fn label_names(entry: &Entry) -> Vec<&str> {
    entry
        .series
        .labels
        .iter()
        .map(|(name, _)| &**name)
        .collect()
}

impl From<&Entry> for RecordedSample {
    fn from(entry: &Entry) -> Self {
        let labels = entry.series.labels.iter();
        Self {
            name: entry.series.name.to_string(),
            metric_type: match entry.kind {
                Kind::Counter => MetricType::Counter,
                Kind::Histogram => MetricType::Histogram,
            },
            value: entry.value,
            labels: labels
                .map(|(name, value)| (name.to_string(), value.to_string()))
                .collect(),
            help: entry.help.as_deref().map(Into::into),
        }
    }
}

struct TestPlatform(TestReporter);

impl TestPlatform {
    fn answer<T: Send + 'static>(
        &self,
        answer: impl FnOnce(&mut State) -> T,
    ) -> BoxFuture<Answer<T>> {
        let mut state = self.0.state();
        match state.trouble.clone() {
            None => Box::pin(ready(Answer::Answered(answer(&mut state)))),
            Some(Trouble::Fails(error)) => Box::pin(ready(Answer::Failed(error))),
            Some(Trouble::Hangs) => Box::pin(pending()),
        }
    }
}

impl Platform for TestPlatform {
    fn wait_until(&self, task: BoxFuture<()>) {
        tasks::spawn(task);
    }

    fn sleep(&self, ms: u32) -> BoxFuture<()> {
        tasks::sleep(ms)
    }

    fn record(&self, rows: &[Row]) -> BoxFuture<Answer<f64>> {
        self.answer(|state| state.take(rows).0 as f64)
    }

    fn push(&self, rows: &[Row]) -> BoxFuture<Answer<PushResult>> {
        self.answer(|state| {
            let before = state.rejected.len();
            let (taken, refused) = state.take(rows);
            let rejected = state.rejected.len().saturating_sub(before);
            let count = |samples: usize| u32::try_from(samples).unwrap_or(u32::MAX);
            let refused: Vec<_> = refused
                .into_iter()
                .map(|(index, message)| Refused {
                    index,
                    reason: "invalid".into(),
                    message,
                })
                .collect();
            PushResult {
                ok: refused.is_empty() && rejected == 0,
                outcome: Outcome::Delivered,
                accepted: count(taken.saturating_sub(rejected)),
                rejected: count(rejected),
                code: 0,
                status: "OK".into(),
                message: String::new(),
                refused,
            }
        })
    }
}
