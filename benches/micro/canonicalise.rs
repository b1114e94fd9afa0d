//! A draft to a legal sample: every label read, checked and put in its place.
//!
//! The row of no labels is what the name and the value cost.

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use metrics_gateway_worker::labels::{Labels, TrustedLabels};
use metrics_gateway_worker::sample::Kind;

use super::call::{Call, labels, trusted};

/// As a caller writes them who keeps order.
#[divan::bench(args = [0, 2, 8, 32])]
fn sorted(bencher: Bencher<'_, '_>, count: usize) {
    bench(bencher, &labels(count), &TrustedLabels::default(), count);
}

/// As they come: in no order.
#[divan::bench(args = [2, 8, 32])]
fn unsorted(bencher: Bencher<'_, '_>, count: usize) {
    let sorted = labels(count);
    // An odd step, and counts that are powers of two: each label comes once.
    let given: Vec<_> = (1..=count)
        .map(|place| sorted[place * 13 % count].clone())
        .collect();
    assert_ne!(given, sorted);
    bench(bencher, &given, &TrustedLabels::default(), count);
}

/// Each before all that came: the worst order there is.
#[divan::bench(args = [2, 8, 32])]
fn backwards(bencher: Bencher<'_, '_>, count: usize) {
    let given: Vec<_> = labels(count).into_iter().rev().collect();
    bench(bencher, &given, &TrustedLabels::default(), count);
}

/// Sorted, and the first and the last are the binding's.
#[divan::bench(args = [2, 8, 32])]
fn with_two_trusted(bencher: Bencher<'_, '_>, count: usize) {
    let mut own = labels(count);
    let vouched = [own.remove(count - 1), own.remove(0)];
    bench(bencher, &own, &trusted(&vouched), count);
}

/// Every bench comes to the same `count` labels.
fn bench(
    bencher: Bencher<'_, '_>,
    given: &[(String, String)],
    trusted: &TrustedLabels,
    count: usize,
) {
    let call = Call::new(Kind::Counter, "requests", given);
    let draft = call.draft().expect("legal");
    let mut found = Labels::default();
    let sample = draft.check(&mut found, trusted).expect("legal");
    let expected = labels(count);
    let expected = expected.iter().map(|(n, v)| (&**n, &**v));
    assert!(sample.labels().iter().eq(expected), "{found:?}");
    bencher
        .counter(BytesCount::new(call.bytes.len()))
        .bench_local(|| black_box(&draft).check(&mut found, trusted).is_ok());
}
