//! Trailing metadata with the reasons for refusing Metrics: `x-rejected-reasons`.

use std::sync::Arc;

use http::{HeaderName, HeaderValue, Response};
use http_body::Frame;
use http_body_util::BodyExt as _;
use tonic::body::Body;

const NAME: HeaderName = HeaderName::from_static("x-rejected-reasons");

/// The service attaches this to its answer, and [`add_to_trailers`] reads it. tonic has no API for
/// trailing metadata of a successful call.
#[derive(Clone, Debug)]
pub(crate) struct RejectedReasons(pub(crate) Arc<str>);

/// Adds the reasons, if any, to the trailers. It runs below tonic-web, which turns the trailers
/// into the last frame of a gRPC-Web answer.
pub(crate) fn add_to_trailers(mut response: Response<Body>) -> Response<Body> {
    let reasons = response.extensions_mut().remove();
    let value = reasons.map(|RejectedReasons(text)| HeaderValue::from_str(&text));
    let Some(Ok(value)) = value else {
        return response;
    };
    let add = move |frame: Frame<_>| {
        let mut frame = frame;
        if let Some(trailers) = frame.trailers_mut() {
            trailers.insert(NAME, value.clone());
        }
        frame
    };
    response.map(|body| Body::new(body.map_frame(add)))
}
