//! A batch of 1,000 out of a buffer of so many: what a flush does before it pushes.
//!
//! A buffer of one batch is handed over as it is, so its row says nothing of the 1,000.

use divan::Bencher;
use divan::counter::ItemsCount;
use grpc_web_unary::{FRAME_HEADER_LEN, frame_header};
use metrics_gateway_worker::sample::Kind;

use super::call::calls;
use super::isolate::Isolate;

/// As many as a PushRequest has at most.
const BATCH: usize = 1_000;

/// What is left of the counters has to be found again.
#[divan::bench(args = [BATCH, 10 * BATCH])]
fn counters(bencher: Bencher<'_, '_>, buffered: usize) {
    bench(bencher, Kind::Counter, buffered);
}

/// What is left of the observations only moves.
#[divan::bench(args = [BATCH, 10 * BATCH])]
fn observations(bencher: Bencher<'_, '_>, buffered: usize) {
    bench(bencher, Kind::Histogram, buffered);
}

fn bench(bencher: Bencher<'_, '_>, kind: Kind, buffered: usize) {
    let calls = calls(kind, buffered);
    let full = || Isolate::with(&calls);
    let mut isolate = full();
    assert_eq!(isolate.reporter.buffered(), buffered);
    let push = isolate.take();
    let message_len = u32::try_from(push.body.len() - FRAME_HEADER_LEN).expect("small");
    assert_eq!(push.metrics, BATCH as u64);
    assert!(push.body.starts_with(&frame_header(message_len)));
    assert_eq!(isolate.reporter.buffered(), buffered - BATCH);
    bencher
        .counter(ItemsCount::new(BATCH))
        .with_inputs(full)
        .bench_local_refs(Isolate::take);
}
