//! What a Worker's code calls.

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
/// Make one in each request, since a request's context ends with it, and hand clones to whatever
/// serves that request.
///
/// What all requests of an isolate record collects in one buffer and leaves in about one call a
/// second, which one of those requests makes in its `ctx.wait_until`: no response waits for it. With
/// [`Scope::Request`](crate::Scope::Request) each request makes its own call, when the last clone of
/// its reporter is dropped. [`flush`](Self::flush) sends at once, in either scope.
///
/// No method panics or fails, whatever it is given and whatever becomes of the reporter. What can't
/// be sent is counted in [`account`](Self::account) and named in a warning, at most once a minute.
///
/// Without a binding it does nothing; [`disabled`](Self::disabled) is that on purpose.
#[derive(Clone, Default)]
pub struct Reporter {
    handle: Option<Arc<Handle>>,
}

/// What the clones share. Calls that are under way live on without it.
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
    /// `pool` is the isolate's, where that is what requests share.
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

    /// Adds to a counter: finite and not negative. 0 creates the series.
    pub fn incr_by(&self, name: &str, value: impl Value, labels: impl Labels) {
        self.sample(Kind::Counter, name, value.into_f64(name), &labels, None);
    }

    /// Puts an observation into a histogram: finite, in the unit that the name says.
    pub fn observe(&self, name: &str, value: impl Value, labels: impl Labels) {
        self.sample(Kind::Histogram, name, value.into_f64(name), &labels, None);
    }

    /// Sends what waits in the isolate, or in this request, now; is done when the reporter has
    /// answered for all that was recorded so far, or when waiting for that was given up. Rarely
    /// needed: everything is sent on its own.
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

    /// What became of samples so far: of this isolate's, or with
    /// [`Scope::Request`](crate::Scope::Request) of this request's. All zero when disabled.
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
