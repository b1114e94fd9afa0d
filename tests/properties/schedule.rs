//! Flushers that act at the times they were given. No sample may depend on a later call.

use std::collections::BTreeMap;

use metrics_gateway_worker::config::Config;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::chaos::cases;
use crate::samples::{Spec, spec};
use crate::world::{Flusher, State, Verdict, World};

/// A call, this many ms after the previous one.
type Call = (u32, Vec<Spec>);

/// Plays `calls`, and then only the flushers' own steps. The pushes take the times in `push_ms` in
/// turn, but never longer than their budget. Returns the world at rest, and the longest time that
/// an entry was buffered.
fn play(config: Config, calls: &[Call], push_ms: &[u32]) -> (World, f64) {
    let mut world = World::new(config);
    let mut push_ms = push_ms.iter().cycle();
    let mut ends: BTreeMap<u64, f64> = BTreeMap::new();
    let mut arrivals: BTreeMap<u64, f64> = BTreeMap::new();
    let mut longest = 0f64;
    let mut calls = calls.iter().peekable();
    let mut next_call = world.now + calls.peek().map_or(0.0, |(gap, _)| f64::from(*gap));
    loop {
        let next = world.flushers.iter().enumerate().map(|(index, flusher)| {
            let at = match &flusher.state {
                State::Waiting { due } => *due,
                State::Busy { again } => *again,
                State::Draining => world.now,
                State::Pushing(id) | State::PushingOwn(id) => ends[id],
                State::Direct(_) => unreachable!("no call of push here"),
            };
            (at, index)
        });
        let next = next.min_by(|a, b| a.0.total_cmp(&b.0));
        match (next, calls.peek()) {
            (Some((at, index)), call) if call.is_none() || at <= next_call => {
                world.now = world.now.max(at);
                world.step(index, Verdict::Applied);
                // It may have started a push. The other flushers have not moved.
                for flusher in &world.flushers {
                    if let State::Pushing(id) | State::PushingOwn(id) = &flusher.state {
                        ends.entry(*id).or_insert_with(|| {
                            let ms = f64::from(*push_ms.next().unwrap_or(&0));
                            (world.now + ms).min(flusher.flush.budget_end)
                        });
                    }
                }
            }
            (_, Some((_, samples))) => {
                world.now = world.now.max(next_call);
                world.call(samples, 0);
                assert_covered(&world);
                calls.next();
                next_call += calls.peek().map_or(0.0, |(gap, _)| f64::from(*gap));
            }
            (_, None) => break,
        }
        world.check();
        let (first, count) = (world.model.first(), world.model.buffer.len() as u64);
        for sequence in first..first + count {
            arrivals.entry(sequence).or_insert(world.now);
        }
        while let Some(entry) = arrivals.first_entry().filter(|entry| *entry.key() < first) {
            longest = longest.max(world.now - entry.remove());
        }
    }
    (world, longest)
}

/// Every buffered sample has a flusher that can take it without waiting for the end of a push, and
/// that has the time to push it.
fn assert_covered(world: &World) {
    let attempt_ms = f64::from(world.config.push_timeout_ms);
    let covers = |flusher: &Flusher| {
        let free = match flusher.state {
            State::Waiting { due } => due,
            State::Busy { again } => again,
            State::Draining => world.now,
            _ => return false,
        };
        free + attempt_ms <= flusher.flush.budget_end
    };
    let covered = world.flushers.iter().any(covers);
    assert!(
        world.reporter.buffered() == 0 || covered,
        "{:?}",
        world.flushers
    );
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let gap = prop_oneof![0u32..5, 0u32..300, 0u32..5_000];
    vec((gap, vec(spec(), 1..4)), 1..60)
}

fn interval() -> impl Strategy<Value = u32> {
    prop_oneof![Just(0u32), 1u32..100, 1u32..10_000]
}

proptest! {
    #![proptest_config(cases(250))]

    #[test]
    fn a_sample_waits_no_longer_than_the_flush_interval(
        interval in interval(),
        batch in 1usize..10,
        calls in calls(),
    ) {
        let config = Config {
            flush_interval_ms: interval,
            max_batch_samples: batch,
            ..Config::default()
        };
        let (world, longest) = play(config, &calls, &[0]);
        prop_assert_eq!(world.reporter.buffered(), 0);
        world.assert_all_sent();
        prop_assert!(longest <= f64::from(interval), "{longest} ms");
    }

    #[test]
    fn there_are_no_more_pushes_than_flush_intervals(
        interval in 1u32..1_000,
        calls in vec((0u32..50, vec(spec(), 1..4)), 1..60),
        push_ms in vec(0u32..100, 1..5),
    ) {
        let config = Config {
            flush_interval_ms: interval,
            ..Config::default()
        };
        let (world, _) = play(config, &calls, &push_ms);
        // One more push than whole intervals, because the last call starts another interval.
        let calls_ms: u32 = calls.iter().map(|(gap, _)| gap).sum();
        prop_assert!(world.pushes() <= (calls_ms / interval + 1) as usize);
    }

    #[test]
    fn a_gateway_that_stalls_leaves_nothing_behind_in_the_buffer(
        interval in interval(),
        batch in 20usize..200,
        calls in calls(),
        push_ms in vec(0u32..5_000, 1..20),
    ) {
        let config = Config {
            flush_interval_ms: interval,
            max_batch_samples: batch,
            ..Config::default()
        };
        let (world, _) = play(config, &calls, &push_ms);
        prop_assert_eq!(world.reporter.buffered(), 0);
        prop_assert_eq!(world.reporter.in_flight(), 0);
        world.assert_all_sent();
    }

    #[test]
    fn pushes_that_take_all_of_their_time_leave_nothing_that_the_next_call_does_not_get_out(
        interval in interval(),
        batch in 1usize..200,
        calls in calls(),
        push_ms in vec(prop_oneof![0u32..1_000, 0u32..25_000], 1..20),
    ) {
        let config = Config {
            flush_interval_ms: interval,
            max_batch_samples: batch,
            ..Config::default()
        };
        let (mut world, _) = play(config, &calls, &push_ms);
        world.call(&[Spec::increment("a_total")], 0);
        world.run_last();
        prop_assert_eq!(world.reporter.buffered(), 0);
        world.assert_all_sent();
    }
}
