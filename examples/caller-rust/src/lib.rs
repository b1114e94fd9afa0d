//! A Worker that counts and times its own requests.

// This code does not run natively. It only has to compile there with the rest of the workspace.
#![cfg(target_family = "wasm")]

mod verify;

use metrics_reporter_client::{Reporter, define_metrics};
use worker::{Context, Env, Request, Response, Result, event};

define_metrics! {
    /// Requests handled, by route, method and status of the response.
    counter requests_total { route, method, status }
    /// Milliseconds from the start of the handler to its response.
    histogram request_latency_ms { route }
}

#[event(start)]
fn start() {
    console_error_panic_hook::set_once();
}

#[event(fetch)]
async fn fetch(request: Request, env: Env, ctx: Context) -> Result<Response> {
    // Without `?`: a missing binding must not fail a request.
    let metrics = Reporter::new(env.service("METRICS"), &ctx);
    let path = request.path();
    // The pattern, never the path: each distinct label value is its own series.
    let route = if path == "/" || path == "/verify" {
        &*path
    } else {
        "other"
    };

    let timer = request_latency_ms { route }.timer(&metrics);
    let response = match route {
        "/" => Response::ok("hello\n"),
        "/verify" => verify::verify(&metrics).await,
        _ => Ok(Response::builder()
            .with_status(404)
            .fixed(b"not found\n".into())),
    };
    timer.stop();

    let status = response.as_ref().map_or(500, Response::status_code);
    let method = known(&request);
    requests_total {
        route,
        method,
        status,
    }
    .incr(&metrics);
    // Nothing is sent here. About once a second, one request sends for all, after its response.
    response
}

/// HTTP clients can invent methods, and each would be a new series. `Request::method` returns GET
/// for an unknown method, so this reads the text.
fn known(request: &Request) -> &'static str {
    let method = request.inner().method();
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
        .into_iter()
        .find(|known| *known == method)
        .unwrap_or("other")
}
