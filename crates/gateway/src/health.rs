//! Whether the gateway is alive, and whether it is ready for pushes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::StatusCode;

use crate::http::COMMON;

/// Ready until a shutdown begins. Clones share one state.
#[derive(Clone, Debug, Default)]
pub(crate) struct Readiness {
    draining: Arc<AtomicBool>,
}

impl Readiness {
    pub(crate) fn begin_to_drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    fn answer(&self) -> Response {
        if self.draining.load(Ordering::Relaxed) {
            (StatusCode::SERVICE_UNAVAILABLE, COMMON, "draining\n").into_response()
        } else {
            (COMMON, "ready\n").into_response()
        }
    }

    /// The routes of the probes, which every port serves.
    pub(crate) fn routes<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        let readiness = self.clone();
        Router::new()
            .route("/-/ready", get(move || async move { readiness.answer() }))
            .route("/-/healthy", get(|| async { (COMMON, "healthy\n") }))
    }
}
