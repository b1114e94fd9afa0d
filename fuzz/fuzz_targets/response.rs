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
//! The target checks that the reply is bounded, and that it is OK exactly when an independent second
//! parser agrees: for the whole body, and for bodies that are cut off anywhere.

#![no_main]

#[path = "../../crates/grpc-web/tests/common/mod.rs"]
mod common;

use grpc_web_unary::{
    BodyEnd, Kind, MAX_STATUS_MESSAGE_LEN, MAX_TRAILERS_LEN, Reply, Source, read_response,
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
    fn read(&self, body: &[u8], end: BodyEnd) -> Reply {
        let headers = self.headers.iter().copied();
        read_response(self.http_status, headers, body, end, MAX_MESSAGE_LEN)
    }
}

fn check(http_status: u16, reply: &Reply) {
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
    if let Source::Local(Kind::Proxy(_)) = reply.source {
        assert_eq!(http_status, 500);
    }
}

fuzz_target!(|input: &[u8]| {
    let Some(response) = parse(input) else {
        return;
    };
    let body = response.body;
    // The cuts depend on every byte of the input, so the fuzzer varies them.
    let mut random = input.iter().fold(0x811C_9DC5_u32, |hash, &byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    let mut cut = || {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 8) as usize % (body.len() + 1)
    };
    let lens = [
        body.len(),
        body.len().saturating_sub(1),
        cut(),
        cut(),
        cut(),
        cut(),
    ];
    for body in lens.map(|len| &body[..len]) {
        let (status, headers) = (response.http_status, &response.headers);
        let expected = common::ok_message(status, headers, body, MAX_MESSAGE_LEN);
        for end in [BodyEnd::Complete, BodyEnd::Failed, BodyEnd::Deadline] {
            let reply = response.read(body, end);
            check(status, &reply);
            assert_eq!(reply.message, expected, "{reply:?}");
        }
    }
});
