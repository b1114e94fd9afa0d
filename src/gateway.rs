//! Pushing: one PushRequest to the gateway through the binding, with the retries that policy
//! allows, and the flusher that takes pushes out of the buffer.
//!
//! Everything here runs under some request's `waitUntil`. Between awaits it holds nothing of the
//! instance but what it took.

use std::cell::RefCell;

use grpc_web_unary::{BodyEnd, Kind, Reply, Status, UnaryDecoder, request_headers};
use js_sys::Uint8Array;
use wasm_bindgen::prelude::*;

use crate::instance;
use crate::js::{self, Entrypoint};
use crate::limits::{MAX_MESSAGE_BYTES, MAX_RESPONSE_BYTES};
use crate::policy::{
    Attempts, MIN_ATTEMPT_MS, NO_BINDING, NOT_BOUND, Next, Outcome, judge, with_message_read,
};
use crate::report::{Ended, PushReport, VERSION};
use crate::reporter::{Drain, Flush, Push, Take};
use crate::task;
use crate::value::{Items, Reader, Value};

/// The RPC's path: `/<package>.<Service>/<Method>`.
const PATH: &str = "/marqo.metrics.v1.MetricsIngest/Push";

/// Pushes what is buffered now, until it is gone or the flush's time is over.
pub(crate) async fn drain(entrypoint: &Entrypoint, flush: Flush) -> PushReport {
    let mut report = PushReport::default();
    let mut drain = Drain::from(flush);
    loop {
        let taken = instance::with(entrypoint, |i| i.reporter.next_push(&mut drain, js::now()));
        match taken.unwrap_or(Take::Done) {
            Take::Done => return report,
            Take::Busy { delay_ms } => sleep(delay_ms).await,
            Take::Push(push) => {
                report.add(deliver(entrypoint, push, flush.budget_end).await);
                push_own(entrypoint, &flush).await;
            }
        }
    }
}

/// Sends a push that carries samples and settles it.
pub(crate) async fn deliver(entrypoint: &Entrypoint, push: Push, budget_end: f64) -> Ended {
    let started = js::now();
    let Push { id, metrics, body } = push;
    let push_id = instance::with(entrypoint, |i| format!("{}-{id:x}", i.id)).unwrap_or_default();
    let ended = attempt_until(entrypoint, &body, &push_id, budget_end).await;
    let lines = instance::with(entrypoint, |i| {
        let now = js::now();
        let mut events = Vec::new();
        i.reporter
            .settle(id, ended.outcome, ended.retried, &mut events);
        i.reporter.note_duration(now - started);
        if !matches!(ended.outcome, Outcome::Delivered { .. }) {
            let Status { code, message } = &ended.status;
            i.reporter.note_error(format!("{}: {message}", code.name()));
        }
        let mut lines: Vec<_> = events
            .iter()
            .filter_map(|event| i.throttle.event(event, now))
            .collect();
        lines.extend(i.throttle.push_ended(&ended, metrics, &push_id, now));
        lines
    });
    for line in lines.iter().flatten() {
        instance::write(line);
    }
    ended
}

/// Sends the Worker's own metrics, if it is time to.
async fn push_own(entrypoint: &Entrypoint, flush: &Flush) {
    if let Some(own) = Own::take(entrypoint, flush) {
        own.deliver(entrypoint, flush).await;
    }
}

/// As the flusher does, for an isolate that has none: after a `push`, whose caller does not wait
/// for it.
pub(crate) fn spawn_own(entrypoint: &Entrypoint, flush: Flush) {
    let Some(own) = Own::take(entrypoint, &flush) else {
        return;
    };
    let this = entrypoint.clone();
    let _ = task::start(entrypoint, js::now(), async move {
        own.deliver(&this, &flush).await;
        Ok(JsValue::UNDEFINED)
    });
}

/// A push of the Worker's own metrics.
struct Own {
    push: Push,
    push_id: String,
}

impl Own {
    fn take(entrypoint: &Entrypoint, flush: &Flush) -> Option<Self> {
        instance::with(entrypoint, |i| {
            let push = i.reporter.take_own(flush, js::now())?;
            let push_id = format!("{}-own-{:x}", i.id, push.id);
            Some(Self { push, push_id })
        })
        .flatten()
    }

    async fn deliver(self, entrypoint: &Entrypoint, flush: &Flush) {
        let Self { push, push_id } = self;
        let ended = attempt_until(entrypoint, &push.body, &push_id, flush.budget_end).await;
        instance::with(entrypoint, |i| {
            i.reporter.settle_own(push.id, ended.outcome)
        });
    }
}

/// Tries until policy says that it is over.
async fn attempt_until(
    entrypoint: &Entrypoint,
    body: &[u8],
    push_id: &str,
    budget_end: f64,
) -> Ended {
    let settings = instance::with(entrypoint, |i| {
        let config = i.reporter.config();
        let timeout_ms = f64::from(config.push_timeout_ms);
        Some((i.endpoint.clone()?, timeout_ms, config.gateway_dedupes))
    });
    let Some((endpoint, timeout_ms, dedupes)) = settings.flatten() else {
        let reply = Reply::local(Kind::FetchFailed, NOT_BOUND);
        return Ended {
            outcome: Outcome::Dropped(NO_BINDING),
            status: reply.status,
            retried: 0,
        };
    };
    // One copy out of Wasm serves every attempt.
    let body = Uint8Array::from(body);
    let mut attempts = Attempts::default();
    let mut retried = 0u32;
    loop {
        let remaining = budget_end - js::now();
        if remaining < MIN_ATTEMPT_MS {
            // Later attempts are not waited for without the time, but a timer can be late.
            let status = Reply::local(Kind::Deadline, "no time was left to push").status;
            return Ended {
                outcome: attempts.out_of_time(),
                status,
                retried: retried.saturating_sub(1),
            };
        }
        let reply = endpoint
            .post(push_id, &body, timeout_ms.min(remaining))
            .await;
        let reply = with_message_read(reply);
        let (outcome, retry) = judge(&reply, dedupes);
        let remaining = budget_end - js::now();
        let random = || js::random() / TWO_POW_53;
        match attempts.record(outcome, retry, remaining, random) {
            Next::Done(outcome) => {
                return Ended {
                    outcome,
                    status: reply.status,
                    retried,
                };
            }
            Next::WaitMs(ms) => sleep(ms).await,
        }
        retried = retried.saturating_add(1);
    }
}

/// One more than the largest number that [`js::random`] gives.
const TWO_POW_53: f64 = 9_007_199_254_740_992.0;

/// Where pushes go, and what is the same for all of them, as JavaScript values: made once, since
/// making them costs as much as what is counted in them.
pub(crate) struct Endpoint {
    binding: js::Binding,
    url: JsValue,
    /// Of Cloudflare Access in front of the gateway: both or none.
    access: Option<(String, String)>,
    /// The timeout that they announce, and the `Headers`.
    headers: RefCell<(u64, JsValue)>,
}

impl Endpoint {
    /// The gateway behind the binding, if there is one.
    pub(crate) fn new(
        env: &js::Env,
        gateway_url: &str,
        access: Option<(String, String)>,
    ) -> Option<Self> {
        Some(Self {
            binding: env.metrics_gateway()?,
            url: format!("{gateway_url}{PATH}").into(),
            access,
            headers: RefCell::default(),
        })
    }

    /// One request and its whole answer.
    async fn post(&self, push_id: &str, body: &Uint8Array, timeout_ms: f64) -> Reply {
        let Self { binding, url, .. } = self;
        let headers = self.headers(timeout_ms);
        let answer = js::post(
            binding,
            url,
            &headers,
            push_id,
            body,
            timeout_ms,
            MAX_RESPONSE_BYTES,
        );
        let answer = js::encode(&task::settled(answer).await).unwrap_or_default();
        read_answer(&answer).unwrap_or_else(|| Reply::local(Kind::FetchFailed, "unreadable answer"))
    }

    fn headers(&self, timeout_ms: f64) -> JsValue {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 100 and 20000"
        )]
        let timeout_ms = timeout_ms as u64;
        let (announced, headers) = &mut *self.headers.borrow_mut();
        if *announced != timeout_ms {
            *announced = timeout_ms;
            *headers = js::headers_of(&self.lines(timeout_ms));
        }
        headers.clone()
    }

    /// Names and values, a line each.
    fn lines(&self, timeout_ms: u64) -> String {
        let mut text = String::with_capacity(256);
        let mut line = |name: &str, value: &str| {
            for part in [name, "\n", value, "\n"] {
                text.push_str(part);
            }
        };
        // `grpc-<language>-<variant>/<version>`, as the gRPC specification asks.
        let user_agent = format!("grpc-rust-metrics-gateway-worker/{VERSION}");
        for (name, value) in request_headers(&user_agent, Some(timeout_ms)) {
            line(name, &value);
        }
        if let Some((id, secret)) = &self.access {
            line("cf-access-client-id", id);
            line("cf-access-client-secret", secret);
        }
        text
    }
}

/// Reads what `post` in `js/io.mjs` resolved to.
fn read_answer(bytes: &[u8]) -> Option<Reply> {
    let Value::Array(mut items) = Reader::new(bytes).value()? else {
        return None;
    };
    let status = items.next()?.as_number()?;
    let Value::Array(fields) = items.next()? else {
        return None;
    };
    let Value::Bytes(body) = items.next()? else {
        return None;
    };
    let end = items.next()?.as_text()?;
    let error = items.next()?.as_text()?;
    if status == 0.0 {
        let kind = if end == "deadline" {
            Kind::Deadline
        } else {
            Kind::of_thrown(error)
        };
        return Some(Reply::local(kind, error));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast from f64 saturates, and no HTTP status is that large"
    )]
    let mut decoder = UnaryDecoder::new(status as u16, Fields(fields), MAX_MESSAGE_BYTES);
    let _ = decoder.push(body);
    Some(decoder.finish(match end {
        "complete" => BodyEnd::Complete,
        "deadline" => BodyEnd::Deadline,
        _ => BodyEnd::Failed,
    }))
}

/// Header names and values in turn.
struct Fields<'a>(Items<'a>);

impl<'a> Iterator for Fields<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        Some((self.0.next()?.as_text()?, self.0.next()?.as_text()?))
    }
}

/// Waits.
pub(crate) async fn sleep(ms: f64) {
    task::settled(js::sleep(ms)).await;
}
