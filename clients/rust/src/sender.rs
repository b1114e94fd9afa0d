//! Takes samples in and makes sure that they are sent, in either scope.

use std::sync::Arc;

use crate::isolate::IsolateSender;
use crate::ledger::Account;
use crate::options::{Options, Scope};
use crate::outbox::{Outbox, Settings, SharedPool};
use crate::platform::Platform;
use crate::problem::Problem;
use crate::push::{PushError, PushResult, Refused};
use crate::push_call::push;
use crate::request::RequestSender;
use crate::row::Entry;
use crate::warn::{clip, warn};

/// Sends the samples of one request.
pub(crate) enum Sender {
    Isolate(IsolateSender),
    Request(RequestSender),
}

impl Sender {
    /// `pool` is the isolate's pool, if requests share one.
    pub(crate) fn new(
        platform: Box<dyn Platform>,
        options: &Options,
        outlives_requests: bool,
        pool: SharedPool,
    ) -> Self {
        let settings = Settings {
            flush_interval_ms: options.flush_interval_ms,
            max_calls: options.max_calls,
            answer_timeout_ms: options.answer_timeout_ms,
            outlives_requests,
        };
        let outbox = Outbox::new(platform, settings, pool);
        match options.scope {
            Scope::Isolate => Self::Isolate(IsolateSender::new(outbox)),
            Scope::Request => Self::Request(RequestSender::new(outbox)),
        }
    }

    pub(crate) fn outbox(&self) -> &Arc<Outbox> {
        match self {
            Self::Isolate(sender) => sender.outbox(),
            Self::Request(sender) => sender.outbox(),
        }
    }

    pub(crate) fn account(&self) -> Account {
        self.outbox().account()
    }

    /// Adds a sample `times` times.
    pub(crate) fn add(&self, entry: &Entry, times: usize) {
        let (full, why) = match self {
            Self::Isolate(sender) => (sender.add(entry, times), ISOLATE_FULL),
            Self::Request(sender) => (sender.add(entry, times), REQUEST_FULL),
        };
        if full > 0 {
            let name = &*entry.series.name;
            let calls = self.outbox().settings().max_calls;
            let text = format!("{:?} dropped: {}{calls}{}", clip(name), why.0, why.1);
            warn("full", name, &text);
        }
    }

    /// Adds samples that were collected elsewhere. Their folded and dropped counts are added to
    /// this ledger.
    #[cfg(feature = "facade")]
    pub(crate) fn adopt(
        &self,
        entries: impl Iterator<Item = Entry>,
        folded: usize,
        dropped: usize,
    ) {
        self.outbox().pool().ledger.record(folded, 0, dropped);
        for entry in entries {
            self.add(&entry, 1);
        }
    }

    /// Counts an invalid sample, and warns with the reason.
    pub(crate) fn drop_sample(&self, name: &str, times: usize, problem: &Problem) {
        self.outbox().pool().ledger.record(0, 0, times);
        warn(
            "dropped",
            name,
            &format!("{:?} dropped: {problem}", clip(name)),
        );
    }

    /// Tells the sender that the handler has finished.
    pub(crate) fn release(&self) {
        match self {
            Self::Isolate(sender) => sender.release(),
            Self::Request(sender) => sender.release(),
        }
    }

    /// Sends the waiting samples. Completes when every call made so far has an outcome.
    pub(crate) async fn flush(&self) {
        self.outbox().flush().await;
    }

    /// Pushes entries now. Each has its index in the caller's list.
    pub(crate) async fn push(
        &self,
        entries: Vec<(usize, Entry)>,
        refused: Vec<Refused>,
    ) -> Result<PushResult, PushError> {
        push(self.outbox().platform(), entries, refused).await
    }
}

/// The text before and after the number of calls.
const ISOLATE_FULL: (&str, &str) = ("as much as ", " calls carry (max_calls) waits already");
const REQUEST_FULL: (&str, &str) = (
    "one request sends its metrics in at most ",
    " calls (max_calls), and they are full or used up",
);

#[cfg(test)]
#[cfg(not(target_family = "wasm"))]
mod tests {
    use crate::options::{Options, Scope};
    use crate::testing::{TestReporter, advance_clock};

    #[test]
    fn a_durable_object_sends_each_second_and_never_runs_out_of_calls() {
        for scope in [Scope::Isolate, Scope::Request] {
            let test = TestReporter::new();
            let reporter = test.lasting_reporter(Options::new().scope(scope));
            for _ in 0..100 {
                reporter.incr("a_total", ());
                advance_clock(1_000.0);
            }
            let account = reporter.account();
            assert_eq!((account.calls, account.taken), (100, 100), "{scope:?}");
        }
    }
}
