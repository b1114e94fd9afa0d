//! The six RPC methods, as Wasm exports that `entrypoint.mjs` puts on `MetricsReporter`.
//!
//! Each export takes its arguments as one array, because a JavaScript value of the wrong type for a
//! parameter would trap the instance. No method rejects, except under `REJECT_INVALID`.
#![allow(unreachable_pub, reason = "wasm-bindgen exports public functions only")]

mod arguments;
mod call;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::panic::AssertUnwindSafe;

use wasm_bindgen::prelude::*;
use worker::js_sys::Array;
use worker::wasm_bindgen_futures::future_to_promise;
use worker::{Context, Env, Request, Response, event, worker_sys};

use self::arguments::{Rows, one, with_list};
use self::call::{Call, trusted_labels};
use crate::delivery::{Direct, Duty, PushResult, Stats};
use crate::runtime::{deliver, drain, drain_past, flush_later, now, push_own_after, to_js, with};
use crate::sample::Kind;

#[wasm_bindgen]
extern "C" {
    /// `this` of an RPC method.
    pub type Entrypoint;

    #[wasm_bindgen(method, getter)]
    fn env(this: &Entrypoint) -> Env;

    #[wasm_bindgen(method, getter)]
    fn ctx(this: &Entrypoint) -> worker_sys::Context;
}

/// The result of a method: a value, or a promise where it waits for the gateway.
type Answer = Result<JsValue, JsValue>;

/// `incr(name, value?, labels?, options?)`.
#[wasm_bindgen]
pub fn incr(entrypoint: &Entrypoint, arguments: &Array) -> Answer {
    buffer_one(entrypoint, arguments, "incr", Kind::Counter)
}

/// `observe(name, value, labels?, options?)`.
#[wasm_bindgen]
pub fn observe(entrypoint: &Entrypoint, arguments: &Array) -> Answer {
    buffer_one(entrypoint, arguments, "observe", Kind::Histogram)
}

/// `record(samples)`.
#[wasm_bindgen]
pub fn record(entrypoint: &Entrypoint, arguments: &Array) -> Answer {
    let context = Context::new(entrypoint.ctx());
    let (trusted, mistake) = trusted_labels(&context);
    with_list(arguments, &trusted, |rows| {
        buffer(&context, entrypoint.env(), "record", rows, mistake)
    })
}

/// `push(samples)`.
#[wasm_bindgen]
pub fn push(entrypoint: &Entrypoint, arguments: &Array) -> Answer {
    let (env, context) = (entrypoint.env(), Context::new(entrypoint.ctx()));
    let now = now();
    let (trusted, mistake) = trusted_labels(&context);
    let taken = with_list(arguments, &trusted, |rows| {
        with(&env, |instance| {
            let mut call = Call::new(instance, "push", now, mistake);
            let mut direct = Direct::default();
            let mut result = PushResult::default();
            call.each(rows, &mut |call, index, sample| {
                let reporter = &mut call.instance.reporter;
                if let Err(refusal) = reporter.accept_direct(sample, &mut direct, &mut call.events)
                {
                    result.refuse(index, &refusal);
                    call.refused(&refusal);
                }
            });
            let reporter = &mut call.instance.reporter;
            let (pushes, flush) = (reporter.launch(direct, now), reporter.flush_now(now));
            (call.end(), pushes, flush, result)
        })
    });
    let Some((ended, pushes, flush, mut result)) = taken else {
        return Ok(JsValue::UNDEFINED);
    };
    ended.write_lines();
    if pushes.is_empty() {
        result.nothing_to_send();
    }
    let own_context = Context::new(entrypoint.ctx());
    Ok(outlive(&context, async move {
        for push in pushes {
            result.add(deliver(&env, push, flush.budget_end).await);
        }
        push_own_after(&own_context, &env, flush);
        ended.rejection?;
        Ok(to_js(&result))
    }))
}

/// `flush()`.
#[wasm_bindgen]
pub fn flush(entrypoint: &Entrypoint) -> Answer {
    let env = entrypoint.env();
    let Some(flush) = with(&env, |i| i.reporter.flush_now(now())) else {
        return Ok(JsValue::UNDEFINED);
    };
    Ok(outlive(&Context::new(entrypoint.ctx()), async move {
        Ok(to_js(&drain(&env, flush).await))
    }))
}

/// `stats()`.
#[wasm_bindgen]
pub fn stats(entrypoint: &Entrypoint) -> JsValue {
    let stats = with(&entrypoint.env(), |i| {
        i.reporter.refresh(now());
        to_js(&Stats::of(&i.reporter))
    });
    stats.unwrap_or_default()
}

/// HTTP requests get a 404: the Worker answers over RPC only.
#[event(fetch)]
async fn fetch(_: Request, _: Env, _: Context) -> worker::Result<Response> {
    let text = "not found: this Worker answers over RPC only\n";
    Ok(Response::ok(text)?.with_status(404))
}

fn buffer_one(
    entrypoint: &Entrypoint,
    arguments: &Array,
    method: &'static str,
    kind: Kind,
) -> Answer {
    let context = Context::new(entrypoint.ctx());
    let (trusted, mistake) = trusted_labels(&context);
    let rows = Rows {
        rows: vec![one(kind, arguments, &trusted)],
        excess: 0,
    };
    buffer(&context, entrypoint.env(), method, rows, mistake)
}

/// Adds samples to the buffer and makes sure that a flush covers them.
fn buffer(
    context: &Context,
    env: Env,
    method: &'static str,
    rows: Rows<'_>,
    mistake: Option<String>,
) -> Answer {
    let now = now();
    let taken = with(&env, |instance| {
        let mut call = Call::new(instance, method, now, mistake);
        call.each(rows, &mut |call, _, sample| call.take(sample));
        let reporter = &mut call.instance.reporter;
        // A call that added nothing still covers samples that earlier calls left in the buffer.
        let unbuffered = reporter.config().flush_interval_ms == 0 && call.entries.is_some();
        let (duty, flush) = if unbuffered {
            (Duty::None, Some(reporter.flush_now(now)))
        } else {
            (reporter.duty(now), None)
        };
        // No flush follows a call that leaves the buffer empty, and so nothing reports its refusals.
        let alone = call.entries.is_none() && reporter.buffered() == 0;
        let own = alone.then(|| reporter.flush_now(now));
        (call.end(), duty, flush, own)
    });
    let Some((ended, duty, flush, own)) = taken else {
        return Ok(JsValue::from(0));
    };
    ended.write_lines();
    match duty {
        Duty::None => {}
        Duty::Flush(flush) => flush_later(context, &env, 0.0, flush),
        Duty::FlushLater { delay_ms, flush } => flush_later(context, &env, delay_ms, flush),
    }
    if let Some(own) = own {
        push_own_after(context, &env, own);
    }
    if let (Some(flush), Some(entries)) = (flush, ended.entries) {
        return Ok(outlive(context, async move {
            drain_past(&env, flush, entries).await;
            ended.rejection?;
            Ok(JsValue::from(ended.taken))
        }));
    }
    ended.rejection?;
    Ok(JsValue::from(ended.taken))
}

/// Makes the promise of an answer, and keeps the runtime alive for it even when the caller does not
/// wait.
fn outlive(context: &Context, answer: impl Future<Output = Answer> + 'static) -> JsValue {
    let promise = future_to_promise(AssertUnwindSafe(answer));
    // `wait_until` fails when the context has already ended. The answer needs no waiting then.
    let _ = context.as_ref().wait_until(&promise);
    promise.into()
}
