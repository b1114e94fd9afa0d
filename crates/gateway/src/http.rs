//! The routes of each port.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderName, StatusCode, header};
use serde::Deserialize;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;

use crate::exposition::{Format, Scrape};
use crate::grpc::Grpc;
use crate::health::Readiness;
use crate::page::Page;
use crate::pieces::Pieces;
use crate::shared::Shared;
use crate::state::Cursor;

const PUSH_PATH: &str = "/marqo.metrics.v1.MetricsIngest/Push";

/// Clients must not guess the content type or cache an answer.
pub(crate) const COMMON: [(HeaderName, &str); 2] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::CACHE_CONTROL, "no-store"),
];

#[derive(Clone)]
struct App {
    gateway: Shared,
    grpc: Grpc,
    page: Page,
}

/// The handlers, for one port or for two.
#[derive(Clone)]
pub(crate) struct Routes {
    app: App,
    readiness: Readiness,
}

impl Routes {
    pub(crate) fn new(gateway: Shared, readiness: Readiness, max_message_bytes: usize) -> Self {
        let app = App {
            grpc: Grpc::new(gateway.clone(), max_message_bytes),
            page: Page::new(),
            gateway,
        };
        Self { app, readiness }
    }

    /// For a single port.
    pub(crate) fn everything(&self) -> Router {
        let hint = format!("expected GET /, GET /metrics, GET /healthz or POST {PUSH_PATH}\n");
        self.finish(eyes(), Takes::Pushes, hint)
    }

    /// For the senders' port, when there is an admin port.
    pub(crate) fn pushes(&self) -> Router {
        let hint = format!(
            "expected POST {PUSH_PATH}, GET /-/ready or GET /-/healthy; the rest is at --admin-listen\n"
        );
        self.finish(Router::new(), Takes::Pushes, hint)
    }

    /// For the admin port.
    pub(crate) fn eyes(&self) -> Router {
        let hint =
            "expected GET /, GET /metrics or GET /healthz; pushes go to --listen\n".to_owned();
        self.finish(eyes(), Takes::Nothing, hint)
    }

    fn finish(&self, routes: Router<App>, takes: Takes, hint: String) -> Router {
        let hint: Arc<str> = hint.into();
        routes
            .merge(self.readiness.routes())
            .fallback(move |app, request| other(app, takes, hint.clone(), request))
            .with_state(self.app.clone())
    }
}

/// Whether a port takes pushes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    Pushes,
    Nothing,
}

/// The routes for people and Prometheus.
fn eyes() -> Router<App> {
    Router::new()
        .route("/", get(page))
        .route("/api/state", get(state))
        .route("/metrics", get(metrics))
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
        .route("/healthz", get(|| async { (COMMON, "ok\n") }))
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

/// The page's position. A missing number is zero, which requests everything.
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

async fn metrics(State(app): State<App>, headers: HeaderMap) -> Response {
    let format = Format::accepted(&headers);
    let pieces = Pieces::new(app.gateway, Scrape::new(format));
    let headers = [
        (header::CONTENT_TYPE, format.content_type()),
        (header::VARY, "accept"),
    ];
    (COMMON, headers, Body::new(pieces)).into_response()
}

fn failed(error: &impl std::error::Error) -> Response {
    (
        StatusCode::INTERNAL_SERVER_ERROR,
        COMMON,
        format!("{error}\n"),
    )
        .into_response()
}

/// All gRPC calls go to tonic, so that even an unknown method gets a gRPC status.
async fn other(State(app): State<App>, takes: Takes, hint: Arc<str>, request: Request) -> Response {
    let takes_pushes = takes == Takes::Pushes;
    if takes_pushes && is_grpc(&request) {
        return app.grpc.call(request).await;
    }
    let (status, message) = if takes_pushes && request.uri().path() == PUSH_PATH {
        let message =
            "expected POST with content-type application/grpc-web+proto or application/grpc\n";
        (StatusCode::UNSUPPORTED_MEDIA_TYPE, message.to_owned())
    } else {
        (StatusCode::NOT_FOUND, hint.to_string())
    };
    (status, COMMON, message).into_response()
}

fn is_grpc(request: &Request) -> bool {
    request
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}
