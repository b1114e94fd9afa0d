//! From a gateway's response to the outcome of the call, with grpc-web-unary.

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use grpc_web_unary::{BodyEnd, Code, Reply, Source, frame_header, read_response};

const HEADERS: [(&str, &str); 1] = [("content-type", "application/grpc-web+proto")];
/// A PushResponse: 1,000 accepted.
const MESSAGE: [u8; 3] = [0x08, 0xE8, 0x07];
const TRAILERS: &[u8] = b"grpc-status:0\r\n";
const MAX_LEN: usize = 64 << 10;

/// OK and its message.
#[divan::bench]
fn ok(bencher: Bencher<'_, '_>) {
    bench_ok(bencher, &MESSAGE);
}

/// A message of the largest accepted size.
#[divan::bench]
fn message_of_64_kib(bencher: Bencher<'_, '_>) {
    bench_ok(bencher, &vec![7; MAX_LEN]);
}

/// An error in the trailers, with a percent-encoded message.
#[divan::bench]
fn error_in_the_trailers(bencher: Bencher<'_, '_>) {
    let trailers = b"grpc-status:14\r\ngrpc-message:gateway is restarting%2C try again%21\r\n";
    let body = frame(0x80, trailers);
    let reply = read(200, &HEADERS, &body);
    assert_eq!(reply.status.code, Code::Unavailable);
    assert_eq!(reply.status.message, "gateway is restarting, try again!");
    assert_eq!(reply.source, Source::Trailers);
    bencher
        .counter(BytesCount::new(body.len()))
        .bench_local(|| read(200, &HEADERS, black_box(&body)));
}

/// The binding's answer when no server listens.
#[divan::bench]
fn error_of_the_binding(bencher: Bencher<'_, '_>) {
    let headers = [("content-type", "text/plain")];
    let body = b"ProxyError: connection_refused";
    let reply = read(500, &headers, body);
    assert_ne!(reply.status.code, Code::Ok);
    assert!(
        matches!(reply.source, Source::Local(grpc_web_unary::Kind::Proxy(_))),
        "{reply:?}"
    );
    bencher
        .counter(BytesCount::new(body.len()))
        .bench_local(|| read(500, &headers, black_box(body)));
}

fn bench_ok(bencher: Bencher<'_, '_>, message: &[u8]) {
    let body = body(message, TRAILERS);
    let reply = read(200, &HEADERS, &body);
    assert_eq!(reply.status.code, Code::Ok, "{reply:?}");
    assert_eq!(reply.message.as_deref(), Some(message));
    bencher
        .counter(BytesCount::new(body.len()))
        .bench_local(|| read(200, &HEADERS, black_box(&body)));
}

fn read(http_status: u16, headers: &[(&str, &str)], body: &[u8]) -> Reply {
    let headers = headers.iter().copied();
    read_response(http_status, headers, body, BodyEnd::Complete, MAX_LEN)
}

fn body(message: &[u8], trailers: &[u8]) -> Vec<u8> {
    [frame(0, message), frame(0x80, trailers)].concat()
}

fn frame(flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = frame_header(u32::try_from(payload.len()).expect("small")).to_vec();
    frame[0] = flags;
    frame.extend_from_slice(payload);
    frame
}
