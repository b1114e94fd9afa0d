//! The six RPC methods, as Wasm exports that `entrypoint.mjs` puts on `MetricsReporter`.
//!
//! Arguments come as one array, so that no JavaScript value can miss its parameter's type and trap
//! the instance; the codec turns them into bytes and the core judges those. Nothing here rejects,
//! but under `REJECT_INVALID`.
#![allow(unreachable_pub, reason = "wasm-bindgen exports public functions only")]

use js_sys::TypeError;
use wasm_bindgen::prelude::*;

use crate::args::Draft;
use crate::gateway::{deliver, drain, sleep, spawn_own};
use crate::instance::{self, Instance};
use crate::js::{self, Entrypoint};
use crate::json;
use crate::labels::TrustedLabels;
use crate::limits::{MAX_SAMPLES_PER_CALL, MAX_TEXT_PER_CALL};
use crate::log::{self, Line};
use crate::refusal::{Detail, Reason, Refusal};
use crate::report::{PushReport, encode_stats};
use crate::reporter::{Direct, Duty, Flush, Span};
use crate::rows::Row;
use crate::sample::Kind;
use crate::task;
use crate::value::{List, Reader, TOO_MUCH, Value};

/// `incr(name, value?, labels?, options?)`.
#[wasm_bindgen]
pub fn incr(entrypoint: &Entrypoint, args: &JsValue) -> Result<JsValue, JsValue> {
    one(entrypoint, args, "incr", Kind::Counter)
}

/// `observe(name, value, labels?, options?)`.
#[wasm_bindgen]
pub fn observe(entrypoint: &Entrypoint, args: &JsValue) -> Result<JsValue, JsValue> {
    one(entrypoint, args, "observe", Kind::Histogram)
}

/// `record(samples)`.
#[wasm_bindgen]
pub fn record(entrypoint: &Entrypoint, args: &JsValue) -> Result<JsValue, JsValue> {
    buffered(entrypoint, args, "record", true, |call, arguments| {
        call.each_sample(arguments, &mut |call, _, draft| call.take(draft));
    })
}

/// `push(samples)`.
#[wasm_bindgen]
pub fn push(entrypoint: &Entrypoint, args: &JsValue) -> Result<JsValue, JsValue> {
    let bytes = js::encode_call(entrypoint, args, true).unwrap_or_default();
    let now = js::now();
    let taken = call(entrypoint, &bytes, "push", now, |call, arguments| {
        let mut direct = Direct::default();
        let mut report = PushReport::default();
        call.each_sample(arguments, &mut |call, index, draft| {
            let Call {
                instance,
                trusted,
                events,
                ..
            } = call;
            let reporter = &mut instance.reporter;
            if let Err(refusal) = reporter.accept_direct(draft, trusted, &mut direct, events) {
                report.refuse(index, &refusal);
                call.refused(&refusal);
            }
        });
        let reporter = &mut call.instance.reporter;
        (
            reporter.launch(direct, now),
            reporter.flush_now(now),
            report,
        )
    });
    let Some((called, (pushes, flush, mut report))) = taken else {
        return Ok(JsValue::UNDEFINED);
    };
    called.write_lines();
    if pushes.is_empty() {
        report.nothing_to_send();
    }
    let this = entrypoint.clone();
    task::start(entrypoint, now, async move {
        for push in pushes {
            report.add(deliver(&this, push, flush.budget_end).await);
        }
        spawn_own(&this, flush);
        called.rejection?;
        Ok(encoded(&report))
    })
}

/// `flush()`.
#[wasm_bindgen]
pub fn flush(entrypoint: &Entrypoint) -> Result<JsValue, JsValue> {
    let now = js::now();
    let Some(flush) = instance::with(entrypoint, |i| i.reporter.flush_now(now)) else {
        return Ok(JsValue::UNDEFINED);
    };
    let this = entrypoint.clone();
    task::start(entrypoint, now, async move {
        Ok(encoded(&drain(&this, flush).await))
    })
}

/// `stats()`.
#[wasm_bindgen]
pub fn stats(entrypoint: &Entrypoint) -> JsValue {
    let now = js::now();
    let bytes = instance::with(entrypoint, |i| {
        i.reporter.refresh(now);
        let mut out = Vec::with_capacity(1024);
        encode_stats(&mut out, &i.reporter, &i.account);
        out
    });
    bytes.map_or(JsValue::UNDEFINED, |bytes| js::decode(&bytes))
}

fn one(
    entrypoint: &Entrypoint,
    args: &JsValue,
    method: &'static str,
    kind: Kind,
) -> Result<JsValue, JsValue> {
    buffered(entrypoint, args, method, false, |call, arguments| {
        call.take(Draft::from_arguments(kind, arguments));
    })
}

/// Takes samples into the buffer and sees to it that somebody flushes them.
fn buffered(
    entrypoint: &Entrypoint,
    args: &JsValue,
    method: &'static str,
    list: bool,
    take: impl FnOnce(&mut Call<'_>, Reader<'_>),
) -> Result<JsValue, JsValue> {
    let bytes = js::encode_call(entrypoint, args, list).unwrap_or_default();
    let now = js::now();
    let taken = call(entrypoint, &bytes, method, now, |call, arguments| {
        take(call, arguments);
        let reporter = &mut call.instance.reporter;
        // A call that added nothing still sees to what others have left behind.
        if reporter.config().flush_interval_ms == 0 && call.entries.is_some() {
            (Duty::None, Some(reporter.flush_now(now)))
        } else {
            (reporter.duty(now), None)
        }
    });
    let Some((called, (duty, unbuffered))) = taken else {
        return Ok(JsValue::from(0));
    };
    called.write_lines();
    match duty {
        Duty::None => {}
        Duty::Flush(flush) => spawn_flush(entrypoint, now, 0.0, flush),
        Duty::Lead { delay_ms, flush } => spawn_flush(entrypoint, now, delay_ms, flush),
    }
    if let (Some(flush), Some(entries)) = (unbuffered, called.entries) {
        let this = entrypoint.clone();
        return task::start(entrypoint, now, async move {
            drain_past(&this, flush, entries).await;
            called.rejection?;
            Ok(JsValue::from(called.taken))
        });
    }
    called.rejection?;
    Ok(JsValue::from(called.taken))
}

/// Flushes until these entries are settled: another call may have taken some of them.
async fn drain_past(entrypoint: &Entrypoint, flush: Flush, entries: Span) {
    // Longer each time: while a gateway stalls, thousands may wait like this.
    let mut wait_ms = 20.0;
    loop {
        drain(entrypoint, flush).await;
        let done = instance::with(entrypoint, |i| i.reporter.is_settled(entries));
        if done != Some(false) || js::now() >= flush.budget_end {
            return;
        }
        sleep(wait_ms).await;
        wait_ms = f64::min(wait_ms * 2.0, 320.0);
    }
}

/// Promises the runtime a flush, so that it outlives the call.
fn spawn_flush(entrypoint: &Entrypoint, now: f64, delay_ms: f64, flush: Flush) {
    let this = entrypoint.clone();
    // What it ends with is in the account.
    let _ = task::start(entrypoint, now, async move {
        if delay_ms > 0.0 {
            sleep(delay_ms).await;
        }
        instance::with(&this, |i| i.reporter.wake(&flush));
        drain(&this, flush).await;
        Ok(JsValue::UNDEFINED)
    });
}

fn encoded(report: &PushReport) -> JsValue {
    let mut out = Vec::with_capacity(256);
    report.encode(&mut out);
    js::decode(&out)
}

/// One call while it holds the instance.
struct Call<'i> {
    instance: &'i mut Instance,
    trusted: TrustedLabels,
    method: &'static str,
    now: f64,
    events: Vec<crate::reporter::Event>,
    lines: Vec<Line>,
    taken: u32,
    entries: Option<Span>,
    rejection: Option<String>,
}

/// What is left of a call when it has let go of the instance.
struct Called {
    lines: Vec<Line>,
    taken: u32,
    entries: Option<Span>,
    rejection: Result<(), JsValue>,
}

fn call<R>(
    entrypoint: &Entrypoint,
    bytes: &[u8],
    method: &'static str,
    now: f64,
    f: impl FnOnce(&mut Call<'_>, Reader<'_>) -> R,
) -> Option<(Called, R)> {
    instance::with(entrypoint, |instance| {
        instance.reporter.refresh(now);
        let mut arguments = Reader::new(bytes);
        let props = arguments.value().unwrap_or(Value::Undefined);
        let (trusted, slip) = TrustedLabels::new(props);
        let mut call = Call {
            instance,
            trusted,
            method,
            now,
            events: Vec::new(),
            lines: Vec::new(),
            taken: 0,
            entries: None,
            rejection: None,
        };
        if let Some(slip) = slip {
            call.lines
                .extend(log::props_invalid(&mut call.instance.throttle, &slip, now));
        }
        let result = f(&mut call, arguments);
        let Call {
            instance,
            events,
            mut lines,
            taken,
            entries,
            rejection,
            ..
        } = call;
        lines.extend(
            events
                .iter()
                .filter_map(|event| instance.throttle.event(event, now)),
        );
        let rejection = rejection.map_or(Ok(()), |message| Err(TypeError::new(&message).into()));
        (
            Called {
                lines,
                taken,
                entries,
                rejection,
            },
            result,
        )
    })
}

impl Called {
    fn write_lines(&self) {
        for line in &self.lines {
            instance::write(line);
        }
    }
}

impl Call<'_> {
    /// Takes a sample into the buffer, or notes why not.
    fn take(&mut self, draft: Result<Draft<'_>, Refusal<'_>>) {
        let Self {
            instance,
            trusted,
            events,
            ..
        } = self;
        match instance.reporter.accept(draft, trusted, events) {
            Ok(sequence) => {
                self.taken = self.taken.saturating_add(1);
                self.entries = Some(Span::with(self.entries, sequence));
            }
            Err(refusal) => self.refused(&refusal),
        }
    }

    /// Logs a refusal, and keeps the first for the caller where it is to be told.
    fn refused(&mut self, refusal: &Refusal<'_>) {
        let Self {
            instance,
            method,
            now,
            lines,
            rejection,
            ..
        } = self;
        lines.extend(instance.throttle.refused(method, refusal, *now));
        if instance.reporter.config().reject_invalid && refusal.reason.is_invalid_sample() {
            rejection.get_or_insert_with(|| refusal.message());
        }
    }

    /// Calls `f` with each sample of the first argument: an array of objects, or packed text.
    fn each_sample(&mut self, mut arguments: Reader<'_>, f: EachSample<'_>) {
        let given = arguments.value().unwrap_or(Value::Undefined);
        if let Value::Packed(text) = given
            && let Some(rows) = json::rows(text)
            && let Some(Value::List(list)) = Reader::new(&rows).value()
        {
            return self.each(list, Row::from_packed, f);
        }
        let reason = match given {
            Value::List(list) => return self.each(list, Row::from_item, f),
            Value::Packed(_) => Reason::BadPacked,
            Value::Other(TOO_MUCH) => Reason::TooLarge,
            _ => Reason::BadArgument,
        };
        let detail = Detail::Found("an array of samples", given);
        f(self, 0, Err(Refusal::new(reason, detail)));
    }

    fn each<'a>(&mut self, mut list: List<'a>, read: fn(Value<'a>) -> Row<'a>, f: EachSample<'_>) {
        let mut carried = 0usize;
        let mut excess = 0usize;
        let mut text = 0usize;
        for item in list.by_ref() {
            let mut row = read(item);
            let text_len = row.text_len();
            while carried < MAX_SAMPLES_PER_CALL
                && text <= MAX_TEXT_PER_CALL
                && let Some(draft) = row.next()
            {
                f(self, carried, draft);
                carried = carried.saturating_add(1);
                text = text.saturating_add(text_len);
            }
            excess = excess.saturating_add(row.len());
        }
        let excess = excess.saturating_add(list.len());
        if excess > 0 {
            let total = carried.saturating_add(excess);
            let detail = if text > MAX_TEXT_PER_CALL {
                Detail::Limit("bytes of text in one call", text, MAX_TEXT_PER_CALL)
            } else {
                Detail::Limit("samples in one call", total, MAX_SAMPLES_PER_CALL)
            };
            f(self, carried, Err(Refusal::new(Reason::TooLarge, detail)));
            // That counted one of them.
            self.instance
                .reporter
                .count_excess(excess.saturating_sub(1));
        }
    }
}

/// What to do with a sample, or with why it is none, and its place in the list.
type EachSample<'f> = &'f mut dyn FnMut(&mut Call<'_>, usize, Result<Draft<'_>, Refusal<'_>>);

#[cfg(test)]
mod tests {
    use js_sys::{Function, Object, Reflect};
    use wasm_bindgen::prelude::*;
    use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

    use super::*;

    // The codec and the fetch are ES modules.
    wasm_bindgen_test_configure!(run_in_node_experimental);

    /// An entrypoint whose calls nobody waits for, without a gateway.
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

    fn js(source: &str) -> JsValue {
        Function::new_no_args(&format!("return {source}"))
            .call0(&JsValue::NULL)
            .unwrap()
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
        type Method = fn(&Entrypoint, &JsValue) -> Result<JsValue, JsValue>;
        let methods: [(&str, Method); 4] = [
            ("incr", incr),
            ("observe", observe),
            ("record", record),
            ("push", push),
        ];
        for (name, method) in methods {
            for wrong in WRONG {
                for position in 0..4 {
                    // A legal name does not help when something after it is wrong.
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
        let values = "['1' + JSON.stringify([['long_total', 1, 1], ['long_total', 1, Array(10_004).fill(1)]])]";
        assert_eq!(record(&this, &js(values)).unwrap(), 10_000);
        let spaced = "['1' + JSON.stringify([['long_total', 1, Array(10_005).fill(1)]], null, 1)]";
        assert_eq!(record(&this, &js(spaced)).unwrap(), 10_000);
        let refused = Reflect::get(&stats(&this), &"refused".into()).unwrap();
        assert_eq!(Reflect::get(&refused, &"too_large".into()).unwrap(), 20);
    }

    #[wasm_bindgen_test]
    fn of_a_row_with_long_labels_as_many_values_are_looked_at_as_a_call_has_text_for() {
        let this = entrypoint(&[]);
        let refused = |reason: &str| {
            let refused = Reflect::get(&stats(&this), &"refused".into()).unwrap();
            let count = Reflect::get(&refused, &reason.into()).unwrap();
            count.as_f64().unwrap_or(0.0)
        };
        let (long_before, large_before) = (refused("bad_label_value"), refused("too_large"));
        let text = "['1' + JSON.stringify([['a_total', 1, Array(9_000).fill(1), ['k', 'x'.repeat(60_000)]]])]";
        assert_eq!(record(&this, &js(text)).unwrap(), 0);
        let long = refused("bad_label_value") - long_before;
        let large = refused("too_large") - large_before;
        assert_eq!(long + large, 9_000.0, "each value is refused once");
        assert!(
            (500.0..600.0).contains(&long),
            "{long} times 60 kB are 32 MiB"
        );
    }

    #[wasm_bindgen_test]
    fn a_push_without_a_gateway_is_dropped_and_says_why() {
        let this = entrypoint(&[]);
        let args = js(
            "[[{ name: 'a_total', type: 'counter', value: 1 }, { name: 'b', type: 'gauge', value: 1 }]]",
        );
        let result = push(&this, &args).unwrap();
        let text = js_sys::JSON::stringify(&result).unwrap();
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

    #[wasm_bindgen_test]
    fn numbers_in_labels_read_as_javascript_writes_them() {
        for (number, text) in [
            (1e21, "1e+21"),
            (0.1, "0.1"),
            (-0.0, "0"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(crate::number::number_text(number), text);
        }
    }
}
