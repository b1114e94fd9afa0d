//! gRPC and gRPC-Web on one path: tonic-web around tonic. Every error is recorded.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use tokio::sync::Semaphore;
use tonic::Status;
use tonic::service::Routes;
use tonic_web::GrpcWebLayer;
use tower::{Layer as _, ServiceExt as _};

use crate::reason::shorten;
use crate::reasons::add_to_trailers;
use crate::service::MetricsIngestServer;
use crate::shared::Shared;

/// The longest time to receive a message. A push is small, so a slower sender has stopped sending.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Calls whose messages are read at one time; more wait. This limit, and not the number of
/// connections and streams, bounds the memory that messages take. A message takes twice its size,
/// because tonic copies the bytes.
const MAX_READING: usize = 128;

/// The bytes before a length-prefixed message: flags and length.
const FRAME_HEADER: usize = 5;

/// The most bytes of an unknown path or content type that a message repeats.
const SHOWN: usize = 100;

#[derive(Clone, Debug)]
pub(crate) struct Grpc {
    gateway: Shared,
    routes: Routes,
    max_message_bytes: usize,
    reading: Arc<Semaphore>,
}

impl Grpc {
    pub(crate) fn new(gateway: Shared, max_message_bytes: usize) -> Self {
        let service =
            MetricsIngestServer::new(gateway.clone()).max_decoding_message_size(max_message_bytes);
        Self {
            routes: Routes::new(service).prepare(),
            max_message_bytes,
            reading: Arc::new(Semaphore::new(MAX_READING)),
            gateway,
        }
    }

    /// Answers a call of either protocol.
    pub(crate) async fn call(self, request: Request) -> Response {
        let content_type = request.headers().get(header::CONTENT_TYPE).cloned();
        let gateway = self.gateway.clone();
        let inner = tower::service_fn(move |request| self.clone().answer(request));
        let Ok(response) = GrpcWebLayer::new().layer(inner).oneshot(request).await;
        // tonic-web's own check of the content type, including its parameters.
        if response.status() == StatusCode::BAD_REQUEST {
            let found = String::from_utf8_lossy(
                content_type.as_ref().map_or(b"", |value| value.as_bytes()),
            );
            let message = format!(
                "expected content-type application/grpc-web+proto or, over HTTP/2, application/grpc, found {:?}",
                shorten(&found, SHOWN)
            );
            gateway.failed(tonic::Code::Internal.into(), &message);
            return (StatusCode::BAD_REQUEST, format!("{message}\n")).into_response();
        }
        response.map(Body::new)
    }

    async fn answer(
        self,
        request: http::Request<tonic::body::Body>,
    ) -> Result<http::Response<tonic::body::Body>, Infallible> {
        let path = shorten(request.uri().path(), SHOWN);
        let call = async {
            // The semaphore is never closed, so there is always a permit.
            let _place = self.reading.acquire().await;
            let (head, body) = request.into_parts();
            let kept = self.max_message_bytes.saturating_add(FRAME_HEADER);
            let body = match read(body, kept).await {
                Ok(bytes) => tonic::body::Body::new(Full::from(bytes)),
                Err(status) => return Ok(status.into_http()),
            };
            self.routes
                .oneshot(http::Request::from_parts(head, body))
                .await
        };
        let response = match tokio::time::timeout(READ_TIMEOUT, call).await {
            Ok(Ok(response)) => response,
            // A complete message is answered at once, so this one was still being read, or was
            // waiting for its turn.
            Err(_) => Status::deadline_exceeded(format!(
                "expected the whole message within {} s; nothing was applied",
                READ_TIMEOUT.as_secs()
            ))
            .into_http(),
        };
        // An error before the first message of the answer is in the headers.
        let Some(status) = Status::from_header_map(response.headers()) else {
            return Ok(add_to_trailers(response));
        };
        if status.code() == tonic::Code::Unimplemented && status.message().is_empty() {
            let status = Status::unimplemented(format!("no such method: {path}"));
            self.gateway.failed(status.code().into(), status.message());
            return Ok(status.into_http());
        }
        if status.code() != tonic::Code::Ok {
            self.gateway.failed(status.code().into(), status.message());
        }
        Ok(response)
    }
}

/// Reads a body to its end and keeps up to `kept` bytes, enough for tonic to see that a message is
/// too large.
///
/// Over HTTP/1.1, an answer before the end of the request closes the connection. Many clients, such
/// as `fetch`, then report a broken pipe and lose the answer.
async fn read(mut body: tonic::body::Body, kept: usize) -> Result<Vec<u8>, Status> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(kept);
    let mut bytes = Vec::with_capacity(announced.min(kept));
    while let Some(frame) = body.frame().await {
        // Frames without data are trailers, which a request does not need.
        if let Ok(data) = frame?.into_data() {
            let room = kept.saturating_sub(bytes.len());
            bytes.extend_from_slice(data.get(..room).unwrap_or(&data));
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use axum::body::Bytes;

    use super::*;
    use crate::clock::Clock;
    use crate::exposition::{Format, Scrape};
    use crate::gateway::{Config, Gateway};

    /// A body that never arrives.
    struct Silence;

    impl axum::body::HttpBody for Silence {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
            Poll::Pending
        }
    }

    fn gateway() -> Shared {
        Shared::new(Gateway::new(Config::default()), Clock::start())
    }

    fn request(body: Body) -> Request {
        Request::post("/marqo.metrics.v1.MetricsIngest/Push")
            .header("content-type", "application/grpc-web+proto")
            .body(body)
            .unwrap()
    }

    #[tokio::test]
    async fn the_number_of_messages_read_at_once_is_limited_and_the_next_waits() {
        let grpc = Grpc::new(gateway(), 1000);
        let mut silent: Vec<_> = (0..MAX_READING)
            .map(|_| tokio::spawn(grpc.clone().call(request(Body::new(Silence)))))
            .collect();
        let empty_push = Body::from(vec![0, 0, 0, 0, 0]);
        let next = tokio::spawn(grpc.clone().call(request(empty_push)));
        while grpc.reading.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
        assert!(!next.is_finished());
        silent.pop().unwrap().abort();
        let response = next.await.unwrap();
        assert!(
            Status::from_header_map(response.headers()).is_none(),
            "{response:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_that_does_not_come_is_given_up_on() {
        let gateway = gateway();
        let begun = tokio::time::Instant::now();
        let response = Grpc::new(gateway.clone(), 1000)
            .call(request(Body::new(Silence)))
            .await;
        assert_eq!(begun.elapsed(), READ_TIMEOUT);
        assert_eq!(response.status(), 200);
        let status = Status::from_header_map(response.headers()).unwrap();
        assert_eq!(status.code(), tonic::Code::DeadlineExceeded);
        assert_eq!(
            status.message(),
            "expected the whole message within 30 s; nothing was applied"
        );
        assert_eq!(
            response.headers()["content-type"],
            "application/grpc-web+proto"
        );
        let counted = "metrics_gateway_pushes_total{code=\"DEADLINE_EXCEEDED\"} 1\n";
        let text = gateway.piece(&mut Scrape::new(Format::Plain)).unwrap();
        assert!(text.contains(counted), "{text}");
    }
}
