//! Any order of events: calls, flushers that work, stall or vanish, and a clock that jumps.

use metrics_gateway_worker::config::Config;
use metrics_gateway_worker::limits::{FLUSH_BUDGET_MS, LEASE_GRACE_MS, SETTLE_GRACE_MS};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

use crate::samples::{Spec, spec};
use crate::world::{Verdict, World};

#[derive(Debug, Clone)]
enum Op {
    Call {
        samples: Vec<Spec>,
        trusted: usize,
    },
    Push {
        samples: Vec<Spec>,
        trusted: usize,
    },
    Flush,
    /// A flusher takes its next step. If that ends a push, the push ends with this verdict.
    Step {
        which: usize,
        verdict: Verdict,
    },
    /// A flusher's request is cancelled.
    Vanish {
        which: usize,
    },
    /// Time passes.
    Wait {
        ms: f64,
    },
    /// The clock is set, forwards or back.
    Jump {
        ms: f64,
    },
}

fn op() -> impl Strategy<Value = Op> {
    let call =
        (vec(spec(), 0..6), 0usize..3).prop_map(|(samples, trusted)| Op::Call { samples, trusted });
    let push =
        (vec(spec(), 0..6), 0usize..3).prop_map(|(samples, trusted)| Op::Push { samples, trusted });
    let step = (any::<usize>(), verdict()).prop_map(|(which, verdict)| Op::Step { which, verdict });
    prop_oneof![
        10 => call,
        2 => push,
        1 => Just(Op::Flush),
        20 => step,
        2 => any::<usize>().prop_map(|which| Op::Vanish { which }),
        6 => (0u32..2_000).prop_map(|ms| Op::Wait { ms: f64::from(ms) }),
        1 => (0u32..40_000).prop_map(|ms| Op::Wait { ms: f64::from(ms) }),
        1 => (-7_200_000i32..7_200_000).prop_map(|ms| Op::Jump { ms: f64::from(ms) }),
    ]
}

pub(crate) fn verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        6 => Just(Verdict::Applied),
        1 => (1u64..5).prop_map(Verdict::Rejected),
        1 => (0u64..9, prop_oneof![0u64..9, Just(u64::MAX)])
            .prop_map(|(accepted, rejected)| Verdict::Miscounted { accepted, rejected }),
        3 => Just(Verdict::Dropped),
        3 => any::<bool>().prop_map(|applied| Verdict::Unknown { applied }),
    ]
}

pub(crate) fn config() -> impl Strategy<Value = Config> {
    let interval = prop_oneof![1 => Just(0u32), 6 => 1u32..10_000];
    (
        interval,
        1usize..8,
        1usize..24,
        1u32..20_000,
        1usize..6,
        any::<bool>(),
    )
        .prop_map(|(interval, batch, buffered, timeout, series, own)| Config {
            flush_interval_ms: interval,
            max_batch_samples: batch,
            max_buffered_samples: buffered,
            push_timeout_ms: timeout,
            max_series_per_metric: series,
            self_metrics: own,
            ..Config::default()
        })
}

/// `PROPTEST_CASES` in the environment sets the number of cases of every property.
///
/// Found failures are stored beside the tests, and later runs try them first.
pub(crate) fn cases(cases: u32) -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok();
    ProptestConfig {
        cases: asked.and_then(|n| n.parse().ok()).unwrap_or(cases),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(
            "tests/properties/regressions.txt",
        ))),
        max_shrink_iters: 200_000,
        ..ProptestConfig::default()
    }
}

fn play(config: Config, ops: Vec<Op>) -> World {
    let mut world = World::new(config);
    for op in ops {
        match op {
            Op::Call { samples, trusted } => {
                world.call(&samples, trusted);
            }
            Op::Push { samples, trusted } => world.push(&samples, trusted),
            Op::Flush => world.flush(),
            Op::Step { which, verdict } => {
                if let Some(index) = which.checked_rem(world.flushers.len()) {
                    world.step(index, verdict);
                }
            }
            Op::Vanish { which } => {
                if let Some(index) = which.checked_rem(world.flushers.len()) {
                    world.vanish(index);
                }
            }
            Op::Wait { ms } | Op::Jump { ms } => world.now += ms,
        }
        world.check();
    }
    world
}

fn all_vanish(world: &mut World) {
    while !world.flushers.is_empty() {
        world.vanish(0);
    }
}

proptest! {
    #![proptest_config(cases(400))]

    /// [`World::check`] holds after every move, and the pushes hold exactly the accepted samples.
    #[test]
    fn the_account_balances_and_nothing_is_over_counted_or_out_of_bounds(
        config in config(),
        ops in vec(op(), 1..80),
    ) {
        let mut world = play(config, ops);
        // The remaining flushers finish.
        while !world.flushers.is_empty() {
            world.run_last();
        }
    }

    #[test]
    fn when_every_leader_has_vanished_the_next_calls_get_everything_out(
        config in config(),
        ops in vec(op(), 1..60),
    ) {
        let mut world = play(config, ops);
        all_vanish(&mut world);

        // A lease expires some seconds after it was due. Then another request takes the lease.
        world.now += f64::from(world.config.flush_interval_ms).max(50.0) + LEASE_GRACE_MS + 1.0;
        let leads = world.call(&[Spec::increment("a_total")], 0);
        prop_assert!(leads || world.reporter.buffered() == 0);
        if leads {
            world.run_last();
        }

        // A flight expires some seconds after its budget. Then it blocks nothing.
        world.now += FLUSH_BUDGET_MS + SETTLE_GRACE_MS + 1.0;
        if world.reporter.buffered() > 0 {
            prop_assert!(world.call(&[], 0));
            world.run_last();
        }
        let stats = world.stats();
        prop_assert_eq!((stats["buffered"], stats["in_flight"]), (0.0, 0.0));
        world.assert_all_sent();

        // Pushes that ended long ago must not cause refusals of buffered samples or of `push`.
        world.push(&[Spec::increment("a_total")], 0);
        prop_assert_eq!(world.flushers.len(), 1, "a push goes out");
        world.run_last();
        world.assert_all_sent();
    }

    #[test]
    fn pushes_alone_do_not_wedge_when_their_requests_vanish(
        config in config(),
        calls in vec((vec(spec(), 1..20), 0usize..3), 1..20),
    ) {
        let mut world = World::new(config);
        for (samples, trusted) in &calls {
            world.push(samples, *trusted);
            world.check();
        }
        all_vanish(&mut world);
        world.now += FLUSH_BUDGET_MS + SETTLE_GRACE_MS + 1.0;
        world.push(&[Spec::increment("a_total")], 0);
        prop_assert_eq!(world.flushers.len(), 1, "a push goes out");
    }

    #[test]
    fn what_the_worker_says_of_itself_comes_to_its_account(
        config in config(),
        ops in vec(op(), 1..60),
    ) {
        let mut world = play(Config { self_metrics: true, ..config }, ops);
        all_vanish(&mut world);
        // Each round reports the previous one, once the vanished pushes have expired.
        for _ in 0..8 {
            world.flush();
            world.run_last();
            world.call(&[Spec::increment("a_total")], 0);
            world.flush();
            world.run_last();
            world.now += 11_000.0;
            all_vanish(&mut world);
        }
        prop_assert_eq!(world.unreported(), Vec::<String>::new());
    }
}
