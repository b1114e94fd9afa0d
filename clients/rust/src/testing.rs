//! Stands in for the reporter in unit tests, which run natively: no Worker, no JavaScript.
//!
//! Write what a request does as a function of `&Reporter`, and hand it a [`TestReporter`]'s:
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

/// Moves the clock of this thread on: that of timers, and that which sends the samples of a handler
/// that works for long. It starts at 0 and never moves by itself, as a Worker's clock does not
/// between I/O.
pub fn advance_clock(ms: f64) {
    crate::clock::advance(ms);
}

/// What was logged on this thread since the last [`TestReporter`] was made: warnings, at most one a
/// minute of each.
pub fn warnings() -> Vec<String> {
    crate::clock::logged()
}

/// Keeps what its reporters send, and answers as the real one does. Its reporters are those of one
/// isolate.
///
/// It checks what the real one checks about names, labels and values, so that a test does not pass
/// with metrics that production refuses; limits on sizes it leaves to the real one. Asking it sends
/// first what its reporters still hold.
#[derive(Clone)]
pub struct TestReporter {
    state: Arc<Mutex<State>>,
    /// What the reporters share, as those of one isolate do.
    pool: SharedPool,
}

#[derive(Default)]
struct State {
    calls: Vec<Vec<RecordedSample>>,
    refused: Vec<RefusedSample>,
    rejected: Vec<RefusedSample>,
    /// The first sample taken of each name.
    firsts: HashMap<String, Entry>,
    trouble: Option<Trouble>,
    outboxes: Vec<Weak<Outbox>>,
}

#[derive(Clone)]
enum Trouble {
    Fails(String),
    Hangs,
}

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricType {
    /// Only ever goes up, by increments.
    Counter,
    /// Counts observations in buckets.
    Histogram,
}

/// A sample as it was sent.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RecordedSample {
    /// The metric's name.
    pub name: String,
    /// What the metric is.
    pub metric_type: MetricType,
    /// Increment or observation.
    pub value: f64,
    /// Names and values, sorted by name.
    pub labels: Vec<(String, String)>,
    /// What the metric counts, if this sample carries that.
    pub help: Option<String>,
}

/// A sample that would not arrive.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RefusedSample {
    /// As it was sent.
    pub sample: RecordedSample,
    /// What was expected, and what was there instead.
    pub message: String,
}

impl TestReporter {
    /// Has recorded nothing yet. What an earlier test left behind on this thread is forgotten: its
    /// warnings, and what it recorded outside of every scope.
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

    /// A reporter as a Durable Object has it.
    #[cfg(test)]
    pub(crate) fn lasting_reporter(&self, options: Options) -> Reporter {
        self.open(Arc::new(options), true)
    }

    fn open(&self, options: Arc<Options>, outlives_requests: bool) -> Reporter {
        let pool = match options.scope {
            Scope::Isolate => {
                let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
                // The first reporter of an isolate decides how large its calls are.
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

    /// Sum of a counter's increments, over all series that have these labels and whatever others; 0
    /// if there were none.
    pub fn counter(&self, name: &str, labels: impl Labels) -> f64 {
        let samples = self.matching(MetricType::Counter, name, &labels);
        samples.iter().map(|sample| sample.value).sum()
    }

    /// Observations of a histogram, over all series that have these labels and whatever others; those
    /// of one series are in order.
    pub fn observations(&self, name: &str, labels: impl Labels) -> Vec<f64> {
        let samples = self.matching(MetricType::Histogram, name, &labels);
        samples.iter().map(|sample| sample.value).collect()
    }

    /// All samples taken. Counters of one series arrive added up, and observations of one series
    /// one after another.
    pub fn samples(&self) -> Vec<RecordedSample> {
        self.calls().into_iter().flatten().collect()
    }

    /// The samples taken, call by call.
    pub fn calls(&self) -> Vec<Vec<RecordedSample>> {
        self.settle();
        self.state().calls.clone()
    }

    /// What the real reporter would refuse. A test that asserts this to be empty catches misspelt
    /// names and the like.
    pub fn refused(&self) -> Vec<RefusedSample> {
        self.settle();
        self.state().refused.clone()
    }

    /// What the real reporter takes and the gateway behind it would reject, since a metric has one set
    /// of label names. [`samples`](Self::samples) has it as well.
    pub fn rejected(&self) -> Vec<RefusedSample> {
        self.settle();
        self.state().rejected.clone()
    }

    /// From now on every call fails with `error`, as when the reporter is down.
    pub fn fail(&self, error: &str) {
        self.state().trouble = Some(Trouble::Fails(error.to_owned()));
    }

    /// From now on no call is answered.
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

    /// Has every reporter send what it holds.
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
    /// Takes samples in; returns how many, and those that are refused with their places.
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

/// Why the gateway behind the reporter would reject a sample that was taken: one metric, one set of
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
