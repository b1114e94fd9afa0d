//! Trailing metadata that says why Metrics were refused: `x-rejected-reasons`.

use std::sync::Arc;

use http::{HeaderName, HeaderValue, Response};
use http_body::Frame;
use http_body_util::BodyExt as _;
use tonic::body::Body;

const NAME: HeaderName = HeaderName::from_static("x-rejected-reasons");

/// What the service hands over with its answer, for [`add_to_trailers`] to find. tonic has no place
/// for trailing metadata of a call that succeeds.
#[derive(Clone, Debug)]
pub(crate) struct RejectedReasons(pub(crate) Arc<str>);

/// Adds the reasons, if there are any, to the trailers. Below tonic-web, which turns those into the
/// last frame of a gRPC-Web answer.
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
