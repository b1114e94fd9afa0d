//! One call to the gateway: sends the request, and reads the answer up to its limits.

use bytes::Bytes;
use grpc_web_unary::{BodyEnd, Kind, RESPONSE_HEADERS, Reply, read_response, request_headers};
use wasm_bindgen::prelude::*;
use worker::js_sys::{Promise, Reflect, Uint8Array};
use worker::wasm_bindgen_futures::{JsFuture, spawn_local};
use worker::web_sys::{
    self, ReadableStream, ReadableStreamDefaultReader, ReadableStreamReadResult, RequestRedirect,
};
use worker::worker_sys::Fetcher as Binding;
use worker::{Fetcher, Headers, Result};

use crate::config::VERSION;
use crate::limits::{MAX_MESSAGE_BYTES, MAX_RESPONSE_BYTES};

/// The RPC's path: `/<package>.<Service>/<Method>`.
const PATH: &str = "/marqo.metrics.v1.MetricsIngest/Push";

/// Where pushes go.
pub(crate) struct Gateway {
    binding: Binding,
    url: String,
    /// The service token of Cloudflare Access in front of the gateway.
    access: Option<(String, String)>,
}

#[wasm_bindgen]
extern "C" {
    type AbortSignal;

    #[wasm_bindgen(static_method_of = AbortSignal)]
    fn timeout(ms: f64) -> web_sys::AbortSignal;
}

/// The part of a body that was read, and how reading ended.
struct Body {
    bytes: Vec<u8>,
    end: std::result::Result<(), JsValue>,
}

impl Gateway {
    pub(crate) fn new(binding: Fetcher, origin: &str, access: Option<(String, String)>) -> Self {
        Self {
            binding: JsValue::from(binding).unchecked_into(),
            url: format!("{origin}{PATH}"),
            access,
        }
    }

    /// Posts a message and reads the answer. It never fails: every error becomes a reply.
    ///
    /// `timeout_ms` also covers reading the body of the answer.
    pub(crate) async fn post(&self, push_id: &str, body: &Bytes, timeout_ms: f64) -> Reply {
        let signal = AbortSignal::timeout(timeout_ms.floor());
        let kind_of = |error: &JsValue| {
            if signal.aborted() {
                Kind::Deadline
            } else {
                Kind::of_thrown(&describe(error))
            }
        };
        let response = match self.fetch(push_id, body, timeout_ms, &signal).await {
            Ok(response) => response,
            Err(error) => return Reply::local(kind_of(&error), &describe(&error)),
        };
        let headers = response.headers();
        let header = |name: &str| headers.get(name).ok().flatten();
        let fields = RESPONSE_HEADERS.map(|name| (name, header(name)));
        let fields = fields.iter().filter_map(|(name, value)| {
            let value = value.as_deref()?;
            Some((*name, value.get(..value.floor_char_boundary(4096))?))
        });
        // With a content-encoding, content-length counts the encoded bytes, not those read here.
        let len = match header("content-encoding") {
            None => header("content-length").and_then(|len| len.parse().ok()),
            Some(_) => None,
        };
        let Body { bytes, end } = match response.body() {
            Some(stream) => read(&stream, len).await,
            None => Body {
                bytes: Vec::new(),
                end: Ok(()),
            },
        };
        let end = match end {
            Ok(()) => BodyEnd::Complete,
            Err(_) if signal.aborted() => BodyEnd::Deadline,
            Err(_) => BodyEnd::Failed,
        };
        read_response(response.status(), fields, &bytes, end, MAX_MESSAGE_BYTES)
    }

    /// This does not use `worker::Fetcher::fetch`: its `RequestInit` has no `AbortSignal`.
    async fn fetch(
        &self,
        push_id: &str,
        body: &Bytes,
        timeout_ms: f64,
        signal: &web_sys::AbortSignal,
    ) -> std::result::Result<web_sys::Response, JsValue> {
        let headers = self.headers(push_id, timeout_ms)?;
        let init = web_sys::RequestInit::new();
        init.set_method("POST");
        init.set_headers(headers.as_ref());
        init.set_body(&Uint8Array::from(&**body));
        // Redirects are not followed: a 302 to a POST usually leads to a login page.
        init.set_redirect(RequestRedirect::Manual);
        init.set_signal(Some(signal));
        let answer = self.binding.fetch_with_str_and_init(&self.url, &init)?;
        JsFuture::from(answer).await?.dyn_into()
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and 20000"
    )]
    fn headers(&self, push_id: &str, timeout_ms: f64) -> Result<Headers> {
        let headers = Headers::new();
        // The gRPC specification asks for the form `grpc-<language>-<variant>/<version>`.
        let user_agent = format!("grpc-rust-metrics-gateway-worker/{VERSION}");
        for (name, value) in request_headers(&user_agent, Some(timeout_ms as u64)) {
            headers.set(name, &value)?;
        }
        headers.set("x-push-id", push_id)?;
        if let Some((id, secret)) = &self.access {
            headers.set("cf-access-client-id", id)?;
            headers.set("cf-access-client-secret", secret)?;
        }
        Ok(headers)
    }
}

/// Reads a body to its end, to its announced length, or just past [`MAX_RESPONSE_BYTES`], whichever
/// comes first. The rest is cancelled without waiting.
///
/// This does not use `worker::Response::bytes`, which reads a body of any size into memory.
async fn read(stream: &ReadableStream, len: Option<usize>) -> Body {
    let mut bytes = Vec::new();
    let reader: ReadableStreamDefaultReader = stream.get_reader().unchecked_into();
    let end = loop {
        if bytes.len() > MAX_RESPONSE_BYTES || len.is_some_and(|len| bytes.len() >= len) {
            spawn_local(async move {
                let _ = JsFuture::from(reader.cancel()).await;
            });
            break Ok(());
        }
        match chunk(reader.read()).await {
            Ok(Some(chunk)) => {
                let room = MAX_RESPONSE_BYTES
                    .saturating_add(1)
                    .saturating_sub(bytes.len());
                let room = u32::try_from(room).unwrap_or(u32::MAX);
                bytes.extend(chunk.subarray(0, room.min(chunk.length())).to_vec());
            }
            Ok(None) if len.is_some_and(|len| bytes.len() < len) => {
                // The missing bytes might have held another status.
                bytes.clear();
                break Err(JsValue::from_str(
                    "the body is shorter than its content-length",
                ));
            }
            Ok(None) => break Ok(()),
            Err(error) => {
                if len.is_some() {
                    bytes.clear();
                }
                break Err(error);
            }
        }
    };
    Body { bytes, end }
}

/// Reads the next piece of a body; `None` at its end.
async fn chunk(read: Promise) -> std::result::Result<Option<Uint8Array>, JsValue> {
    let read: ReadableStreamReadResult = JsFuture::from(read).await?.unchecked_into();
    Ok(match read.get_done() {
        Some(true) => None,
        _ => Some(read.get_value().unchecked_into()),
    })
}

/// The text of a thrown value.
fn describe(error: &JsValue) -> String {
    let message = Reflect::get(error, &"message".into()).ok();
    let message = message.and_then(|message| message.as_string());
    let mut text = message
        .or_else(|| error.as_string())
        .unwrap_or_else(|| "unreadable error".into());
    text.truncate(text.floor_char_boundary(1024));
    text
}
