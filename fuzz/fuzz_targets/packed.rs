//! Packed samples: text that is the character 1 and JSON, as `record` and `push` take it.
//!
//! What is checked, against serde_json: what it reads as an array is read, to the same values to the
//! last bit; what it refuses is refused, but for numbers out of range and halves of surrogate pairs,
//! which JavaScript reads and it does not. And what comes out is at most some times as long as what
//! went in.

#![no_main]

use libfuzzer_sys::fuzz_target;
use metrics_gateway_worker::json::rows;
use metrics_gateway_worker::value::{Reader, Value};
use serde_json::Value as Json;

/// How deep an array or object may stand and be carried: rows, row, labels, and one for luck.
const MAX_DEPTH: usize = 4;

fn assert_same(value: Value<'_>, json: &Json, depth: usize) {
    match (value, json) {
        (Value::Null, Json::Null) => {}
        (Value::Bool(value), Json::Bool(json)) => assert_eq!(value, *json),
        (Value::Number(value), Json::Number(json)) => {
            assert_eq!(value.to_bits(), json.as_f64().expect("a float").to_bits());
        }
        (Value::Text(value), Json::String(json)) => assert_eq!(value, json),
        (Value::Array(items), Json::Array(json)) => {
            assert_eq!(items.len(), json.len());
            for (item, json) in items.zip(json) {
                assert_same(item, json, depth + 1);
            }
        }
        (Value::Brief(brief), Json::Array(json)) => {
            let kind = if brief.is_counter { 1.0 } else { 3.0 };
            assert_eq!(json[0], brief.name());
            assert_eq!(json[1].as_f64(), Some(kind));
            let one = std::slice::from_ref(&json[2]);
            let values = json[2].as_array().map_or(one, Vec::as_slice);
            assert_eq!(brief.values().len(), values.len());
            for (value, json) in brief.values().iter().zip(values) {
                assert_same(Value::Number(f64::from_le_bytes(*value)), json, depth + 1);
            }
            let labels: Vec<_> = brief.labels().collect();
            match json.get(3) {
                None => assert!(labels.is_empty()),
                Some(json) => assert_eq!(*json, Json::from(labels)),
            }
            assert!(json.len() <= 4);
        }
        // serde_json keeps one of two properties with the same name.
        (Value::Object(properties), Json::Object(json)) => {
            for (key, _) in properties {
                assert!(json.contains_key(key));
            }
        }
        (Value::Other(_), Json::Array(_) | Json::Object(_)) if depth >= MAX_DEPTH => {}
        (Value::Other(_), Json::Object(json)) => assert!(json.len() > 64),
        (Value::Other(_), Json::String(json)) => assert!(json.len() > 8_192),
        (value, json) => panic!("{value:?} is not {json}"),
    }
}

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let read = rows(text);
    if let Some(bytes) = &read {
        assert!(bytes.len() <= 16 * text.len() + 64, "{} bytes", bytes.len());
    }
    let Some(json) = text.strip_prefix('1') else {
        assert!(read.is_none(), "of another version");
        return;
    };
    match serde_json::from_str::<Json>(json) {
        Ok(Json::Array(json)) => {
            // It nests as deep as serde_json lets it, and we less.
            let Some(bytes) = read else {
                assert!(text.bytes().filter(|b| matches!(b, b'[' | b'{')).count() > 32);
                return;
            };
            let mut reader = Reader::new(&bytes);
            let Some(Value::List(list)) = reader.value() else {
                panic!("expected a list");
            };
            assert_eq!((list.len(), list.count()), (json.len(), json.len()));
            for (value, json) in list.zip(&json) {
                assert_same(value, json, 1);
            }
            assert_eq!(reader.value(), None, "one value is all");
        }
        Ok(_) => assert!(read.is_none(), "not an array"),
        Err(error) => {
            let error = error.to_string();
            let excused = ["out of range", "surrogate", "hex escape", "recursion limit"];
            if !excused.iter().any(|excuse| error.contains(excuse)) {
                assert!(read.is_none(), "{error}");
            }
        }
    }
});
