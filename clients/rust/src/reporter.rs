//! What a Worker's code calls.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use crate::account::Account;
use crate::batch::Entry;
use crate::labels::{self, Labels};
use crate::number::Value;
use crate::options::Options;
use crate::platform::Platform;
use crate::problem::Problem;
use crate::push::{PushError, PushResult, Refused, Sample};
use crate::sender::{Sender, Settings};
use crate::series::{Kind, LabelPairs, Series};
use crate::timer::Timer;

/// One request's metrics.
///
/// Make one in each request, since a request's context ends with it, and hand clones to whatever
/// serves that request: all clones share one batch, and two reporters would make two calls. When the
/// last clone is dropped, usually at the end of the handler, everything recorded leaves in one call,
/// in `ctx.wait_until`: the response does not wait for it.
///
/// A handler that works on has its samples sent after 10 s, then every 15 s; with
/// [`flush`](Self::flush), at once.
///
/// No method panics or fails, whatever it is given and whatever becomes of the reporter. What can't
/// be sent is counted in [`account`](Self::account) and named in a warning, at most once a minute.
///
/// Without a binding it does nothing; [`disabled`](Self::disabled) is that on purpose.
#[derive(Clone, Default)]
pub struct Reporter {
    handle: Option<Arc<Handle>>,
}

/// What the clones share. The sender itself lives on while calls are under way.
struct Handle {
    sender: Arc<Sender>,
    options: Arc<Options>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        #[cfg(feature = "facade")]
        crate::facade::adopt_unscoped(&self.sender);
        self.sender.release();
    }
}

impl Reporter {
    pub(crate) fn on(platform: Box<dyn Platform>, options: Arc<Options>, shared: bool) -> Self {
        let settings = Settings {
            max_calls: options.max_calls,
            answer_timeout_ms: options.answer_timeout_ms,
            shared,
        };
        let sender = Sender::new(platform, settings);
        Self {
            handle: Some(Arc::new(Handle { sender, options })),
        }
    }

    /// Records nothing and sends nothing, without a warning.
    pub fn disabled() -> Self {
        Self { handle: None }
    }

    /// Whether there is a reporter to send to.
    pub fn is_enabled(&self) -> bool {
        self.handle.is_some()
    }

    /// Adds 1 to a counter.
    pub fn incr(&self, name: &str, labels: impl Labels) {
        self.sample(Kind::Counter, name, 1.0, &labels, None);
    }

    /// Adds to a counter: finite and not negative. 0 creates the series.
    pub fn incr_by(&self, name: &str, value: impl Value, labels: impl Labels) {
        self.sample(Kind::Counter, name, value.into_f64(), &labels, None);
    }

    /// Puts an observation into a histogram: finite, in the unit that the name says.
    pub fn observe(&self, name: &str, value: impl Value, labels: impl Labels) {
        self.sample(Kind::Histogram, name, value.into_f64(), &labels, None);
    }

    /// Starts a timer, which records the milliseconds until it is dropped into a histogram.
    ///
    /// Clocks in Workers advance only on I/O: see [`Timer`].
    pub fn timer(&self, name: &str, labels: impl Labels) -> Timer {
        Timer::start(self.clone(), name, &labels, None)
    }

    /// Awaits `future` and observes how many milliseconds that took, also when the future is dropped
    /// before it is done. Clocks in Workers advance only on I/O: see [`Timer`].
    pub async fn time<F: Future>(&self, name: &str, labels: impl Labels, future: F) -> F::Output {
        let _timer = self.timer(name, labels);
        future.await
    }

    /// Sends what waits, now; is done when the reporter has answered, or when waiting for that was
    /// given up. Rarely needed: everything is sent on its own.
    pub async fn flush(&self) {
        if let Some(handle) = &self.handle {
            handle.sender.flush().await;
        }
    }

    /// Pushes samples to the gateway now, and waits for its answer: for a deployment's check, not
    /// for each request. It is one of the 32 calls to other Workers that a request may make, and no
    /// part of [`account`](Self::account).
    ///
    /// # Errors
    ///
    /// When there is no reporter, or the call to it failed. That the *gateway* could not be reached
    /// is no error but a result: see [`PushResult::outcome`].
    pub async fn push(&self, samples: &[Sample]) -> Result<PushResult, PushError> {
        let handle = self.handle.as_ref().ok_or(PushError::Unbound)?;
        let mut entries = Vec::with_capacity(samples.len());
        let mut refused = Vec::new();
        for (index, sample) in samples.iter().enumerate() {
            let help = sample.help.as_deref();
            match handle.entry(
                sample.kind,
                &sample.name,
                sample.value,
                &sample.labels,
                help,
            ) {
                Ok(entry) => entries.push((index, entry)),
                Err(problem) => refused.push(Refused {
                    index,
                    reason: problem.reason().into(),
                    message: format!("{:?}: {problem}", crate::warn::clip(&sample.name)),
                }),
            }
        }
        handle.sender.push(entries, refused).await
    }

    /// What became of this request's samples so far. All zero when disabled.
    pub fn account(&self) -> Account {
        let sender = self.handle.as_ref().map(|handle| &handle.sender);
        sender.map(|sender| sender.account()).unwrap_or_default()
    }

    /// For `define_metrics!`.
    #[doc(hidden)]
    pub fn __incr(&self, name: &str, value: impl Value, labels: &dyn Labels, help: &str) {
        self.sample(Kind::Counter, name, value.into_f64(), labels, text(help));
    }

    /// For `define_metrics!`.
    #[doc(hidden)]
    pub fn __observe(&self, name: &str, value: impl Value, labels: &dyn Labels, help: &str) {
        self.sample(Kind::Histogram, name, value.into_f64(), labels, text(help));
    }

    /// For `define_metrics!`.
    #[doc(hidden)]
    pub fn __timer(&self, name: &str, labels: &dyn Labels, help: &'static str) -> Timer {
        Timer::start(self.clone(), name, labels, text(help))
    }

    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn sender(&self) -> Option<std::sync::Weak<Sender>> {
        let handle = self.handle.as_ref()?;
        Some(Arc::downgrade(&handle.sender))
    }

    pub(crate) fn sample(
        &self,
        kind: Kind,
        name: &str,
        value: f64,
        labels: &dyn Labels,
        help: Option<&str>,
    ) {
        self.sample_many(kind, name, value, 1, labels, help);
    }

    /// The same sample, `times` over.
    pub(crate) fn sample_many(
        &self,
        kind: Kind,
        name: &str,
        value: f64,
        times: usize,
        labels: &dyn Labels,
        help: Option<&str>,
    ) {
        let Some(handle) = &self.handle else { return };
        match handle.entry(kind, name, value, labels, help) {
            Ok(entry) => handle.sender.add(&entry, times),
            Err(problem) => handle.sender.drop_sample(name, times, &problem),
        }
    }

    pub(crate) fn drop_sample(&self, name: &str, times: usize, problem: &Problem) {
        if let Some(handle) = &self.handle {
            handle.sender.drop_sample(name, times, problem);
        }
    }

    /// Reads labels on top of others, and none when nobody is going to see them.
    pub(crate) fn read_if_enabled(
        &self,
        labels: &dyn Labels,
        base: &LabelPairs,
    ) -> Result<LabelPairs, Problem> {
        match self.handle {
            Some(_) => labels::read(labels, base),
            None => Ok(Vec::new()),
        }
    }
}

/// A help without the space that a doc comment begins with; none when it is empty.
fn text(help: &str) -> Option<&str> {
    Some(help.trim()).filter(|help| !help.is_empty())
}

impl Handle {
    fn entry(
        &self,
        kind: Kind,
        name: &str,
        value: f64,
        labels: &dyn Labels,
        help: Option<&str>,
    ) -> Result<Entry, Problem> {
        let series = Series {
            name: name.into(),
            labels: labels::read(labels, &self.options.labels)?,
        };
        let help = self
            .options
            .help
            .get(name)
            .cloned()
            .or_else(|| help.map(Into::into));
        Entry::new(series, kind, value, help)
    }
}

impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let account = self.handle.as_ref().map(|handle| handle.sender.account());
        f.debug_struct("Reporter")
            .field("account", &account)
            .finish_non_exhaustive()
    }
}
