//! The messages of `proto/marqo/metrics/v1/metrics.proto`, made by build.rs, and their framing.

use bytes::{BufMut as _, Bytes, BytesMut};
use grpc_web_unary::{FRAME_HEADER_LEN, frame_header};
use prost::Message as _;

pub use generated::{Metric, PushRequest, PushResponse};

#[expect(missing_docs, reason = "generated, and described in the proto file")]
#[allow(clippy::doc_markdown, reason = "generated")]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/marqo.metrics.v1.rs"));
}

/// A PushRequest as one length-prefixed message.
#[must_use]
pub fn frame(metrics: Vec<Metric>) -> Bytes {
    let request = PushRequest { metrics };
    let len = request.encoded_len();
    let mut frame = BytesMut::with_capacity(len.saturating_add(FRAME_HEADER_LEN));
    frame.put_slice(&frame_header(u32::try_from(len).unwrap_or(u32::MAX)));
    // There is room for all of it: it cannot fail.
    let _ = request.encode(&mut frame);
    frame.freeze()
}

/// Most bytes that a Metric takes up in a PushRequest, whatever its value.
#[must_use]
pub fn len_in_request(metric: &Metric) -> usize {
    // proto3 leaves out a value of 0, and a counter's may change.
    let value = if metric.value == 0.0 { 9 } else { 0 };
    let len = metric.encoded_len().saturating_add(value);
    len.saturating_add(prost::length_delimiter_len(len))
        .saturating_add(1)
}
