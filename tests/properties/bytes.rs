//! Samples of the largest legal size: the limit on bytes applies before the limit on their number.

use std::rc::Rc;

use metrics_gateway_worker::config::Config;
use metrics_gateway_worker::delivery::policy::Outcome;
use metrics_gateway_worker::delivery::{Direct, Drain, Ledger, Push, Reporter, Take};
use metrics_gateway_worker::limits::{
    MAX_BATCH_BYTES, MAX_BUFFERED_BYTES, MAX_LABEL_VALUE_BYTES, MAX_LABELS,
};
use metrics_gateway_worker::sample::{Kind, Labels, Sample, Series, TrustedLabels, Value};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::chaos::cases;
use crate::wire::decode;

#[derive(Debug, Clone)]
enum Op {
    /// Buffers this many observations.
    Record(usize),
    /// Pushes this many observations.
    Push(usize),
    /// A flusher takes a push.
    Take,
    /// The oldest push ends.
    Settle,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => (1usize..80).prop_map(Op::Record),
        2 => (1usize..80).prop_map(Op::Push),
        2 => Just(Op::Take),
        2 => Just(Op::Settle),
    ]
}

/// An observation with the most labels, each of the largest size.
fn largest(trusted: &TrustedLabels) -> Series<'_> {
    let value = "v".repeat(MAX_LABEL_VALUE_BYTES);
    let labels = (0..MAX_LABELS).map(|i| {
        let name = format!("label_{i}");
        (name.into(), Value::Text(value.clone().into()))
    });
    let labels = Labels::new(Value::Object(labels.collect()), trusted).unwrap();
    Series::new(Kind::Histogram, "large_ms", labels, None).unwrap()
}

proptest! {
    #![proptest_config(cases(16))]

    #[test]
    fn what_is_held_stays_within_its_bytes_and_so_does_every_push(ops in vec(op(), 1..24)) {
        let ledger = Rc::new(Ledger::default());
        let mut reporter = Reporter::new(Config::default(), Rc::clone(&ledger), 7);
        let trusted = TrustedLabels::default();
        let series = largest(&trusted);
        let mut events = Vec::new();
        let mut under_way: Vec<Push> = Vec::new();
        let mut drain = Drain::from(reporter.flush_now(0.0));
        let mut each = 33_000;
        for op in ops {
            match op {
                Op::Record(n) => {
                    for _ in 0..n {
                        let _ = reporter.accept(Sample::new(&series, 1.0), &mut events);
                    }
                }
                Op::Push(n) => {
                    let mut direct = Direct::default();
                    for _ in 0..n {
                        let taken =
                            reporter.accept_direct(Sample::new(&series, 1.0), &mut direct, &mut events);
                        let _ = taken;
                    }
                    under_way.extend(reporter.launch(direct, 0.0));
                }
                Op::Take => match reporter.next_push(&mut drain, 0.0) {
                    Take::Push(push) => under_way.push(push),
                    Take::Done => drain = Drain::from(reporter.flush_now(0.0)),
                    Take::Busy { .. } => {}
                },
                Op::Settle if under_way.is_empty() => {}
                Op::Settle => {
                    let push = under_way.remove(0);
                    prop_assert_eq!(decode(&push.body).len() as u64, push.metrics);
                    reporter.settle(push.id, Outcome::Dropped("dns_error"), 0, &mut events);
                }
            }
            for push in &under_way {
                prop_assert!(push.body.len() <= MAX_BATCH_BYTES + 5);
                each = (push.body.len() - 5) / push.metrics as usize;
            }
            let held = reporter.buffered() + reporter.in_flight() as usize;
            prop_assert!(held * each <= MAX_BUFFERED_BYTES, "{held} of {each} bytes");
        }
        // Every accepted sample is still in the ledger.
        let held = (reporter.buffered() as u64) + reporter.in_flight();
        prop_assert_eq!(ledger.pending(), held);
    }
}
