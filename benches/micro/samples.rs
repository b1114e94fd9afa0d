//! Samples on their way to a push: one for each of this many series, with two labels each.

use divan::Bencher;
use divan::counter::ItemsCount;
use metrics_gateway_worker::sample::{Kind, TrustedLabels};

use super::isolate::{Isolate, packed, rows, series};

/// From packed text to checked rows.
#[divan::bench(args = [1, 100, 10_000])]
fn packed_text(bencher: Bencher<'_, '_>, n: usize) {
    let text = packed(Kind::Counter, n);
    let trusted = TrustedLabels::default();
    assert!(rows(&text, &trusted).iter().all(|row| row.series.is_ok()));
    bencher
        .counter(ItemsCount::new(n))
        .bench_local(|| rows(&text, &trusted));
}

/// Increments of counters that are already in the buffer: only numbers are added.
#[divan::bench(args = [1, 100, 10_000])]
fn counter_buffered(bencher: Bencher<'_, '_>, n: usize) {
    let (text, trusted) = (packed(Kind::Counter, n), TrustedLabels::default());
    let series = series(&text, &trusted);
    let mut isolate = Isolate::new();
    isolate.accept(&series);
    isolate.accept(&series);
    assert_eq!(isolate.counts(), (2 * n as u64, n as u64, n));
    bencher
        .counter(ItemsCount::new(n))
        .bench_local(|| isolate.accept(&series));
}

/// The first sample of each series in an isolate, and the push of all of them.
#[divan::bench(args = [1, 100, 10_000])]
fn observation_new_and_pushed(bencher: Bencher<'_, '_>, n: usize) {
    let (text, trusted) = (packed(Kind::Histogram, n), TrustedLabels::default());
    let series = series(&text, &trusted);
    let run = |mut isolate: Isolate| {
        isolate.accept(&series);
        let pushes = isolate.drain();
        assert_eq!(isolate.counts(), (n as u64, 0, 0));
        pushes
    };
    bencher
        .counter(ItemsCount::new(n))
        .with_inputs(Isolate::new)
        .bench_local_values(run);
}
