//! A whole response: HTTP status, headers and body.
//!
//! The input looks like a response:
//!
//! ```text
//! 200
//! content-type: application/grpc-web+proto
//! grpc-status: 3
//!
//! …the body, to the end
//! ```
//!
//! The target checks that the reply does not depend on the division of the body, that it is
//! bounded, and that it is OK exactly when an independent second parser agrees.

#![no_main]

#[path = "../../crates/grpc-web/tests/common/mod.rs"]
mod common;

use grpc_web_unary::{
    BodyEnd, Flow, Kind, MAX_STATUS_MESSAGE_LEN, MAX_TRAILERS_LEN, Reply, Source, UnaryDecoder,
};
use libfuzzer_sys::fuzz_target;

const MAX_MESSAGE_LEN: usize = 64;

struct Response<'a> {
    http_status: u16,
    headers: Vec<(&'a str, &'a str)>,
    body: &'a [u8],
}

fn parse(input: &[u8]) -> Option<Response<'_>> {
    let end = input.windows(2).position(|pair| pair == b"\n\n")?;
    let mut lines = str::from_utf8(&input[..end]).ok()?.lines();
    Some(Response {
        http_status: lines.next()?.parse().ok()?,
        headers: lines.filter_map(|line| line.split_once(':')).collect(),
        body: &input[end + 2..],
    })
}

impl Response<'_> {
    fn decode<'b>(&self, pieces: impl IntoIterator<Item = &'b [u8]>, end: BodyEnd) -> Reply {
        let headers = self.headers.iter().copied();
        let mut decoder = UnaryDecoder::new(self.http_status, headers, MAX_MESSAGE_LEN);
        let mut stopped = decoder.flow() == Flow::Stop;
        for piece in pieces {
            let flow = decoder.push(piece);
            assert!(
                !stopped || flow == Flow::Stop,
                "it never goes on after a stop"
            );
            stopped = flow == Flow::Stop;
        }
        decoder.finish(end)
    }
}

fn check(reply: &Reply) {
    assert_eq!(reply.is_ok(), reply.message.is_some());
    assert!(reply.status.message.len() <= 2 * MAX_STATUS_MESSAGE_LEN);
    assert!(
        reply
            .message
            .as_ref()
            .is_none_or(|m| m.len() <= MAX_MESSAGE_LEN)
    );
    let trailers: usize = reply
        .trailers
        .fields()
        .map(|(n, v)| n.len() + v.len())
        .sum();
    assert!(trailers <= MAX_TRAILERS_LEN);
    if let Source::Local(kind) = reply.source {
        assert_eq!(reply.status.code, kind.code());
        assert!(!reply.is_ok());
        assert!(!kind.as_str().is_empty());
    }
    if reply.provably_unsent() {
        assert!(matches!(reply.source, Source::Local(Kind::Proxy(_))));
        assert_eq!(reply.http_status, Some(500));
    }
}

fuzz_target!(|input: &[u8]| {
    let Some(response) = parse(input) else {
        return;
    };
    let body = response.body;
    // The pieces depend on every byte of the input, so the fuzzer varies them.
    let mut random = input.iter().fold(0x811C_9DC5_u32, |hash, &byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    let mut cut = |len: usize| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 8) as usize % (len + 1)
    };
    for end in [BodyEnd::Complete, BodyEnd::Failed, BodyEnd::Deadline] {
        let whole = response.decode([body], end);
        check(&whole);
        assert_eq!(response.decode(body.chunks(1), end), whole);
        for _ in 0..4 {
            let (a, rest) = body.split_at(cut(body.len()));
            let (b, c) = rest.split_at(cut(rest.len()));
            assert_eq!(response.decode([a, b, c], end), whole);
        }
    }
    let complete = response.decode([body], BodyEnd::Complete);
    let expected = common::ok_message(
        response.http_status,
        &response.headers,
        body,
        MAX_MESSAGE_LEN,
    );
    assert_eq!(complete.message, expected, "{complete:?}");
});
