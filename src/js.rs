//! The JavaScript that the Worker calls: the codec, one fetch, one timer, one log line.

use js_sys::{Promise, Uint8Array};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// `this` of an RPC method.
    #[derive(Clone)]
    pub(crate) type Entrypoint;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn env(this: &Entrypoint) -> Env;

    /// The Worker's bindings and vars.
    pub(crate) type Env;

    #[wasm_bindgen(method, getter, js_name = METRICS_GATEWAY)]
    pub(crate) fn metrics_gateway(this: &Env) -> Option<Binding>;

    #[wasm_bindgen(method, getter, js_name = ACCESS_CLIENT_ID)]
    pub(crate) fn access_client_id(this: &Env) -> JsValue;

    #[wasm_bindgen(method, getter, js_name = ACCESS_CLIENT_SECRET)]
    pub(crate) fn access_client_secret(this: &Env) -> JsValue;

    /// A binding with a `fetch`.
    pub(crate) type Binding;

    #[wasm_bindgen(js_namespace = Date)]
    pub(crate) fn now() -> f64;
}

#[wasm_bindgen(module = "/src/js/codec.mjs")]
extern "C" {
    #[wasm_bindgen(catch, js_name = encodeCall)]
    pub(crate) fn encode_call(
        entrypoint: &Entrypoint,
        args: &JsValue,
        list: bool,
    ) -> Result<Vec<u8>, JsValue>;

    #[wasm_bindgen(catch)]
    pub(crate) fn encode(value: &JsValue) -> Result<Vec<u8>, JsValue>;

    pub(crate) fn decode(bytes: &[u8]) -> JsValue;
}

#[wasm_bindgen(module = "/src/js/io.mjs")]
extern "C" {
    #[wasm_bindgen(js_name = headersOf)]
    pub(crate) fn headers_of(lines: &str) -> JsValue;

    pub(crate) fn post(
        binding: &Binding,
        url: &JsValue,
        headers: &JsValue,
        push_id: &str,
        body: &Uint8Array,
        timeout_ms: f64,
        max_bytes: usize,
    ) -> Promise;

    pub(crate) fn sleep(ms: f64) -> Promise;

    pub(crate) fn install(resume: &JsValue);

    pub(crate) fn drive(entrypoint: &Entrypoint, task: f64, promise: &JsValue) -> JsValue;

    pub(crate) fn log(level: &str, fields: &JsValue);

    pub(crate) fn vars(env: &Env, names: &str) -> JsValue;

    pub(crate) fn random() -> f64;

    pub(crate) fn save(account: &str);

    pub(crate) fn saved() -> String;
}
