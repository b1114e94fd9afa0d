//! What is served where.

use axum::Router;
use axum::extract::{Query, Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::{HeaderName, StatusCode, header};
use serde::Deserialize;

use crate::exposition;
use crate::grpc::Grpc;
use crate::page::Page;
use crate::shared::Shared;
use crate::state::Cursor;

const PUSH_PATH: &str = "/marqo.metrics.v1.MetricsIngest/Push";

/// What a response is must not be guessed, and nothing here may be kept.
const COMMON: [(HeaderName, &str); 2] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::CACHE_CONTROL, "no-store"),
];

#[derive(Clone)]
struct App {
    gateway: Shared,
    grpc: Grpc,
    page: Page,
}

pub(crate) fn router(gateway: Shared, max_message_bytes: usize) -> Router {
    let app = App {
        grpc: Grpc::new(gateway.clone(), max_message_bytes),
        page: Page::new(),
        gateway,
    };
    Router::new()
        .route("/", get(page))
        .route("/api/state", get(state))
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { (COMMON, "ok\n") }))
        .fallback(other)
        .with_state(app)
}

async fn page(State(app): State<App>) -> Response {
    let Page { html, policy } = app.page;
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    let policy = [(header::CONTENT_SECURITY_POLICY, policy.to_string())];
    (COMMON, headers, policy, html.to_string()).into_response()
}

/// What the page knows already; numbers that are left out are zero, which asks for everything.
#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct StateQuery {
    instance: u64,
    version: u64,
    slot: u64,
}

async fn state(State(app): State<App>, Query(query): Query<StateQuery>) -> Response {
    let cursor = Cursor {
        instance: query.instance,
        version: query.version,
        slot: query.slot,
    };
    match app.gateway.state(cursor) {
        Ok(json) => (COMMON, [(header::CONTENT_TYPE, "application/json")], json).into_response(),
        Err(error) => failed(&error),
    }
}

async fn metrics(State(app): State<App>) -> Response {
    match app.gateway.text() {
        Ok(text) => (
            COMMON,
            [(header::CONTENT_TYPE, exposition::CONTENT_TYPE)],
            text,
        )
            .into_response(),
        Err(error) => failed(&error),
    }
}

fn failed(error: &impl std::error::Error) -> Response {
    (
        StatusCode::INTERNAL_SERVER_ERROR,
        COMMON,
        format!("{error}\n"),
    )
        .into_response()
}

/// gRPC goes to tonic, known methods or not, so that even an unknown one gets a gRPC status.
async fn other(State(app): State<App>, request: Request) -> Response {
    if is_grpc(&request) {
        return app.grpc.call(request).await;
    }
    let (status, message) = if request.uri().path() == PUSH_PATH {
        (
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "expected POST with content-type application/grpc-web+proto or application/grpc\n"
                .to_owned(),
        )
    } else {
        (
            StatusCode::NOT_FOUND,
            format!("expected GET /, GET /metrics, GET /healthz or POST {PUSH_PATH}\n"),
        )
    };
    (status, COMMON, message).into_response()
}

fn is_grpc(request: &Request) -> bool {
    request
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}
