//! A guard that measures its lifetime.

use std::fmt::Display;
use std::future::Future;

use crate::clock;
use crate::labels::Labels;
use crate::problem::Problem;
use crate::reporter::{Reporter, text};
use crate::series::{Kind, LabelPairs};
use crate::unit::TimeUnit;

/// Measures the time until it is dropped, and records it in the unit of the metric's name: seconds
/// for `…_seconds`, milliseconds for any other name.
///
/// It also records when the measured code returns early or fails, and when the future that holds it
/// is dropped. Bind it to a named variable: `let _ = …` drops it at once.
///
/// **Clocks in Workers advance only on I/O.** This protects against timing attacks. A deployed
/// Worker measures 0 ms for code that only computes, and the right time for code that waits: fetch,
/// KV, D1, R2, another Worker. Under `wrangler dev` the clock always runs, so the numbers differ
/// there. The clock is `Date.now()`, in whole milliseconds. `Instant::now` of the standard library
/// panics in a Worker.
///
/// ```
/// use metrics_reporter_client::testing::{TestReporter, advance_clock};
///
/// let test = TestReporter::new();
/// let metrics = test.reporter();
/// {
///     let mut timer = metrics.timer("upstream_duration_ms", [("upstream", "db")]);
///     advance_clock(30.0); // in a Worker: fetch("…").await
///     timer.label("outcome", "ok");
/// }
/// assert_eq!(test.observations("upstream_duration_ms", [("outcome", "ok")]), [30.0]);
/// ```
#[derive(Debug)]
#[must_use = "a timer that is dropped at once measures nothing"]
pub struct Timer {
    reporter: Reporter,
    name: Box<str>,
    labels: Result<LabelPairs, Problem>,
    help: Option<&'static str>,
    started_ms: f64,
    discarded: bool,
}

impl Reporter {
    /// Starts a timer. It records the time until it is dropped in a histogram, in seconds if the
    /// name ends in `_seconds`, otherwise in milliseconds.
    ///
    /// Clocks in Workers advance only on I/O: see [`Timer`].
    pub fn timer(&self, name: &str, labels: impl Labels) -> Timer {
        Timer::start(self.clone(), name, &labels, None)
    }

    /// Awaits `future` and observes its duration, like [`timer`](Self::timer). It also records if
    /// the future is dropped before it completes.
    pub async fn time<F: Future>(&self, name: &str, labels: impl Labels, future: F) -> F::Output {
        let _timer = self.timer(name, labels);
        future.await
    }

    /// For `define_metrics!`.
    #[doc(hidden)]
    pub fn __timer(&self, name: &str, labels: &dyn Labels, help: &'static str) -> Timer {
        Timer::start(self.clone(), name, labels, text(help))
    }
}

impl Timer {
    fn start(
        reporter: Reporter,
        name: &str,
        labels: &dyn Labels,
        help: Option<&'static str>,
    ) -> Self {
        Self {
            name: name.into(),
            labels: reporter.read_if_enabled(labels, &Vec::new()),
            reporter,
            help,
            started_ms: clock::now_ms(),
            discarded: false,
        }
    }

    /// Adds a label, such as one that is known only at the end. If a name is given twice, the last
    /// value counts.
    pub fn label(&mut self, name: &str, value: impl Display) -> &mut Self {
        if let Ok(before) = &self.labels {
            self.labels = self.reporter.read_if_enabled(&[(name, value)], before);
        }
        self
    }

    /// Milliseconds since the start, whatever the unit of the name.
    pub fn elapsed_ms(&self) -> f64 {
        // If the clock was set back, the measured time is 0.
        (clock::now_ms() - self.started_ms).max(0.0)
    }

    /// Records now, and returns the milliseconds.
    pub fn stop(self) -> f64 {
        self.elapsed_ms()
    }

    /// Records nothing.
    pub fn discard(mut self) {
        self.discarded = true;
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if self.discarded {
            return;
        }
        let time = TimeUnit::of(&self.name).scale_ms(self.elapsed_ms());
        let reporter = &self.reporter;
        match &self.labels {
            Ok(labels) => reporter.sample(Kind::Histogram, &self.name, time, labels, self.help),
            Err(problem) => reporter.drop_sample(&self.name, 1, problem),
        }
    }
}
