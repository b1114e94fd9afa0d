//! Properties that hold for any response.

#![cfg(not(target_family = "wasm"))]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]

mod common;

use grpc_web_unary::{
    BodyEnd, Kind, MAX_STATUS_MESSAGE_LEN, MAX_TRAILERS_LEN, ProxyError, Reply, Source,
    encode_timeout, frame_header, percent, read_response, trailers::Trailers,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

const MAX_MESSAGE_LEN: usize = 48;

#[derive(Clone, Debug)]
struct Response {
    http_status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Response {
    fn headers(&self) -> Vec<(&str, &str)> {
        self.headers.iter().map(|(n, v)| (*n, v.as_str())).collect()
    }

    fn read(&self, end: BodyEnd) -> Reply {
        self.read_part(self.body.len(), end)
    }

    /// Reads the response as if its body ended after `len` bytes.
    fn read_part(&self, len: usize, end: BodyEnd) -> Reply {
        let (headers, body) = (self.headers(), &self.body[..len]);
        read_response(self.http_status, headers, body, end, MAX_MESSAGE_LEN)
    }
}

fn status() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => Just("0".to_owned()),
        3 => (0..20u8).prop_map(|n| n.to_string()),
        1 => select(vec!["", "00", "-1", "0x0", "0 ", "0, 0", "0,9", "0abc", "4294967296", "\u{660}"])
            .prop_map(str::to_owned),
        1 => "[0-9 ,+x-]{0,4}",
    ]
}

fn headers() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let content_type = select(vec![
        "application/grpc-web+proto",
        "application/grpc-web",
        "Application/gRPC-Web+Proto; charset=utf-8",
        "application/grpc-web-text",
        "application/grpc-web+json",
        "application/grpc",
        "text/plain",
        "text/html",
        "image/jpeg",
        "",
    ]);
    let header = prop_oneof![
        2 => (select(vec!["grpc-status", "Grpc-Status"]), status()),
        1 => (Just("grpc-message"), "\\PC{0,20}"),
        1 => (Just("grpc-retry-pushback-ms"), "-?[0-9]{0,12}"),
        1 => (Just("x-grpc-status"), Just("0".to_owned())),
        1 => (Just("content-type"), content_type.clone().prop_map(str::to_owned)),
    ];
    let first = prop_oneof![
        6 => Just("application/grpc-web+proto"),
        1 => content_type,
    ];
    (first, vec(header, 0..3), any::<bool>()).prop_map(|(first, mut rest, there)| {
        if there || rest.is_empty() {
            rest.push(("content-type", first.to_owned()));
        }
        rest
    })
}

fn block() -> impl Strategy<Value = Vec<u8>> {
    let name = prop_oneof![
        4 => select(vec!["grpc-status", "GRPC-Status", "grpc-message", "grpc-retry-pushback-ms"]),
        1 => select(vec!["x-grpc-status", "grpc-status ", " grpc-status", "", "grpc-status-details-bin"]),
    ];
    let separator = select(vec![":", ": ", ":\t", " ", ""]);
    let end = select(vec!["\r\n", "\n", "\r", "", "\r\n\r\n", "\r\n "]);
    let line = (
        name,
        separator,
        prop_oneof![3 => status(), 1 => "\\PC{0,12}"],
        end,
    )
        .prop_map(|(n, s, v, e)| format!("{n}{s}{v}{e}").into_bytes());
    prop_oneof![
        4 => Just(b"grpc-status:0\r\n".to_vec()),
        4 => vec(line, 0..4).prop_map(|lines| lines.concat()),
        1 => vec(any::<u8>(), 0..40),
    ]
}

fn frame() -> impl Strategy<Value = Vec<u8>> {
    let flags = prop_oneof![
        8 => Just(0x00u8),
        1 => select(vec![0x01u8, 0x02, 0x7F, 0x80, 0x81, 0xFF]),
    ];
    let message = (flags, vec(any::<u8>(), 0..MAX_MESSAGE_LEN + 4));
    let trailers = (Just(0x80u8), block());
    // Sometimes a length that is slightly wrong.
    let off = prop_oneof![12 => Just(0i64), 1 => -3i64..4, 1 => Just(1 << 31)];
    (prop_oneof![message, trailers], off).prop_map(|((flags, payload), off)| {
        let len = (payload.len() as i64 + off).clamp(0, i64::from(u32::MAX)) as u32;
        let mut bytes = frame_header(len).to_vec();
        bytes[0] = flags;
        bytes.extend(payload);
        bytes
    })
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let good = (vec(any::<u8>(), 0..20), block()).prop_map(|(message, block)| {
        let mut body = frame_header(message.len() as u32).to_vec();
        body.extend(message);
        let mut header = frame_header(block.len() as u32);
        header[0] = 0x80;
        body.extend(header);
        body.extend(block);
        body
    });
    let frames = vec(frame(), 0..4).prop_map(|frames| frames.concat());
    let whole = prop_oneof![4 => good, 3 => frames, 1 => vec(any::<u8>(), 0..80)];
    // Cut off, with one byte changed, or unchanged.
    (whole, any::<Index>(), any::<u8>(), 0..4u8).prop_map(|(mut body, at, byte, how)| {
        if !body.is_empty() {
            let at = at.index(body.len());
            match how {
                0 => body.truncate(at),
                1 => body[at] = byte,
                _ => {}
            }
        }
        body
    })
}

fn response() -> impl Strategy<Value = Response> {
    let http_status = prop_oneof![8 => Just(200u16), 1 => Just(500u16), 1 => any::<u16>()];
    (http_status, headers(), body()).prop_map(|(http_status, headers, body)| Response {
        http_status,
        headers,
        body,
    })
}

fn end() -> impl Strategy<Value = BodyEnd> {
    select(vec![BodyEnd::Complete, BodyEnd::Failed, BodyEnd::Deadline])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, ..ProptestConfig::default() })]

    #[test]
    fn a_body_that_is_cut_anywhere_is_ok_only_where_it_is_complete(
        response in response(),
        end in end(),
    ) {
        let headers = response.headers();
        let mut ok = 0;
        for len in 0..=response.body.len() {
            let body = &response.body[..len];
            let expected = common::ok_message(response.http_status, &headers, body, MAX_MESSAGE_LEN);
            let reply = response.read_part(len, end);
            ok += usize::from(reply.is_ok());
            prop_assert_eq!(reply.message, expected, "{} bytes", len);
        }
        prop_assert!(ok <= 1, "nothing may follow a complete body");
    }

    #[test]
    fn a_frame_that_is_wrong_stays_wrong_whatever_follows(
        response in response(),
        more in vec(any::<u8>(), 0..40),
    ) {
        let before = response.read(BodyEnd::Complete);
        let longer = Response { body: [&response.body[..], &more].concat(), ..response };
        if let Source::Local(
            Kind::TooLarge | Kind::Compressed | Kind::BadFrame | Kind::TrailingData,
        ) = before.source
        {
            for end in [BodyEnd::Complete, BodyEnd::Failed, BodyEnd::Deadline] {
                prop_assert_eq!(&longer.read(end), &before);
            }
        }
    }

    #[test]
    fn a_reply_is_ok_exactly_when_the_protocol_says_so(response in response()) {
        let reply = response.read(BodyEnd::Complete);
        let expected = common::ok_message(
            response.http_status,
            &response.headers(),
            &response.body,
            MAX_MESSAGE_LEN,
        );
        prop_assert_eq!(reply.is_ok(), expected.is_some(), "{:?}", reply);
        prop_assert_eq!(reply.message, expected);
    }

    #[test]
    fn a_body_that_does_not_end_well_never_makes_a_reply_ok_that_was_not(
        response in response(),
        end in end(),
    ) {
        let complete = response.read(BodyEnd::Complete);
        let reply = response.read(end);
        prop_assert_eq!(reply.is_ok(), complete.is_ok());
    }

    #[test]
    fn a_reply_is_bounded_and_agrees_with_itself(response in response(), end in end()) {
        let reply = response.read(end);
        prop_assert_eq!(reply.is_ok(), reply.message.is_some());
        prop_assert!(reply.status.message.len() <= 2 * MAX_STATUS_MESSAGE_LEN);
        prop_assert!(reply.message.as_ref().is_none_or(|m| m.len() <= MAX_MESSAGE_LEN));
        if let Source::Local(kind) = reply.source {
            prop_assert_eq!(reply.status.code, kind.code());
            prop_assert!(!reply.status.message.is_empty());
            prop_assert!(!reply.status.message.ends_with('.') || reply.status.message.contains('`')
                || reply.status.message.contains(": "));
        }
        // Only the platform itself says this, and in one way.
        if let Source::Local(Kind::Proxy(_)) = reply.source {
            prop_assert_eq!(response.http_status, 500);
            prop_assert!(response.body.starts_with(b"ProxyError: "));
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(
        http_status in any::<u16>(),
        name in "\\PC{0,20}",
        value in "\\PC{0,40}",
        body in vec(any::<u8>(), 0..200),
        limit in 0..64usize,
    ) {
        let headers = [("content-type", "application/grpc-web"), (name.as_str(), value.as_str())];
        let _ = read_response(http_status, headers, &body, BodyEnd::Complete, limit);
        let _ = read_response(http_status, headers[1..].iter().copied(), &body, BodyEnd::Failed, limit);
        let _ = percent::decode(&body);
        let _ = ProxyError::from_body(&body, true);
        let _ = Kind::of_thrown(&value);
        let _ = Trailers::from_block(body).fields().count();
    }

    #[test]
    fn a_percent_encoded_message_comes_back(message in "\\PC{0,100}") {
        let encoded: String = message
            .bytes()
            .map(|b| match b {
                b' '..=b'$' | b'&'..=b'~' => char::from(b).to_string(),
                _ => format!("%{b:02X}"),
            })
            .collect();
        let end = message.floor_char_boundary(MAX_STATUS_MESSAGE_LEN);
        prop_assert_eq!(percent::decode(encoded.as_bytes()), &message[..end]);
    }

    #[test]
    fn a_timeout_is_within_its_grammar_and_never_too_short(ms in any::<u64>()) {
        let value = encode_timeout(ms);
        let (digits, unit) = value.split_at(value.len() - 1);
        prop_assert!((1..=8).contains(&digits.len()), "{}", value);
        let count: u128 = digits.parse().unwrap();
        let unit_ms = match unit { "m" => 1, "S" => 1_000, "M" => 60_000, "H" => 3_600_000, _ => 0 };
        prop_assert!(count > 0);
        let longest = 99_999_999u128 * 3_600_000;
        if ms > 0 {
            prop_assert!(count * unit_ms >= u128::from(ms).min(longest), "{}", value);
            prop_assert!((count - 1) * unit_ms < u128::from(ms), "{}", value);
        }
    }
}

#[test]
fn the_responses_tried_are_of_every_sort() {
    use proptest::strategy::ValueTree;
    use std::collections::BTreeMap;

    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut seen = BTreeMap::new();
    for _ in 0..8_000 {
        let response = response().new_tree(&mut runner).unwrap().current();
        let reply = response.read(BodyEnd::Complete);
        let sort = match reply.source {
            Source::Local(kind) => kind.as_str(),
            Source::Headers if reply.is_ok() => "ok by the headers",
            Source::Headers => "error by the headers",
            _ if reply.is_ok() => "ok",
            _ => "error",
        };
        *seen.entry(sort).or_insert(0u32) += 1;
    }
    for sort in [
        "ok",
        "error",
        "ok by the headers",
        "error by the headers",
        "bad_frame",
        "bad_status",
        "cardinality",
        "codec",
        "compressed",
        "conflicting_status",
        "content_type",
        "http_status",
        "no_status",
        "too_large",
        "trailing_data",
        "truncated",
    ] {
        assert!(seen.get(sort).is_some_and(|&n| n >= 5), "{sort}: {seen:?}");
    }
}

#[test]
fn a_message_at_the_limit_of_the_trailers_is_bounded() {
    let block = format!("grpc-status: 13\r\ngrpc-message: {}", "%FF".repeat(5_000));
    assert!(block.len() <= MAX_TRAILERS_LEN);
    let mut body = frame_header(block.len() as u32).to_vec();
    body[0] = 0x80;
    body.extend(block.into_bytes());
    let response = Response {
        http_status: 200,
        headers: vec![("content-type", "application/grpc-web".to_owned())],
        body,
    };
    let reply = response.read(BodyEnd::Complete);
    assert_eq!(reply.status.code.number(), 13);
    assert!(reply.status.message.len() <= MAX_STATUS_MESSAGE_LEN);
}
