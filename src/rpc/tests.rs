//! The methods as JavaScript calls them, without a gateway.

use wasm_bindgen::prelude::*;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

use worker::js_sys::{Array, Function, JSON, Object, Promise, Reflect};
use worker::wasm_bindgen_futures::JsFuture;

use super::{Answer, Entrypoint, flush, incr, observe, push, record, stats};

wasm_bindgen_test_configure!(run_in_node_experimental);

/// An entrypoint without a gateway. Its calls are not awaited.
fn entrypoint(vars: &[(&str, &str)]) -> Entrypoint {
    let env = Object::new();
    for (name, value) in vars {
        Reflect::set(&env, &(*name).into(), &(*value).into()).unwrap();
    }
    let ctx = Object::new();
    Reflect::set(&ctx, &"waitUntil".into(), &Function::new_no_args("")).unwrap();
    Reflect::set(&ctx, &"props".into(), &Object::new()).unwrap();
    let this = Object::new();
    Reflect::set(&this, &"env".into(), &env).unwrap();
    Reflect::set(&this, &"ctx".into(), &ctx).unwrap();
    this.unchecked_into()
}

/// Makes the arguments of a call.
fn js(source: &str) -> Array {
    Function::new_no_args(&format!("return {source}"))
        .call0(&JsValue::NULL)
        .unwrap()
        .unchecked_into()
}

fn taken() -> f64 {
    let stats = stats(&entrypoint(&[]));
    Reflect::get(&stats, &"taken".into())
        .unwrap()
        .as_f64()
        .unwrap()
}

const WRONG: [&str; 25] = [
    "undefined",
    "null",
    "true",
    "42",
    "NaN",
    "10n",
    "Symbol('s')",
    "'not a name'",
    "''",
    "'x'.repeat(1e6)",
    "[]",
    "[1, 2]",
    "[[[[[]]]]]",
    "{}",
    "{ a: {} }",
    "() => 1",
    "class {}",
    "new Map([['a', 1]])",
    "new Date(0)",
    "new (class X { a = 1 })()",
    "new Uint8Array(3)",
    "new Proxy({}, { ownKeys() { throw 1 } })",
    "(() => { const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); return proxy })()",
    "{ get a() { throw new Error('no') } }",
    "(() => { const a = {}; a.a = a; return a })()",
];

#[wasm_bindgen_test]
fn the_wrong_type_at_any_argument_of_any_method_neither_throws_nor_takes() {
    let this = entrypoint(&[]);
    let before = taken();
    type Method = fn(&Entrypoint, &Array) -> Answer;
    let methods: [(&str, Method); 4] = [
        ("incr", incr),
        ("observe", observe),
        ("record", record),
        ("push", push),
    ];
    for (name, method) in methods {
        for wrong in WRONG {
            for position in 0..4 {
                // A legal name does not help when a later argument is wrong.
                let args = if matches!(name, "record" | "push") {
                    if position == 0 {
                        format!("[{wrong}]")
                    } else {
                        format!("[[{wrong}]]")
                    }
                } else {
                    let mut args = ["'a-b'", "{}", "1", "{}"].map(str::to_owned);
                    args[position] = wrong.to_owned();
                    format!("[{}]", args.join(","))
                };
                let answer = method(&this, &js(&args));
                assert!(answer.is_ok(), "{name}({args})");
            }
        }
    }
    assert_eq!(taken(), before);
    assert_eq!(incr(&this, &js("['fine_total']")).unwrap(), 1);
    assert_eq!(taken(), before + 1.0);
}

#[wasm_bindgen_test]
fn packed_samples_are_taken_like_objects() {
    let this = entrypoint(&[]);
    let before = taken();
    let packed = r#"['1[["a_total",1,2,["k","v"]],["b_ms",3,0.5],["bad-name",1,1],["c",1]]']"#;
    assert_eq!(record(&this, &js(packed)).unwrap(), 2);
    for wrong in ["''", "'1'", "'1{}'", "'2[]'", "'1[['", "'[]'"] {
        assert_eq!(
            record(&this, &js(&format!("[{wrong}]"))).unwrap(),
            0,
            "{wrong}"
        );
    }
    assert_eq!(taken(), before + 2.0);
    let values =
        r#"['1[["b_ms",3,[1,2.5,1e3],["k","v"]],["a_total",1,[1,-1,"1"]],["a_total",1,[]]]']"#;
    assert_eq!(record(&this, &js(values)).unwrap(), 4);
    assert_eq!(taken(), before + 6.0);
}

#[wasm_bindgen_test]
fn of_a_very_long_list_the_first_ten_thousand_are_taken() {
    let this = entrypoint(&[]);
    let args =
        "[Array.from({ length: 10_005 }, () => ({ name: 'long_total', type: 1, value: 1 }))]";
    assert_eq!(record(&this, &js(args)).unwrap(), 10_000);
    let packed =
        "['1' + JSON.stringify(Array.from({ length: 10_005 }, () => ['long_total', 1, 1]))]";
    assert_eq!(record(&this, &js(packed)).unwrap(), 10_000);
    let values =
        "['1' + JSON.stringify([['long_total', 1, 1], ['long_total', 1, Array(10_004).fill(1)]])]";
    assert_eq!(record(&this, &js(values)).unwrap(), 10_000);
    let spaced = "['1' + JSON.stringify([['long_total', 1, Array(10_005).fill(1)]], null, 1)]";
    assert_eq!(record(&this, &js(spaced)).unwrap(), 10_000);
    let refused = Reflect::get(&stats(&this), &"refused".into()).unwrap();
    assert_eq!(Reflect::get(&refused, &"too_large".into()).unwrap(), 20);
}

#[wasm_bindgen_test]
fn of_a_row_with_long_labels_as_many_values_are_taken_as_a_call_has_text_for() {
    let this = entrypoint(&[]);
    let refused = |reason: &str| {
        let refused = Reflect::get(&stats(&this), &"refused".into()).unwrap();
        let count = Reflect::get(&refused, &reason.into()).unwrap();
        count.as_f64().unwrap_or(0.0)
    };
    let (long_before, large_before) = (refused("bad_label_value"), refused("too_large"));
    let text =
        "['1' + JSON.stringify([['a_total', 1, Array(9_000).fill(1), ['k', 'x'.repeat(60_000)]]])]";
    assert_eq!(record(&this, &js(text)).unwrap(), 0);
    let long = refused("bad_label_value") - long_before;
    assert_eq!(long, 9_000.0, "each value is refused once");
    let text = "['1' + JSON.stringify([['a_total', 1, Array(9_000).fill(1), Array.from({ length: 64 }, (_, i) => i % 2 ? 'x'.repeat(1024) : 'l' + i)]])]";
    let taken = record(&this, &js(text)).unwrap().as_f64().unwrap();
    assert!(
        (1_000.0..1_050.0).contains(&taken),
        "{taken} times 32 kB are 32 MiB"
    );
    let large = refused("too_large") - large_before;
    assert_eq!(taken + large, 9_000.0, "each value is taken or refused");
}

#[wasm_bindgen_test]
async fn a_push_without_a_gateway_is_dropped_and_says_why() {
    let this = entrypoint(&[]);
    let args = js(
        "[[{ name: 'a_total', type: 'counter', value: 1 }, { name: 'b', type: 'gauge', value: 1 }]]",
    );
    let promise: Promise = push(&this, &args).unwrap().unchecked_into();
    let result = JsFuture::from(promise).await.unwrap();
    let text = JSON::stringify(&result).unwrap();
    let text = String::from(text);
    assert!(
        text.starts_with(r#"{"ok":false,"outcome":"dropped","accepted":0,"rejected":0,"code":14,"status":"UNAVAILABLE","#),
        "{text}"
    );
    assert!(
        text.contains(r#""refused":[{"index":1,"reason":"bad_type","#),
        "{text}"
    );
    assert!(flush(&this).is_ok());
}
