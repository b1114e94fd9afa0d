//! A body of frames, and a block of trailers.
//!
//! The target checks that only valid bytes are a success, that the message and the trailers are
//! the input's, that a header `grpc-status` never makes a success of a body without trailers, and
//! that the fields of a block are the same after writing and parsing them again.

#![no_main]

#[path = "../../crates/grpc-web/tests/common/mod.rs"]
mod common;

use grpc_web_unary::trailers::Trailers;
use grpc_web_unary::{BodyEnd, Code, Source, frame_header, read_response};
use libfuzzer_sys::fuzz_target;

const LIMITS: [usize; 3] = [0, 7, 1 << 20];

fn body(bytes: &[u8]) {
    let grpc_web = ("content-type", "application/grpc-web+proto");
    for limit in LIMITS {
        for headers in [&[grpc_web][..], &[grpc_web, ("grpc-status", "0")]] {
            let fields = headers.iter().copied();
            let reply = read_response(200, fields, bytes, BodyEnd::Complete, limit);
            let expected = common::ok_message(200, headers, bytes, limit);
            assert_eq!(reply.message, expected, "{reply:?}");
            if let Some(message) = reply.message {
                assert!(bytes[5..].starts_with(&message));
            }
            if reply.source == Source::Headers {
                assert!(bytes.contains(&0x80), "OK without a trailers frame");
            }
        }
    }
}

fn block(bytes: &[u8]) {
    let trailers = Trailers::from_block(bytes.to_vec());
    let mut written = Vec::new();
    for (name, value) in trailers.fields() {
        assert!(!name.is_empty());
        assert!(name.iter().all(|b| !b.is_ascii_whitespace() && *b != b':'));
        assert!(!value.contains(&b'\n'));
        assert!(!matches!(value, [b' ' | b'\t', ..] | [.., b' ' | b'\t']));
        for part in [name, b": ", value, b"\r\n"] {
            written.extend_from_slice(part);
        }
    }
    let again = Trailers::from_block(written);
    assert!(trailers.fields().eq(again.fields()));
}

/// The block as the trailers of a response that is otherwise valid.
fn response(bytes: &[u8]) {
    let Ok(len) = u32::try_from(bytes.len()) else {
        return;
    };
    let mut header = frame_header(len);
    header[0] = 0x80;
    let body = [&frame_header(0)[..], &header, bytes].concat();
    let headers = [("content-type", "application/grpc-web")];
    let reply = read_response(200, headers, &body, BodyEnd::Complete, 0);
    assert_eq!(
        reply.status.code == Code::Ok,
        common::ok_message(200, &headers, &body, 0).is_some(),
        "{reply:?}"
    );
}

fuzz_target!(|bytes: &[u8]| {
    body(bytes);
    block(bytes);
    response(bytes);
});
