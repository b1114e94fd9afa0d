//! The interface for a Worker's code.

use std::fmt;
use std::sync::Arc;

use crate::debug::Summary;
use crate::labels::{self, Labels};
use crate::ledger::Account;
use crate::options::Options;
use crate::outbox::SharedPool;
use crate::platform::Platform;
use crate::problem::Problem;
use crate::push::{PushError, PushResult, Refused, Sample};
use crate::row::Entry;
use crate::sender::Sender;
use crate::series::{Kind, LabelPairs, Series};
use crate::value::Value;

/// One request's metrics.
///
/// Create one in each request, because a request's context ends with it. Pass clones to the
/// functions that serve that request.
///
/// All requests of an isolate share one buffer. About once a second, one of them sends it in one
/// call, in its `ctx.wait_until`, so no response waits. With
/// [`Scope::Request`](crate::Scope::Request) each request makes its own call, when the last clone
/// of its reporter is dropped. [`flush`](Self::flush) sends at once, in either scope.
///
/// No method panics or fails because of its arguments or the state of the reporter. Samples that
/// cannot be sent are counted in [`account`](Self::account), and a warning names them at most once
/// a minute.
///
/// Without a binding it does nothing. Use [`disabled`](Self::disabled) if that is intended.
#[derive(Clone, Default)]
pub struct Reporter {
    handle: Option<Arc<Handle>>,
}

/// The state that the clones share. Running calls continue without it.
struct Handle {
    sender: Sender,
    options: Arc<Options>,
    debug: Option<Summary>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        #[cfg(feature = "facade")]
        if let Some(waited) = crate::unscoped::take() {
            let (folded, dropped) = (waited.folded, waited.dropped);
            self.sender.adopt(waited.entries(), folded, dropped);
        }
        self.sender.release();
        if let Some(summary) = &self.debug {
            summary.write(&self.sender.account(), self.options.scope);
        }
    }
}

impl Reporter {
    /// `pool` is the isolate's pool, if requests share one.
    pub(crate) fn on(
        platform: Box<dyn Platform>,
        options: Arc<Options>,
        outlives_requests: bool,
        pool: SharedPool,
    ) -> Self {
        let sender = Sender::new(platform, &options, outlives_requests, pool);
        let debug = options.debug.then(Summary::default);
        Self {
            handle: Some(Arc::new(Handle {
                sender,
                options,
                debug,
            })),
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

    /// Adds `value` to a counter. It must be finite and not negative. 0 creates the series.
    pub fn incr_by(&self, name: &str, value: impl Value, labels: impl Labels) {
        self.sample(Kind::Counter, name, value.into_f64(name), &labels, None);
    }

    /// Records a value in a histogram. It must be finite and in the unit of the metric's name.
    pub fn observe(&self, name: &str, value: impl Value, labels: impl Labels) {
        self.sample(Kind::Histogram, name, value.into_f64(name), &labels, None);
    }

    /// Sends the waiting samples of the isolate, or of this request, now. Completes when the
    /// reporter has answered for all samples recorded so far, or when the wait has timed out. You
    /// rarely need it, because the client sends every sample by itself.
    pub async fn flush(&self) {
        if let Some(handle) = &self.handle {
            handle.sender.flush().await;
        }
    }

    /// Pushes samples to the gateway now and waits for its answer. Use it to check a deployment,
    /// not in every request. It is one of the 32 calls to other Workers that a request may make.
    /// [`account`](Self::account) does not include these samples.
    ///
    /// # Errors
    ///
    /// If there is no reporter, or if the call to it failed. If the *gateway* cannot be reached,
    /// that is a result and not an error: see [`PushResult::outcome`].
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

    /// Returns the ledger: counts of this isolate's samples by outcome, or with
    /// [`Scope::Request`](crate::Scope::Request) of this request's. All counts are zero when
    /// disabled.
    pub fn account(&self) -> Account {
        let sender = self.handle.as_ref().map(|handle| &handle.sender);
        sender.map(|sender| sender.account()).unwrap_or_default()
    }

    /// For `define_metrics!`.
    #[doc(hidden)]
    pub fn __incr(&self, name: &str, value: impl Value, labels: &dyn Labels, help: &str) {
        self.sample(
            Kind::Counter,
            name,
            value.into_f64(name),
            labels,
            text(help),
        );
    }

    /// For `define_metrics!`.
    #[doc(hidden)]
    pub fn __observe(&self, name: &str, value: impl Value, labels: &dyn Labels, help: &str) {
        self.sample(
            Kind::Histogram,
            name,
            value.into_f64(name),
            labels,
            text(help),
        );
    }

    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn outbox(&self) -> Option<&Arc<crate::outbox::Outbox>> {
        self.handle.as_ref().map(|handle| handle.sender.outbox())
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

    /// Records the same sample `times` times.
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
        if let Some(summary) = &handle.debug {
            summary.count(name, times);
        }
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

    /// Adds labels to the base labels. Reads none if the reporter is disabled.
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

/// Removes the leading space of a doc comment. Returns `None` for an empty help.
pub(crate) fn text(help: &str) -> Option<&str> {
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
