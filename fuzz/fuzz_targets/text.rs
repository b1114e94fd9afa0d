//! Short texts: status messages, status numbers, timeouts, pushback, thrown errors.
//!
//! The target checks that each parser agrees with an independent reading of its grammar.

#![no_main]

use grpc_web_unary::{
    Code, Kind, MAX_STATUS_MESSAGE_LEN, ProxyError, Pushback, Reply, Source, encode_timeout,
    percent,
};
use libfuzzer_sys::fuzz_target;

fn status_message(bytes: &[u8]) {
    let mut decoded = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let escape = bytes
            .get(at + 1..at + 3)
            .filter(|pair| bytes[at] == b'%' && pair.iter().all(u8::is_ascii_hexdigit));
        match escape.and_then(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    let text = String::from_utf8_lossy(&decoded);
    let end = text.floor_char_boundary(MAX_STATUS_MESSAGE_LEN);
    assert_eq!(percent::decode(bytes), text[..end]);
}

fn numbers(bytes: &[u8]) {
    let text = str::from_utf8(bytes).ok();
    let code = text
        .and_then(|t| {
            t.parse::<u8>()
                .ok()
                .filter(|n| *n <= 16 && n.to_string() == t)
        })
        .and_then(Code::from_u8);
    assert_eq!(Code::from_bytes(bytes), code);
    let ms = text.and_then(|t| {
        t.parse::<i32>()
            .ok()
            .filter(|n| *n >= 0 && n.to_string() == t)
    });
    let pushback = ms.map_or(Pushback::Stop, |n| Pushback::RetryAfterMs(n.unsigned_abs()));
    assert_eq!(Pushback::from_bytes(bytes), pushback);
}

fn timeout(bytes: &[u8]) {
    let Some(&bytes) = bytes.first_chunk() else {
        return;
    };
    // Every order of magnitude is equally likely.
    let ms = u64::from_le_bytes(bytes) >> (bytes[0] % 64);
    let value = encode_timeout(ms);
    let (digits, unit) = value.split_at(value.len() - 1);
    assert!(digits.len() <= 8 && digits.parse::<u32>().is_ok_and(|n| n > 0));
    let unit_ms = match unit {
        "m" => 1,
        "S" => 1_000,
        "M" => 60_000,
        "H" => 3_600_000,
        _ => return assert_eq!((ms, &*value), (0, "1n")),
    };
    let said = digits.parse::<u128>().unwrap() * unit_ms;
    assert!(said >= u128::from(ms).min(99_999_999 * 3_600_000));
    assert!(said < u128::from(ms) + unit_ms);
}

fn thrown(bytes: &[u8]) {
    let whole = ProxyError::from_body(bytes, true);
    let cut = ProxyError::from_body(bytes, false);
    assert_eq!(whole.is_some(), bytes.starts_with(b"ProxyError: "));
    assert_eq!(cut.is_some(), whole.is_some());
    assert!(cut == whole || cut == Some(ProxyError::Unknown));
    if let Some(error) = whole.filter(|e| *e != ProxyError::Unknown) {
        assert!(bytes[12..].starts_with(error.as_str().as_bytes()));
    }
    // More of a body never changes a result that was already certain.
    for len in 0..bytes.len().min(64) {
        let before = ProxyError::from_body(&bytes[..len], false);
        assert!(before.is_none_or(|e| e == ProxyError::Unknown || Some(e) == whole));
    }
    let text = String::from_utf8_lossy(bytes);
    let error = ProxyError::from_thrown(&text);
    if whole.is_some() {
        assert_eq!(error, whole);
    }
    let reply = Reply::local(Kind::of_thrown(&text), &text);
    assert!(!reply.is_ok());
    assert!(!reply.status.message.is_empty());
    assert!(reply.status.message.len() <= MAX_STATUS_MESSAGE_LEN + 8);
    let in_reply = match reply.source {
        Source::Local(Kind::Proxy(error)) => Some(error),
        _ => None,
    };
    assert_eq!(in_reply, error);
    if let Some(error) = error.filter(|e| *e != ProxyError::Unknown) {
        assert!(text.contains(error.as_str()));
    }
}

fuzz_target!(|bytes: &[u8]| {
    status_message(bytes);
    numbers(bytes);
    timeout(bytes);
    thrown(bytes);
});
