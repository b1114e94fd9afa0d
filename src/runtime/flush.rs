//! Sends pushes: one PushRequest with the retries that the policy allows, and the flusher that
//! takes pushes out of the buffer.
//!
//! This code runs under the `waitUntil` of a request. It never holds the instance's state over an
//! await: it owns the push that it has taken.

use worker::js_sys::Math;
use worker::{Context, Env};

use grpc_web_unary::{Kind, Reply};

use super::{now, sleep, with, write};
use crate::delivery::policy::{
    Attempts, Judged, MIN_ATTEMPT_MS, NO_BINDING, NOT_BOUND, Next, Outcome, judge,
};
use crate::delivery::{Drain, Ended, Flush, Push, PushResult, Span, Take};

/// Asks the runtime to wait for a flush, so that the flush can outlive the call.
pub(crate) fn flush_later(context: &Context, env: &Env, delay_ms: f64, flush: Flush) {
    let env = env.clone();
    context.wait_until(async move {
        if delay_ms > 0.0 {
            sleep(delay_ms).await;
        }
        drain(&env, flush).await;
    });
}

/// Pushes the entries that are buffered now, until none is left or the time is over.
pub(crate) async fn drain(env: &Env, flush: Flush) -> PushResult {
    let mut result = PushResult::default();
    let mut drain = Drain::from(flush);
    loop {
        let taken = with(env, |i| i.reporter.next_push(&mut drain, now()));
        match taken.unwrap_or(Take::Done) {
            Take::Done => {
                if with(env, |i| i.reporter.is_cut_short(&drain)) == Some(true) {
                    result.out_of_time();
                }
                return result;
            }
            Take::Busy { delay_ms } => sleep(delay_ms).await,
            Take::Push(push) => {
                result.add(deliver(env, push, flush.budget_end).await);
                if let Some(own) = take_own(env, flush) {
                    deliver_own(env, own, flush).await;
                }
            }
        }
    }
}

/// Flushes until these entries are settled. Another call may have taken some of them.
pub(crate) async fn drain_past(env: &Env, flush: Flush, entries: Span) {
    // The delay grows: while a gateway stalls, thousands of calls may wait here.
    let mut wait_ms = 20.0;
    loop {
        drain(env, flush).await;
        let done = with(env, |i| i.reporter.is_settled(entries));
        if done != Some(false) || now() >= flush.budget_end {
            return;
        }
        sleep(wait_ms).await;
        wait_ms = f64::min(wait_ms * 2.0, 320.0);
    }
}

/// Sends a push of samples and settles it.
pub(crate) async fn deliver(env: &Env, push: Push, budget_end: f64) -> Ended {
    let started = now();
    let id = with(env, |i| format!("{}-{:x}", i.id, push.id)).unwrap_or_default();
    let ended = attempt(env, &push, &id, budget_end).await;
    let lines = with(env, |i| {
        let now = now();
        let mut events = Vec::new();
        let Ended {
            outcome, retried, ..
        } = ended;
        i.reporter.settle(push.id, outcome, retried, &mut events);
        i.reporter.note_duration(now - started);
        if !matches!(outcome, Outcome::Delivered { .. }) {
            let (code, message) = (ended.status.code.name(), &ended.status.message);
            i.reporter.note_error(format!("{code}: {message}"));
        }
        let events = events.iter();
        let mut lines: Vec<_> = events.filter_map(|e| i.throttle.event(e, now)).collect();
        lines.extend(i.throttle.push_ended(&ended, push.metrics, &id, now));
        lines
    });
    for line in lines.iter().flatten() {
        write(line);
    }
    ended
}

/// Pushes the Worker's own metrics after a call, without making its caller wait. This serves
/// isolates that have no flusher: their calls are all `push`, or all refused.
pub(crate) fn push_own_after(context: &Context, env: &Env, flush: Flush) {
    if let Some(own) = take_own(env, flush) {
        let env = env.clone();
        context.wait_until(async move { deliver_own(&env, own, flush).await });
    }
}

fn take_own(env: &Env, flush: Flush) -> Option<Push> {
    with(env, |i| i.reporter.take_own(&flush, now())).flatten()
}

async fn deliver_own(env: &Env, push: Push, flush: Flush) {
    let id = with(env, |i| format!("{}-own-{:x}", i.id, push.id)).unwrap_or_default();
    let ended = attempt(env, &push, &id, flush.budget_end).await;
    with(env, |i| i.reporter.settle_own(push.id, ended.outcome));
}

/// Attempts the push until the policy ends it.
async fn attempt(env: &Env, push: &Push, push_id: &str, budget_end: f64) -> Ended {
    let settings = with(env, |i| {
        let config = i.reporter.config();
        let timeout_ms = f64::from(config.push_timeout_ms);
        Some((i.gateway.clone()?, timeout_ms, config.gateway_dedupes))
    });
    let Some((gateway, timeout_ms, dedupes)) = settings.flatten() else {
        return Ended {
            outcome: Outcome::Dropped(NO_BINDING),
            status: Reply::local(Kind::FetchFailed, NOT_BOUND).status,
            retried: 0,
            rejections: None,
        };
    };
    let mut attempts = Attempts::default();
    let mut retried = 0u32;
    loop {
        let remaining = budget_end - now();
        if remaining < MIN_ATTEMPT_MS {
            // The policy plans no retry without the time for it, but a timer can fire late.
            return Ended {
                outcome: attempts.out_of_time(),
                status: Reply::local(Kind::Deadline, "no time was left to push").status,
                retried: retried.saturating_sub(1),
                rejections: None,
            };
        }
        let timeout_ms = timeout_ms.min(remaining);
        let reply = gateway.post(push_id, &push.body, timeout_ms).await;
        let Judged {
            outcome,
            retry,
            status,
            rejections,
        } = judge(reply, dedupes);
        match attempts.record(outcome, retry, budget_end - now(), Math::random) {
            Next::Done(outcome) => {
                return Ended {
                    outcome,
                    status,
                    retried,
                    rejections,
                };
            }
            Next::WaitMs(ms) => sleep(ms).await,
        }
        retried = retried.saturating_add(1);
    }
}
