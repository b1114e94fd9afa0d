//! A reporter with the default vars, and everything that a call hands it.

use std::rc::Rc;

use divan::black_box;
use metrics_gateway_worker::account::Account;
use metrics_gateway_worker::config::Config;
use metrics_gateway_worker::labels::TrustedLabels;
use metrics_gateway_worker::policy::Outcome;
use metrics_gateway_worker::reporter::{Drain, Event, Push, Reporter, Take};

use super::call::Call;

/// The clock stands still: nothing here expires.
const NOW: f64 = 0.0;

pub(crate) struct Isolate {
    pub(crate) reporter: Reporter,
    pub(crate) account: Rc<Account>,
    trusted: TrustedLabels,
    events: Vec<Event>,
}

impl Isolate {
    pub(crate) fn new() -> Self {
        let account = Rc::new(Account::default());
        Self {
            reporter: Reporter::new(Config::default(), Rc::clone(&account), 1),
            account,
            trusted: TrustedLabels::default(),
            events: Vec::new(),
        }
    }

    /// One that has these samples in its buffer.
    pub(crate) fn with(calls: &[Call]) -> Self {
        let mut isolate = Self::new();
        isolate.accept(calls);
        isolate
    }

    /// One that knows the series of these samples and has nothing in its buffer.
    pub(crate) fn knowing(calls: &[Call]) -> Self {
        let mut isolate = Self::with(calls);
        isolate.flush();
        isolate
    }

    /// Takes in each sample. To look at each result costs little, and no refusal passes for work.
    pub(crate) fn accept(&mut self, calls: &[Call]) {
        for call in black_box(calls) {
            let taken = self
                .reporter
                .accept(call.draft(), &self.trusted, &mut self.events);
            assert!(taken.is_ok(), "{taken:?}");
        }
        assert!(self.events.is_empty(), "{:?}", self.events);
    }

    /// What a flusher takes first.
    pub(crate) fn take(&mut self) -> Push {
        let mut drain = Drain::from(self.reporter.flush_now(NOW));
        match self.reporter.next_push(&mut drain, NOW) {
            Take::Push(push) => push,
            other => panic!("expected a push, got {other:?}"),
        }
    }

    /// Pushes everything to a gateway that takes it.
    fn flush(&mut self) {
        while self.reporter.buffered() > 0 {
            let Push { id, metrics, .. } = self.take();
            let outcome = Outcome::Delivered {
                accepted: metrics,
                rejected: 0,
            };
            self.reporter.settle(id, outcome, 0, &mut self.events);
        }
    }

    /// Samples that were let in, those of them that were added to an entry, and entries.
    pub(crate) fn counts(&self) -> (u64, u64, usize) {
        let Account {
            taken, coalesced, ..
        } = &*self.account;
        (taken.get(), coalesced.get(), self.reporter.buffered())
    }
}
