//! From a gateway's response to the outcome of the call, with grpc-web-unary.

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use grpc_web_unary::{BodyEnd, Code, Flow, Reply, Source, UnaryDecoder, frame_header};

const HEADERS: [(&str, &str); 1] = [("content-type", "application/grpc-web+proto")];
/// A PushResponse: 1,000 accepted.
const MESSAGE: [u8; 3] = [0x08, 0xE8, 0x07];
const TRAILERS: &[u8] = b"grpc-status:0\r\n";
const MAX_LEN: usize = 64 << 10;

/// OK and its message in one piece.
#[divan::bench]
fn one_piece(bencher: Bencher<'_, '_>) {
    let body = body(&MESSAGE, TRAILERS);
    bench_ok(bencher, &[&body], &MESSAGE);
}

/// The message and the trailers in two pieces, as servers write them.
#[divan::bench]
fn a_piece_a_frame(bencher: Bencher<'_, '_>) {
    let body = body(&MESSAGE, TRAILERS);
    let (message, trailers) = body.split_at(MESSAGE.len() + 5);
    bench_ok(bencher, &[message, trailers], &MESSAGE);
}

/// The worst division: one byte per piece.
#[divan::bench]
fn a_piece_a_byte(bencher: Bencher<'_, '_>) {
    let body = body(&MESSAGE, TRAILERS);
    let pieces: Vec<_> = body.chunks(1).collect();
    bench_ok(bencher, &pieces, &MESSAGE);
}

/// A message of the largest accepted size, in pieces of this many bytes.
#[divan::bench(args = [1 << 10, 4 << 10, MAX_LEN])]
fn message_of_64_kib_in_pieces_of(bencher: Bencher<'_, '_>, piece_len: usize) {
    let message = vec![7; MAX_LEN];
    let body = body(&message, TRAILERS);
    let pieces: Vec<_> = body.chunks(piece_len).collect();
    bench_ok(bencher, &pieces, &message);
}

/// An error in the trailers, with a percent-encoded message.
#[divan::bench]
fn error_in_the_trailers(bencher: Bencher<'_, '_>) {
    let trailers = b"grpc-status:14\r\ngrpc-message:gateway is restarting%2C try again%21\r\n";
    let body = [&frame(0x80, trailers)[..]].concat();
    let reply = decode(200, &HEADERS, &[&body]);
    assert_eq!(reply.status.code, Code::Unavailable);
    assert_eq!(reply.status.message, "gateway is restarting, try again!");
    assert_eq!(reply.source, Source::Trailers);
    bencher
        .counter(BytesCount::new(body.len()))
        .bench_local(|| decode(200, &HEADERS, black_box(&[&body])));
}

/// The binding's answer when no server listens.
#[divan::bench]
fn error_of_the_binding(bencher: Bencher<'_, '_>) {
    let headers = [("content-type", "text/plain")];
    let body = b"ProxyError: connection_refused";
    let reply = decode(500, &headers, &[body]);
    assert_ne!(reply.status.code, Code::Ok);
    assert!(
        matches!(reply.source, Source::Local(grpc_web_unary::Kind::Proxy(_))),
        "{reply:?}"
    );
    bencher
        .counter(BytesCount::new(body.len()))
        .bench_local(|| decode(500, &headers, black_box(&[body])));
}

fn bench_ok(bencher: Bencher<'_, '_>, pieces: &[&[u8]], message: &[u8]) {
    let reply = decode(200, &HEADERS, pieces);
    assert_eq!(reply.status.code, Code::Ok, "{reply:?}");
    assert_eq!(reply.message.as_deref(), Some(message));
    let len: usize = pieces.iter().map(|piece| piece.len()).sum();
    bencher
        .counter(BytesCount::new(len))
        .bench_local(|| decode(200, &HEADERS, black_box(pieces)));
}

fn decode(http_status: u16, headers: &[(&str, &str)], pieces: &[&[u8]]) -> Reply {
    let mut decoder = UnaryDecoder::new(http_status, headers.iter().copied(), MAX_LEN);
    for piece in pieces {
        if decoder.push(piece) == Flow::Stop {
            break;
        }
    }
    decoder.finish(BodyEnd::Complete)
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
