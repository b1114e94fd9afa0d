//! Samples into the buffer, from the codec's bytes: one of each of so many series, two labels each.

use divan::Bencher;
use divan::counter::ItemsCount;
use metrics_gateway_worker::sample::Kind;

use super::call::{calls, calls_respelled};
use super::isolate::Isolate;

/// Increments of counters that are in the buffer: nothing is added but numbers.
#[divan::bench(args = [1, 100, 10_000])]
fn counter_buffered(bencher: Bencher<'_, '_>, series: usize) {
    let calls = calls(Kind::Counter, series);
    let mut isolate = Isolate::with(&calls);
    let n = series as u64;
    assert_eq!(isolate.counts(), (n, 0, series));
    isolate.accept(&calls);
    assert_eq!(isolate.counts(), (2 * n, n, series));
    bencher
        .counter(ItemsCount::new(series))
        .bench_local(|| isolate.accept(&calls));
    let (taken, coalesced, buffered) = isolate.counts();
    assert_eq!((taken - coalesced, buffered), (n, series));
}

/// Increments of counters that are in the buffer, their labels in an order that is new.
#[divan::bench(args = [1, 100, 10_000])]
fn counter_respelled(bencher: Bencher<'_, '_>, series: usize) {
    let calls = calls(Kind::Counter, series);
    let respelled = calls_respelled(Kind::Counter, series);
    let buffered = || Isolate::with(&calls);
    let n = series as u64;
    let mut isolate = buffered();
    assert_eq!(isolate.counts(), (n, 0, series));
    isolate.accept(&respelled);
    assert_eq!(isolate.counts(), (2 * n, n, series));
    bencher
        .counter(ItemsCount::new(series))
        .with_inputs(buffered)
        .bench_local_refs(|isolate| isolate.accept(&respelled));
}

/// The first increment of each counter after a flush: a new entry of a known series.
#[divan::bench(args = [1, 100, 10_000])]
fn counter_after_a_flush(bencher: Bencher<'_, '_>, series: usize) {
    let calls = calls(Kind::Counter, series);
    let known = || Isolate::knowing(&calls);
    let n = series as u64;
    let mut isolate = known();
    assert_eq!(isolate.counts(), (n, 0, 0));
    isolate.accept(&calls);
    assert_eq!(isolate.counts(), (2 * n, 0, series));
    bencher
        .counter(ItemsCount::new(series))
        .with_inputs(known)
        .bench_local_refs(|isolate| isolate.accept(&calls));
}

/// The first increment of each counter that an isolate ever sees.
#[divan::bench(args = [1, 100, 10_000])]
fn counter_new(bencher: Bencher<'_, '_>, series: usize) {
    let calls = calls(Kind::Counter, series);
    assert_eq!(Isolate::with(&calls).counts(), (series as u64, 0, series));
    bencher
        .counter(ItemsCount::new(series))
        .with_inputs(Isolate::new)
        .bench_local_refs(|isolate| isolate.accept(&calls));
}

/// Observations of known series, which are kept one by one.
#[divan::bench(args = [1, 100, 10_000])]
fn observation(bencher: Bencher<'_, '_>, series: usize) {
    let calls = calls(Kind::Histogram, series);
    let known = || Isolate::knowing(&calls);
    let n = series as u64;
    let mut isolate = known();
    assert_eq!(isolate.counts(), (n, 0, 0));
    isolate.accept(&calls);
    assert_eq!(isolate.counts(), (2 * n, 0, series));
    bencher
        .counter(ItemsCount::new(series))
        .with_inputs(known)
        .bench_local_refs(|isolate| isolate.accept(&calls));
}
