//! The Worker's I/O, on workers-rs: vars and bindings, the fetch to the gateway, flushes that
//! outlive their call, and the log.

mod env;
mod flush;
mod gateway;
mod instance;

use serde::Serialize;
use wasm_bindgen::prelude::*;
use worker::js_sys::{Function, JSON, Promise};
use worker::wasm_bindgen_futures::JsFuture;
use worker::{console_error, console_warn};

pub(crate) use flush::{deliver, drain, drain_past, flush_later, push_own_after};
pub(crate) use instance::{Instance, with};

use crate::log::{Level, Line};

/// Milliseconds since the epoch. The clock does not advance between two awaits.
pub(crate) fn now() -> f64 {
    worker::js_sys::Date::now()
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &Function, ms: f64) -> JsValue;
}

/// Waits for this many ms.
///
/// This does not use `worker::Delay`, which panics if `setTimeout` returns an object. It does so
/// in Node, where the tests run.
pub(crate) async fn sleep(ms: f64) {
    let over = Promise::new(&mut |resolve, _| {
        set_timeout(&resolve, ms);
    });
    let _ = JsFuture::from(over).await;
}

/// Writes a line to the log.
pub(crate) fn write(line: &Line) {
    match line.level {
        Level::Warn => console_warn!("{}", line.text),
        Level::Error => console_error!("{}", line.text),
    }
}

/// Converts an answer to a JavaScript value.
pub(crate) fn to_js(answer: &impl Serialize) -> JsValue {
    let json = serde_json::to_string(answer).unwrap_or_default();
    JSON::parse(&json).unwrap_or_default()
}
