//! Collects the samples of one request and sends them, few calls at a time.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use crate::account::Account;
use crate::batch::{Added, Batch, Call, Entry, Row};
use crate::limits::{FIRST_DELAY_MS, NEXT_DELAY_MS, PUSH_TIMEOUT_MS, SHARED_DELAY_MS};
use crate::number::whole;
use crate::platform::{Answer, BoxFuture, Platform};
use crate::problem::Problem;
use crate::push::{PushError, PushResult, Refused};
use crate::signal::{Signal, all, first_of};
use crate::warn::{clip, clip_error, warn};

/// How samples are sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) max_calls: u32,
    pub(crate) answer_timeout_ms: u32,
    /// The context outlives its requests, as a Durable Object's does.
    pub(crate) shared: bool,
}

/// One request's way to the reporter.
pub(crate) struct Sender {
    platform: Box<dyn Platform>,
    settings: Settings,
    state: Mutex<State>,
}

struct State {
    batch: Batch,
    account: Account,
    calls_left: u32,
    /// The batch that collects now; counts from 0.
    number: u64,
    /// Batches that have samples and are not through with them.
    open: BTreeSet<u64>,
    /// Sends the batch that collects now. There is one while samples wait, and a task in
    /// `waitUntil` that waits for it.
    cover: Option<Arc<Signal>>,
    /// Who waits for batches to be through.
    flushing: Vec<Waker>,
}

impl Sender {
    pub(crate) fn new(platform: Box<dyn Platform>, settings: Settings) -> Arc<Self> {
        Arc::new(Self {
            platform,
            settings,
            state: Mutex::new(State {
                batch: Batch::default(),
                account: Account::default(),
                calls_left: settings.max_calls,
                number: 0,
                open: BTreeSet::new(),
                cover: None,
                flushing: Vec::new(),
            }),
        })
    }

    // Held for a moment, and never while code from outside runs.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn account(&self) -> Account {
        self.state().account
    }

    /// Takes a sample in, `times` over.
    pub(crate) fn add(self: &Arc<Self>, entry: &Entry, times: usize) {
        let (full, cover) = {
            let mut state = self.state();
            Account::add(&mut state.account.recorded, times);
            let max_calls = self.calls_left(&mut state);
            let mut full = 0;
            for done in 0..times {
                match state.batch.add(entry, max_calls) {
                    Added::Folded => Account::add(&mut state.account.folded, 1),
                    Added::Entry => Account::add(&mut state.account.pending, 1),
                    // The rest is the same, and `times` may be any number.
                    Added::Full => {
                        full = times.saturating_sub(done);
                        break;
                    }
                }
            }
            Account::add(&mut state.account.dropped, full);
            (full, self.begin_cover(&mut state))
        };
        if full > 0 {
            self.warn_full(&entry.series.name);
        }
        if let Some((signal, delay_ms)) = cover {
            self.cover(signal, delay_ms);
        }
    }

    /// Takes in samples that were collected elsewhere: what they folded and dropped there counts
    /// here.
    #[cfg(feature = "facade")]
    pub(crate) fn adopt(
        self: &Arc<Self>,
        entries: impl Iterator<Item = Entry>,
        folded: u64,
        dropped: u64,
    ) {
        {
            let mut state = self.state();
            let Account { recorded, .. } = &mut state.account;
            *recorded = recorded.saturating_add(folded).saturating_add(dropped);
            state.account.folded = state.account.folded.saturating_add(folded);
            state.account.dropped = state.account.dropped.saturating_add(dropped);
        }
        for entry in entries {
            self.add(&entry, 1);
        }
    }

    /// Counts something that can't be sent, and says why.
    pub(crate) fn drop_sample(&self, name: &str, times: usize, problem: &Problem) {
        {
            let mut state = self.state();
            Account::add(&mut state.account.recorded, times);
            Account::add(&mut state.account.dropped, times);
        }
        warn(
            "dropped",
            name,
            &format!("{:?} dropped: {problem}", clip(name)),
        );
    }

    /// Says that the handler is done: what waits is sent.
    pub(crate) fn release(&self) {
        let cover = self.state().cover.clone();
        if let Some(signal) = cover {
            signal.give();
        }
    }

    /// Sends what waits; is done when the reporter has answered for all that was recorded so far.
    pub(crate) async fn flush(&self) {
        let last = self.state().number;
        self.release();
        poll_fn(|cx| {
            let mut state = self.state();
            if state.open.first().is_none_or(|&first| first > last) {
                return Poll::Ready(());
            }
            state.flushing.push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    fn calls_left(&self, state: &mut State) -> usize {
        if self.settings.shared && state.cover.is_none() {
            state.calls_left = self.settings.max_calls;
        }
        usize::try_from(state.calls_left).unwrap_or(usize::MAX)
    }

    fn begin_cover(&self, state: &mut State) -> Option<(Arc<Signal>, Option<u32>)> {
        if state.cover.is_some() || state.batch.is_empty() {
            return None;
        }
        let signal = Arc::new(Signal::default());
        state.cover = Some(Arc::clone(&signal));
        state.open.insert(state.number);
        let delay_ms = if self.settings.shared {
            Some(SHARED_DELAY_MS)
        } else if state.calls_left <= 1 {
            // Kept for the end of the handler, which is sure to come or to end everything.
            None
        } else if state.number == 0 {
            Some(FIRST_DELAY_MS)
        } else {
            Some(NEXT_DELAY_MS)
        };
        Some((signal, delay_ms))
    }

    // A handler that works for long, or that is cancelled and never dropped, must not keep its
    // samples to itself: they are sent after a while even if nobody says that it is done.
    fn cover(self: &Arc<Self>, signal: Arc<Signal>, delay_ms: Option<u32>) {
        let sender = Arc::clone(self);
        self.platform.wait_until(Box::pin(async move {
            match delay_ms {
                Some(ms) => {
                    first_of(signal.given(), sender.platform.sleep(ms)).await;
                }
                None => signal.given().await,
            }
            sender.send().await;
        }));
    }

    async fn send(self: Arc<Self>) {
        let (number, calls) = {
            let mut state = self.state();
            state.cover = None;
            let number = state.number;
            state.number = number.saturating_add(1);
            (number, state.batch.take())
        };
        let calls = calls.into_iter().filter_map(|call| {
            let mut state = self.state();
            if let Some(left) = state.calls_left.checked_sub(1) {
                state.calls_left = left;
                Account::add(&mut state.account.calls, 1);
                let calling: BoxFuture<()> = Box::pin(Arc::clone(&self).call(call));
                return Some(calling);
            }
            state
                .account
                .settle(call.samples, |account| &mut account.dropped);
            drop(state);
            self.warn_full(first_name(&call));
            None
        });
        let calls = calls.collect();
        all(calls).await;

        let flushing = {
            let mut state = self.state();
            state.open.remove(&number);
            std::mem::take(&mut state.flushing)
        };
        for waker in flushing {
            waker.wake();
        }
    }

    async fn call(self: Arc<Self>, call: Call) {
        let timeout_ms = self.settings.answer_timeout_ms;
        let answering = self.platform.record(&call.rows);
        let answer = first_of(answering, self.platform.sleep(timeout_ms)).await;
        match answer {
            Some(Answer::Answered(taken)) => self.answered(&call, taken),
            Some(Answer::Nonsense) => {
                let why = format!("expected a number from 0 to {} as its answer", call.samples);
                self.lost(
                    &call,
                    |account| &mut account.unknown,
                    "outcome unknown",
                    &why,
                );
            }
            Some(Answer::NotSent(why)) => {
                self.lost(&call, |account| &mut account.dropped, "dropped", &why);
            }
            Some(Answer::Failed(why)) => {
                self.lost(
                    &call,
                    |account| &mut account.unknown,
                    "outcome unknown",
                    &why,
                );
            }
            None => {
                let why = format!("no answer within {timeout_ms} ms");
                self.lost(
                    &call,
                    |account| &mut account.unknown,
                    "outcome unknown",
                    &why,
                );
            }
        }
    }

    fn answered(&self, call: &Call, taken: f64) {
        let Some(taken) = whole(taken).filter(|&taken| taken <= call.samples) else {
            let why = format!("expected a number from 0 to {}, got {taken}", call.samples);
            return self.lost(
                call,
                |account| &mut account.unknown,
                "outcome unknown",
                &why,
            );
        };
        let refused = call.samples.saturating_sub(taken);
        {
            let mut state = self.state();
            state.account.settle(taken, |account| &mut account.taken);
            state
                .account
                .settle(refused, |account| &mut account.refused);
        }
        if refused > 0 {
            warn(
                "refused",
                "",
                &format!(
                    "the reporter took {taken} of {} samples, among them {}: its log says why",
                    call.samples,
                    some_names(call),
                ),
            );
        }
    }

    fn lost(
        &self,
        call: &Call,
        to: impl FnOnce(&mut Account) -> &mut u64,
        outcome: &str,
        why: &str,
    ) {
        self.state().account.settle(call.samples, to);
        let why = clip_error(why);
        let (count, names) = (call.samples, some_names(call));
        warn(
            "failed",
            why,
            &format!("calling the reporter with {count} samples ({names}), {outcome}: {why}"),
        );
    }

    fn warn_full(&self, name: &str) {
        let calls = self.settings.max_calls;
        warn(
            "full",
            name,
            &format!(
                "{:?} dropped: one request sends its metrics in at most {calls} calls (max_calls), and they are full or used up",
                clip(name),
            ),
        );
    }

    /// Pushes entries, each with its place in what the caller gave, now.
    pub(crate) async fn push(
        &self,
        entries: Vec<(usize, Entry)>,
        mut refused: Vec<Refused>,
    ) -> Result<PushResult, PushError> {
        let timeout_ms = PUSH_TIMEOUT_MS;
        // A row for each, in the caller's order: the answer names them by their places.
        let rows = entries
            .into_iter()
            .map(|(at, entry)| (at, Row::from(entry)));
        let (places, rows): (Vec<_>, Vec<_>) = rows.unzip();
        let answering = self.platform.push(&rows);
        match first_of(answering, self.platform.sleep(timeout_ms)).await {
            Some(Answer::Answered(mut result)) => {
                for sample in &mut result.refused {
                    // An index that is none of ours is left as it is.
                    sample.index = places.get(sample.index).copied().unwrap_or(sample.index);
                }
                result.ok = result.ok && refused.is_empty();
                result.refused.append(&mut refused);
                result.refused.sort_by_key(|sample| sample.index);
                Ok(result)
            }
            Some(Answer::Nonsense) => {
                Err(PushError::Unknown("its answer is no push result".into()))
            }
            Some(Answer::NotSent(why)) => Err(PushError::NotSent(why)),
            Some(Answer::Failed(why)) => Err(PushError::Unknown(why)),
            None => Err(PushError::Unknown(format!(
                "no answer within {timeout_ms} ms"
            ))),
        }
    }
}

fn first_name(call: &Call) -> &str {
    let row = call.rows.first();
    row.map_or("", |row| &row.first.series.name)
}

/// Up to three names, for a warning.
fn some_names(call: &Call) -> String {
    let mut names: Vec<&str> = Vec::new();
    for row in &call.rows {
        let name = clip(&row.first.series.name);
        if names.contains(&name) {
            continue;
        }
        if names.len() == 3 {
            names.push("…");
            break;
        }
        names.push(name);
    }
    names.join(", ")
}

#[cfg(test)]
#[cfg(not(target_family = "wasm"))]
#[allow(clippy::arithmetic_side_effects, reason = "an overflow fails the test")]
mod tests {
    use super::*;
    use crate::series::{Kind, Series};
    use crate::testing::block_on;
    use std::future::ready;

    /// Answers every call in one way, and runs a task when it is asked to.
    struct Ends(Answer<f64>);

    impl Platform for Ends {
        fn wait_until(&self, task: BoxFuture<()>) {
            std::thread::spawn(|| block_on(task));
        }
        fn sleep(&self, _: u32) -> BoxFuture<()> {
            Box::pin(std::future::pending())
        }
        fn record(&self, _: &[Row]) -> BoxFuture<Answer<f64>> {
            Box::pin(ready(self.0.clone()))
        }
        fn push(&self, _: &[Row]) -> BoxFuture<Answer<PushResult>> {
            Box::pin(ready(Answer::Nonsense))
        }
    }

    fn account_after(answer: Answer<f64>) -> Account {
        let settings = Settings {
            max_calls: 16,
            answer_timeout_ms: 10_000,
            shared: false,
        };
        let sender = Sender::new(Box::new(Ends(answer)), settings);
        let series = Series {
            name: "a_ms".into(),
            labels: Vec::new(),
        };
        let entry = Entry::new(series, Kind::Histogram, 1.0, None).unwrap();
        sender.add(&entry, 3);
        block_on(sender.flush());
        let account = sender.account();
        let Account {
            recorded,
            taken,
            refused,
            dropped,
            unknown,
            pending,
            ..
        } = account;
        assert_eq!((recorded, pending), (3, 0), "{account:?}");
        assert_eq!(taken + refused + dropped + unknown, 3, "{account:?}");
        account
    }

    #[test]
    fn an_answer_says_how_many_were_taken() {
        assert_eq!(account_after(Answer::Answered(3.0)).taken, 3);
        let some = account_after(Answer::Answered(1.0));
        assert_eq!((some.taken, some.refused), (1, 2));
        assert_eq!(account_after(Answer::Answered(0.0)).refused, 3);
    }

    #[test]
    fn an_answer_that_makes_no_sense_leaves_the_outcome_unknown() {
        for nonsense in [-1.0, 4.0, 0.5, f64::NAN, f64::INFINITY] {
            assert_eq!(
                account_after(Answer::Answered(nonsense)).unknown,
                3,
                "{nonsense}"
            );
        }
        assert_eq!(account_after(Answer::Nonsense).unknown, 3);
    }

    #[test]
    fn only_a_call_that_was_never_made_is_known_to_be_lost() {
        assert_eq!(
            account_after(Answer::NotSent("no method record".into())).dropped,
            3
        );
        assert_eq!(
            account_after(Answer::Failed("Network connection lost.".into())).unknown,
            3
        );
    }

    #[test]
    fn a_shared_context_sends_each_second_and_never_runs_out_of_calls() {
        use crate::testing::{TestReporter, advance_clock};
        let test = TestReporter::new();
        let reporter = test.shared_reporter();
        for _ in 0..100 {
            reporter.incr("a_total", ());
            advance_clock(1_000.0);
        }
        assert_eq!(reporter.account().calls, 100);
        assert_eq!(reporter.account().taken, 100);
    }
}
