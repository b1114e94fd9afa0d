//! The recorded result of the `metrics` crate's macros, and the request that it belongs to.

#![cfg(all(feature = "facade", not(target_family = "wasm")))]
#![allow(clippy::arithmetic_side_effects, reason = "an overflow fails the test")]

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use metrics::{counter, describe_counter, describe_histogram, gauge, histogram};
use metrics_reporter_client::testing::{TestReporter, block_on, warnings};
use metrics_reporter_client::{Options, Reporter, facade};

/// Lets another future run.
async fn turn() {
    let mut waited = false;
    poll_fn(|_| {
        if std::mem::replace(&mut waited, true) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

/// Polls futures in turn until all are done, as an isolate does with its requests.
fn take_turns(futures: &mut [&mut dyn FnMut(&mut Context<'_>) -> bool]) {
    let mut context = Context::from_waker(Waker::noop());
    let mut waiting = true;
    while waiting {
        waiting = false;
        for poll in &mut *futures {
            waiting |= poll(&mut context);
        }
    }
}

#[test]
fn a_sample_belongs_to_the_request_whose_turn_it_is() {
    async fn handle(route: &'static str, log: Rc<RefCell<Vec<&'static str>>>) {
        for _ in 0..3 {
            log.borrow_mut().push(route);
            counter!("steps_total", "route" => route).increment(1);
            turn().await;
        }
        histogram!("steps").record(3.0);
    }
    let log = Rc::default();
    let (one, two) = (TestReporter::new(), TestReporter::new());
    let (a, b) = (one.reporter(), two.reporter());
    {
        let mut first = pin!(a.scope(handle("/a", Rc::clone(&log))));
        let mut second = pin!(b.scope(handle("/b", Rc::clone(&log))));
        let (mut first_done, mut second_done) = (false, false);
        take_turns(&mut [
            &mut |cx| {
                first_done = first_done || first.as_mut().poll(cx).is_ready();
                !first_done
            },
            &mut |cx| {
                second_done = second_done || second.as_mut().poll(cx).is_ready();
                !second_done
            },
        ]);
    }
    assert_eq!(*log.borrow(), ["/a", "/b", "/a", "/b", "/a", "/b"]);
    for (test, own, other) in [(&one, "/a", "/b"), (&two, "/b", "/a")] {
        assert_eq!(test.counter("steps_total", [("route", own)]), 3.0);
        assert_eq!(test.counter("steps_total", [("route", other)]), 0.0);
        assert_eq!(test.observations("steps", ()), [3.0]);
    }
}

#[test]
fn a_scope_has_the_labels_and_the_account_of_its_reporter() {
    let test = TestReporter::new();
    let reporter = test.reporter_with(Options::new().label("shop", "pt"));
    block_on(reporter.scope(async {
        counter!("a_total", "k" => "v").increment(2);
        counter!("a_total", "k" => "v").increment(3);
    }));
    assert_eq!(reporter.account().recorded, 2);
    assert_eq!(test.counter("a_total", [("k", "v"), ("shop", "pt")]), 5.0);
}

#[test]
fn the_inner_scope_counts_and_the_outer_one_after_it() {
    let (outer, inner) = (TestReporter::new(), TestReporter::new());
    let (a, b) = (outer.reporter(), inner.reporter());
    block_on(a.scope(async {
        counter!("a_total").increment(1);
        b.scope(async { counter!("a_total").increment(10) }).await;
        counter!("a_total").increment(100);
    }));
    assert_eq!(outer.counter("a_total", ()), 101.0);
    assert_eq!(inner.counter("a_total", ()), 10.0);
}

#[test]
fn a_scope_of_a_disabled_reporter_records_nothing() {
    let test = TestReporter::new();
    block_on(Reporter::disabled().scope(async { counter!("a_total").increment(1) }));
    drop(test.reporter());
    assert!(test.samples().is_empty());
}

#[test]
fn a_kept_counter_looks_for_its_request_each_time() {
    static KEPT: LazyLock<metrics::Counter> = LazyLock::new(|| counter!("kept_total"));
    let (one, two) = (TestReporter::new(), TestReporter::new());
    block_on(one.reporter().scope(async { KEPT.increment(1) }));
    block_on(two.reporter().scope(async { KEPT.increment(2) }));
    assert_eq!(one.counter("kept_total", ()), 1.0);
    assert_eq!(two.counter("kept_total", ()), 2.0);
}

#[test]
fn what_is_recorded_outside_of_every_scope_leaves_with_the_next_request_that_ends() {
    assert!(facade::install());
    assert!(facade::install());
    let test = TestReporter::new();
    counter!("starts_total").increment(1);
    counter!("starts_total").increment(1);
    histogram!("start").record(0.5);
    let reporter = test.reporter_with(Options::new().label("shop", "pt"));
    reporter.incr("requests_total", ());
    drop(reporter);
    let samples = test.samples();
    assert_eq!(test.calls().len(), 1);
    assert_eq!(samples.len(), 3);
    assert_eq!(samples[1].name, "starts_total");
    assert_eq!((samples[1].value, samples[1].labels.len()), (2.0, 0));
    drop(test.reporter());
    assert_eq!(test.samples().len(), 3, "they leave once");
}

#[test]
fn a_request_that_only_used_the_facade_outside_of_a_scope_sends_it_too() {
    assert!(facade::install());
    let test = TestReporter::new();
    let reporter = test.reporter();
    counter!("a_total").increment(1);
    drop(reporter);
    assert_eq!(test.counter("a_total", ()), 1.0);
}

#[test]
fn what_waits_for_a_request_is_bounded_and_counted() {
    assert!(facade::install());
    let test = TestReporter::new();
    histogram!("a_ms").record_many(1.0, usize::MAX);
    histogram!("a_ms").record(f64::NAN);
    let reporter = test.reporter();
    let other = reporter.clone();
    drop(reporter);
    drop(other);
    assert_eq!(test.samples().len(), 4_000);
    assert!(
        warnings()
            .iter()
            .any(|line| line.contains("too much was recorded outside of a scope"))
    );
}

#[test]
fn a_number_of_equal_observations_fills_the_room_there_is_and_no_more() {
    let test = TestReporter::new();
    let reporter = test.reporter();
    block_on(reporter.scope(async {
        histogram!("a_ms").record_many(2.0, 3);
        histogram!("a_ms").record_many(2.0, 1_000_000_000);
    }));
    let account = reporter.account();
    assert_eq!((account.recorded, account.taken), (1_000_000_003, 16_000));
    assert_eq!(account.recorded, account.taken + account.dropped);
}

#[test]
fn an_absolute_counter_arrives_as_what_is_new() {
    let test = TestReporter::new();
    for (value, sum) in [(10, 10.0), (15, 15.0), (15, 15.0), (3, 15.0), (20, 20.0)] {
        block_on(
            test.reporter()
                .scope(async { counter!("set_total").absolute(value) }),
        );
        assert_eq!(test.counter("set_total", ()), sum);
    }
}

#[test]
fn a_duration_arrives_in_the_unit_that_the_name_says_where_its_unit_is_described() {
    let test = TestReporter::new();
    block_on(test.reporter().scope(async {
        describe_histogram!("converted_ms", metrics::Unit::Seconds, "");
        describe_histogram!("kept_seconds", metrics::Unit::Seconds, "");
        describe_histogram!("micro_seconds", metrics::Unit::Microseconds, "");
        describe_histogram!("kept_ms", metrics::Unit::Milliseconds, "");
        describe_histogram!("kept", metrics::Unit::Seconds, "");
        for name in ["converted_ms", "kept_seconds", "kept", "plain_seconds"] {
            histogram!(name).record(Duration::from_millis(1_500));
        }
        histogram!("micro_seconds").record(1_500_000.0);
        histogram!("kept_ms").record(12.5);
    }));
    assert_eq!(test.observations("converted_ms", ()), [1_500.0]);
    for name in ["kept_seconds", "micro_seconds", "kept", "plain_seconds"] {
        assert_eq!(test.observations(name, ()), [1.5], "{name}");
    }
    assert_eq!(test.observations("kept_ms", ()), [12.5]);
    assert!(test.samples().iter().all(|sample| sample.help.is_none()));
}

#[test]
fn names_become_what_the_wire_allows() {
    let test = TestReporter::new();
    block_on(test.reporter().scope(async {
        counter!("http.client-requests:total", "http.route" => "/a.b", "2xx" => "ok").increment(1);
        histogram!("größe").record(Duration::from_millis(1_500));
    }));
    assert_eq!(
        test.counter(
            "http_client_requests_total",
            [("http_route", "/a.b"), ("_2xx", "ok")]
        ),
        1.0
    );
    assert_eq!(test.observations("gr__e", ()), [1.5]);
    assert!(test.refused().is_empty());
}

#[test]
fn descriptions_become_help() {
    let test = TestReporter::new();
    block_on(test.reporter().scope(async {
        describe_counter!(
            "described.total",
            metrics::Unit::Count,
            " Things described. "
        );
        describe_histogram!("described_ms", "x".repeat(5_000));
        counter!("described.total").increment(1);
        histogram!("described_ms").record(1.0);
    }));
    let help: Vec<_> = test
        .samples()
        .into_iter()
        .map(|sample| sample.help)
        .collect();
    assert_eq!(
        help,
        [
            Some("Things described.".to_owned()),
            Some("x".repeat(1_024))
        ]
    );
}

#[test]
fn gauges_are_ignored_with_one_warning() {
    let test = TestReporter::new();
    block_on(test.reporter().scope(async {
        for name in ["a", "b", "c"] {
            gauge!(name).set(1.0);
        }
    }));
    assert!(test.samples().is_empty());
    let warnings = warnings();
    assert_eq!(warnings.len(), 1);
    assert!(
        warnings[0].contains("gauge \"a\" is ignored"),
        "{warnings:?}"
    );
}

#[test]
fn a_scope_leaves_nothing_behind_when_its_future_panics() {
    let test = TestReporter::new();
    let reporter = test.reporter();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        block_on(reporter.scope(async { panic!("the handler's own") }));
    }));
    assert!(panicked.is_err());
    block_on(Reporter::disabled().scope(async { counter!("a_total").increment(1) }));
    assert_eq!(reporter.account().recorded, 0);
}

#[test]
fn what_a_future_records_while_it_is_given_up_belongs_to_its_scope() {
    struct Guard;
    impl Drop for Guard {
        fn drop(&mut self) {
            counter!("given_up_total").increment(1);
        }
    }
    let test = TestReporter::new();
    let reporter = test.reporter();
    {
        let mut scope = pin!(reporter.scope(async {
            let _guard = Guard;
            turn().await;
        }));
        let mut context = Context::from_waker(Waker::noop());
        assert!(scope.as_mut().poll(&mut context).is_pending());
    }
    assert_eq!(test.counter("given_up_total", ()), 1.0);
    assert_eq!(reporter.account().recorded, 1);
}

#[test]
fn a_scope_can_be_sent_to_another_thread() {
    fn is_sent<T: Send>(_: &T) {}
    is_sent(&Reporter::disabled().scope(async {}));
}
