//! The codec's bytes to drafts: which argument is what.
//!
//! Labels are stepped over here, whatever their number; `canonicalise` reads them.

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use metrics_gateway_worker::args::Draft;
use metrics_gateway_worker::json::rows;
use metrics_gateway_worker::labels::{Labels, TrustedLabels};
use metrics_gateway_worker::refusal::Refusal;
use metrics_gateway_worker::rows::Row;
use metrics_gateway_worker::sample::Kind;
use metrics_gateway_worker::value::{Reader, Value, encode};

use super::call::{Call, labels, put_labels};

/// How many samples a list has.
const LIST: usize = 100;

/// `incr(name, labels)`.
#[divan::bench(args = [0, 2, 8, 32])]
fn incr(bencher: Bencher<'_, '_>, count: usize) {
    let call = Call::new(Kind::Counter, "requests", &labels(count));
    check(call.draft().expect("legal"), Kind::Counter, 1.0, count);
    bencher
        .counter(ItemsCount::new(1u8))
        .bench_local(|| black_box(&call).draft());
}

/// `observe(name, value, labels)`.
#[divan::bench]
fn observe(bencher: Bencher<'_, '_>) {
    let call = Call::new(Kind::Histogram, "request_ms", &labels(2));
    check(call.draft().expect("legal"), Kind::Histogram, 12.5, 2);
    bencher
        .counter(ItemsCount::new(1u8))
        .bench_local(|| black_box(&call).draft());
}

/// `incr({ name, value, labels })`.
#[divan::bench]
fn incr_of_an_object(bencher: Bencher<'_, '_>) {
    let mut bytes = Vec::new();
    put_object(&mut bytes);
    let read = |bytes| Draft::from_arguments(Kind::Counter, Reader::new(bytes));
    check(read(&bytes).expect("legal"), Kind::Counter, 2.0, 2);
    bencher
        .counter(ItemsCount::new(1u8))
        .bench_local(|| read(black_box(&bytes)).is_ok());
}

/// `record` of objects, which the codec writes as one list.
#[divan::bench]
fn record(bencher: Bencher<'_, '_>) {
    let bytes = rows(&packed()).expect("packed samples");
    check_each(&bytes, Row::from_item);
    bencher
        .counter(ItemsCount::new(LIST))
        .bench_local(|| each(black_box(&bytes), Row::from_item, |draft| draft.is_ok()));
}

/// `record` of the packed form, which is text until here.
#[divan::bench]
fn record_packed(bencher: Bencher<'_, '_>) {
    let text = packed();
    check_each(&rows(&text).expect("packed samples"), Row::from_packed);
    bencher
        .counter(BytesCount::of_str(&text))
        .counter(ItemsCount::new(LIST))
        .bench_local(|| {
            let bytes = rows(black_box(&text)).expect("packed samples");
            each(&bytes, Row::from_packed, |draft| draft.is_ok())
        });
}

/// How many samples of an encoded list are as `f` wants them.
fn each<'a>(
    bytes: &'a [u8],
    read: impl Fn(Value<'a>) -> Row<'a>,
    mut f: impl FnMut(Result<Draft<'a>, Refusal<'a>>) -> bool,
) -> usize {
    let Some(Value::List(list)) = Reader::new(bytes).value() else {
        panic!("expected a list");
    };
    list.flat_map(read).filter(|&draft| f(draft)).count()
}

fn check_each<'a>(bytes: &'a [u8], read: impl Fn(Value<'a>) -> Row<'a>) {
    let checked = each(bytes, read, |draft| {
        check(draft.expect("legal"), Kind::Counter, 2.0, 2);
        true
    });
    assert_eq!(checked, LIST);
}

/// Packed text of a list, as the clients write it.
fn packed() -> String {
    let labels: Vec<_> = labels(2)
        .iter()
        .map(|(name, value)| format!(r#""{name}","{value}""#))
        .collect();
    let row = format!(r#"["requests",1,2,[{}]]"#, labels.join(","));
    format!("1[{}]", vec![row; LIST].join(","))
}

fn put_object(out: &mut Vec<u8>) {
    encode::object(out, |out| {
        encode::key(out, "name");
        encode::text(out, "requests");
        encode::key(out, "type");
        encode::text(out, "counter");
        encode::key(out, "value");
        encode::number(out, 2.0);
        encode::key(out, "labels");
        put_labels(out, &labels(2));
        4
    });
}

/// That a draft is of this sample.
fn check(draft: Draft<'_>, kind: Kind, value: f64, count: usize) {
    let mut found = Labels::default();
    let sample = draft
        .check(&mut found, &TrustedLabels::default())
        .expect("legal");
    assert_eq!((sample.kind(), sample.value()), (kind, value));
    assert!(
        sample
            .labels()
            .iter()
            .eq(labels(count).iter().map(|(n, v)| (&**n, &**v)))
    );
}
