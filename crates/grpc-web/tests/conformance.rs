//! Every case of the conformance suite, whole and cut off at every point.

#![cfg(not(target_family = "wasm"))]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use grpc_web_unary::{BodyEnd, Reply, read_response};
use serde_json::Value;

const MAX_MESSAGE_LEN: usize = 64 * 1024;

fn cases() -> Vec<Value> {
    let suite: Value =
        serde_json::from_str(include_str!("data/conformance.json")).expect("the suite is JSON");
    suite["cases"].as_array().expect("a list of cases").clone()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key]
        .as_str()
        .unwrap_or_else(|| panic!("{key} of {value}"))
}

fn body_of(case: &Value) -> Vec<u8> {
    let hex = text(case, "body_hex").as_bytes();
    hex.chunks(2)
        .map(|pair| {
            let pair = str::from_utf8(pair).expect("ASCII");
            u8::from_str_radix(pair, 16).expect("hexadecimal")
        })
        .collect()
}

fn read(case: &Value, body: &[u8], end: BodyEnd) -> Reply {
    let http_status = case["http_status"].as_u64().expect("an HTTP status");
    let headers: Vec<(&str, &str)> = case["headers"]
        .as_array()
        .expect("headers")
        .iter()
        .map(|pair| {
            (
                pair[0].as_str().expect("name"),
                pair[1].as_str().expect("value"),
            )
        })
        .collect();
    let http_status = u16::try_from(http_status).expect("16 bits");
    read_response(http_status, headers, body, end, MAX_MESSAGE_LEN)
}

/// `accepted` and `rejected` of a `PushResponse`, read field by field.
fn push_response(mut bytes: &[u8]) -> (u64, u64) {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let mut value = 0;
        for shift in (0..).step_by(7) {
            let (byte, rest) = bytes.split_first().expect("a whole varint");
            *bytes = rest;
            value |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        value
    }
    let (mut accepted, mut rejected) = (0, 0);
    while !bytes.is_empty() {
        match varint(&mut bytes) {
            0x08 => accepted = varint(&mut bytes),
            0x10 => rejected = varint(&mut bytes),
            key => panic!("an unknown field: {key:#x}"),
        }
    }
    (accepted, rejected)
}

/// Compares the reply with the suite's expectation.
fn check(case: &Value, reply: &Reply) {
    let name = text(case, "name");
    let code = u64::from(reply.status.code.number());
    let acceptable = case["acceptable_codes"].as_array();
    let expected = case["expect_code"].as_u64().expect("a code");
    let right = match acceptable {
        Some(codes) => codes.iter().any(|c| c.as_u64() == Some(code)),
        None => code == expected,
    };
    assert!(right, "{name}: expected {expected}, got {reply:?}");
    assert!(
        expected == 0 || !reply.is_ok(),
        "{name}: a false OK: {reply:?}"
    );
    // A code that is acceptable, though not preferred, has our own message.
    if let Some(message) = case["expect_message"].as_str()
        && code == expected
    {
        assert_eq!(reply.status.message, message, "{name}");
    }
    match case.get("expect_response") {
        Some(expected) => {
            let message = reply.message.as_deref();
            let (accepted, rejected) = push_response(message.expect("a message"));
            assert_eq!(Some(accepted), expected["accepted"].as_u64(), "{name}");
            assert_eq!(Some(rejected), expected["rejected"].as_u64(), "{name}");
        }
        None => assert_eq!(reply.message, None, "{name}"),
    }
    // Without a body, the trailers are HTTP headers, which the caller has.
    if let Some(trailers) = case["expect_trailers"].as_object()
        && !text(case, "body_hex").is_empty()
        && code == expected
    {
        for (trailer, values) in trailers {
            let actual: Vec<_> = reply.trailers.get_all(trailer).collect();
            let values = values.as_array().expect("values");
            let values: Vec<_> = values
                .iter()
                .map(|v| v.as_str().expect("text").as_bytes())
                .collect();
            assert_eq!(actual, values, "{name}: {trailer}");
        }
    }
}

#[test]
fn the_suite_is_the_one_that_was_translated() {
    let cases = cases();
    assert_eq!(cases.len(), 69);
    let ok = cases.iter().filter(|c| c["expect_code"] == 0).count();
    assert_eq!(ok, 3);
    // All 16 errors, in both places.
    for code in 1..=16 {
        let expecting = cases.iter().filter(|c| c["expect_code"] == code).count();
        assert!(expecting >= 2, "code {code}");
    }
}

#[test]
fn every_case_is_right() {
    for case in cases() {
        check(&case, &read(&case, &body_of(&case), BodyEnd::Complete));
    }
}

#[test]
fn no_case_is_ok_when_its_end_is_missing() {
    for case in cases() {
        let body = body_of(&case);
        for len in 0..body.len() {
            for end in [BodyEnd::Complete, BodyEnd::Failed, BodyEnd::Deadline] {
                let reply = read(&case, &body[..len], end);
                assert!(!reply.is_ok(), "{} at {len}, {end:?}", text(&case, "name"));
            }
        }
    }
}
