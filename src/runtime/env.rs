//! The Worker's environment: its vars, the secrets of Cloudflare Access, and the gateway binding.

use wasm_bindgen::{JsCast as _, JsValue};
use worker::js_sys::Reflect;
use worker::{Env, Fetcher};

use crate::config::{Config, VARS, access_secret};
use crate::log::{self, Line};
use crate::sample::number_text;

const ACCESS_ID: &str = "ACCESS_CLIENT_ID";
const ACCESS_SECRET: &str = "ACCESS_CLIENT_SECRET";
const MISSING_HALF: &str = "expected both secrets of a service token, got the other one alone";

/// Reads a binding. `Env::var` reads text only, but a var may also be JSON: `true` is the same as
/// `"true"`.
fn binding(env: &Env, name: &str) -> JsValue {
    Reflect::get(env, &name.into()).unwrap_or(JsValue::UNDEFINED)
}

/// Reads the vars, and makes a log line for each invalid one.
pub(super) fn read_vars(env: &Env) -> (Config, Vec<Line>) {
    let mut config = Config::default();
    let mut invalid = Vec::new();
    for name in VARS {
        let value = binding(env, name);
        if value.is_undefined() {
            continue;
        }
        let text = value
            .as_string()
            .or_else(|| value.as_f64().map(number_text))
            .or_else(|| value.as_bool().map(|value| value.to_string()));
        // A value that is not text is invalid. It is reported in the log like any other.
        if let Err(var) = config.set(name, &text.unwrap_or_default()) {
            invalid.push(log::var_invalid(name, &var.message()));
        }
    }
    (config, invalid)
}

/// The service token of Cloudflare Access, if it is bound.
pub(super) fn read_access(env: &Env, invalid: &mut Vec<Line>) -> Option<(String, String)> {
    let read = |name| {
        let value = binding(env, name);
        match value.as_string() {
            Some(text) => access_secret(&text).map(|text| text.map(str::to_owned)),
            None if value.is_undefined() => Ok(None),
            None => Err("expected the text of a secret, got another kind of binding"),
        }
    };
    let mut refuse = |name, expected| {
        let message = format!("{expected}; pushes carry no service token");
        invalid.push(log::var_invalid(name, &message));
        None
    };
    match (read(ACCESS_ID), read(ACCESS_SECRET)) {
        (Err(expected), _) => refuse(ACCESS_ID, expected),
        (_, Err(expected)) => refuse(ACCESS_SECRET, expected),
        (Ok(Some(id)), Ok(Some(secret))) => Some((id, secret)),
        (Ok(None), Ok(None)) => None,
        (Ok(None), _) => refuse(ACCESS_ID, MISSING_HALF),
        (_, Ok(None)) => refuse(ACCESS_SECRET, MISSING_HALF),
    }
}

/// The gateway binding, if it is bound.
///
/// This does not use `Env::service`, which requires a constructor with the name `Fetcher`.
/// Cloudflare does not document the constructor name of a VPC service.
pub(super) fn gateway(env: &Env) -> Option<Fetcher> {
    let binding = binding(env, "METRICS_GATEWAY");
    (binding.is_object() || binding.is_function()).then(|| Fetcher::unchecked_from_js(binding))
}
