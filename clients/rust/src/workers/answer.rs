//! Reads values from JavaScript. It does not trust their types.

use worker::js_sys::{Array, Error, Reflect};
use worker::wasm_bindgen::{JsCast, JsValue};

use crate::number::whole;
use crate::push::{Outcome, PushResult, Refused};
use crate::warn::clip_error;

/// The text of a thrown value, which may be any value.
pub(super) fn text_of(thrown: &JsValue) -> String {
    let text = match thrown.dyn_ref::<Error>() {
        Some(error) => {
            let part = |name| property(error, name).and_then(|part| part.as_string());
            format!(
                "{}: {}",
                part("name").unwrap_or_default(),
                part("message").unwrap_or_default()
            )
        }
        None => thrown.as_string().unwrap_or_else(|| "not an error".into()),
    };
    clip_error(&text).to_owned()
}

/// The object that `push` resolves to.
pub(super) fn push_result(answer: &JsValue) -> Option<PushResult> {
    let outcome = match &*text(answer, "outcome")? {
        "delivered" => Outcome::Delivered,
        "dropped" => Outcome::Dropped,
        "unknown" => Outcome::Unknown,
        _ => return None,
    };
    let refused = property(answer, "refused")?.dyn_into::<Array>().ok()?;
    Some(PushResult {
        ok: property(answer, "ok")?.as_bool()?,
        outcome,
        accepted: count(answer, "accepted")?,
        rejected: count(answer, "rejected")?,
        code: u8::try_from(count(answer, "code")?).ok()?,
        status: text(answer, "status")?,
        message: text(answer, "message")?,
        refused: refused
            .iter()
            .map(|item| read_refused(&item))
            .collect::<Option<_>>()?,
    })
}

fn read_refused(item: &JsValue) -> Option<Refused> {
    Some(Refused {
        index: whole(property(item, "index")?.as_f64()?)?,
        reason: text(item, "reason")?,
        message: text(item, "message")?,
    })
}

fn property(object: &JsValue, name: &str) -> Option<JsValue> {
    Reflect::get(object, &name.into()).ok()
}

fn text(object: &JsValue, name: &str) -> Option<String> {
    property(object, name)?.as_string()
}

fn count(object: &JsValue, name: &str) -> Option<u32> {
    u32::try_from(whole(property(object, name)?.as_f64()?)?).ok()
}
