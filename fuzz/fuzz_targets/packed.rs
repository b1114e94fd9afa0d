//! Packed samples: the character 1 and JSON, as `record` and `push` accept it.
//!
//! The target compares with serde_json: text that serde_json reads as an array gives the same
//! values, to the last bit, and other text is refused. Text with halves of surrogate pairs can be
//! read once they are replaced.

#![no_main]

use libfuzzer_sys::fuzz_target;
use metrics_gateway_worker::sample::{
    TrustedLabels, Value, read_packed, rows_of_packed, without_lone_surrogates,
};
use serde_json::Value as Json;

fn assert_same(value: &Value<'_>, json: &Json) {
    match (value, json) {
        (Value::Null, Json::Null) => {}
        (Value::Bool(value), Json::Bool(json)) => assert_eq!(value, json),
        (Value::Number(value), Json::Number(json)) => {
            assert_eq!(value.to_bits(), json.as_f64().expect("a float").to_bits());
        }
        (Value::Text(value), Json::String(json)) => assert_eq!(value, json),
        (Value::Array(array), Json::Array(json)) => {
            assert_eq!(array.items.len() + array.excess, json.len());
            for (item, json) in array.items.iter().zip(json) {
                assert_same(item, json);
            }
        }
        // serde_json keeps only one of two properties with the same name.
        (Value::Object(properties), Json::Object(json)) => {
            for (key, _) in properties {
                assert!(json.contains_key(&**key));
            }
        }
        (Value::Other(_), Json::Object(_)) => {}
        (value, json) => panic!("{value:?} is not {json}"),
    }
}

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let text = without_lone_surrogates(text);
    assert_eq!(without_lone_surrogates(&text), text, "nothing is left");
    let read = read_packed(&text);
    let json = text.strip_prefix('1').map(serde_json::from_str::<Json>);
    match json {
        Some(Ok(Json::Array(json))) => {
            let array = read.expect("an array is read");
            assert_same(&Value::Array(array.clone()), &Json::Array(json));
            let trusted = TrustedLabels::default();
            let (rows, _) = rows_of_packed(array, &trusted);
            for row in rows {
                let left = row.values.left();
                assert!(row.values.count() <= left);
            }
        }
        Some(Err(error)) => {
            assert!(!error.to_string().contains("surrogate"), "{error}");
            assert!(read.is_none(), "{error}");
        }
        _ => assert!(read.is_none(), "not an array of version 1"),
    }
});
