//! The default scope: the samples of all requests of an isolate leave in one call.

#![cfg(not(target_family = "wasm"))]
#![allow(clippy::arithmetic_side_effects, reason = "an overflow fails the test")]

use std::time::Duration;

use metrics_reporter_client::testing::{TestReporter, advance_clock, block_on, warnings};
use metrics_reporter_client::{Account, Options, Reporter, Scope};

/// Checks that every sample is counted in exactly one place.
fn assert_account(reporter: &Reporter) -> Account {
    let account = reporter.account();
    let Account {
        folded,
        taken,
        refused,
        dropped,
        unknown,
        pending,
        ..
    } = account;
    let placed = folded + taken + refused + dropped + unknown + pending;
    assert_eq!(account.recorded, placed, "{account:?}");
    account
}

#[test]
fn a_hundred_requests_share_one_call_after_a_second() {
    let test = TestReporter::new();
    for i in 0..100 {
        let metrics = test.reporter();
        metrics.incr("requests_total", [("route", "/")]);
        metrics.observe("basket_items", i, ());
    }
    let watch = test.reporter();
    advance_clock(999.0);
    assert_eq!(assert_account(&watch).pending, 101);
    assert_eq!(watch.account().calls, 0);
    advance_clock(1.0);
    let account = assert_account(&watch);
    assert_eq!(
        (
            account.calls,
            account.recorded,
            account.folded,
            account.taken
        ),
        (1, 200, 99, 101)
    );
    assert_eq!(test.calls().len(), 1);
    assert_eq!(test.counter("requests_total", ()), 100.0);
}

#[test]
fn a_quiet_isolates_one_request_sends_for_itself() {
    let test = TestReporter::new();
    test.reporter().incr("a_total", ());
    advance_clock(1_000.0);
    assert_eq!(test.reporter().account().taken, 1);
}

#[test]
fn the_interval_can_be_set() {
    let test = TestReporter::new();
    let metrics = test.reporter_with(Options::new().flush_interval(Duration::from_millis(50)));
    metrics.incr("a_total", ());
    advance_clock(49.0);
    assert_eq!(metrics.account().calls, 0);
    advance_clock(1.0);
    assert_eq!(metrics.account().calls, 1);
}

#[test]
fn a_full_batch_does_not_wait() {
    let test = TestReporter::new();
    let metrics = test.reporter_with(Options::new().max_batch(10));
    for i in 0..9 {
        metrics.observe("a_ms", i, ());
    }
    assert_eq!(metrics.account().calls, 0);
    metrics.observe("a_ms", 9, ());
    assert_eq!(assert_account(&metrics).taken, 10);
}

#[test]
fn flush_sends_what_all_requests_recorded_in_either_scope() {
    for scope in [Scope::Isolate, Scope::Request] {
        let test = TestReporter::new();
        let options = || Options::new().scope(scope);
        let (one, two) = (test.reporter_with(options()), test.reporter_with(options()));
        one.incr("a_total", ());
        two.incr("b_total", ());
        block_on(two.flush());
        let expected = if scope == Scope::Isolate { 2 } else { 1 };
        assert_eq!(two.account().taken, expected, "{scope:?}");
        assert_eq!(two.account().pending, 0, "{scope:?}");
    }
}

#[test]
fn beyond_its_room_an_isolate_drops_samples_and_says_so_once() {
    let test = TestReporter::new();
    test.hang();
    let metrics = test.reporter_with(Options::new().max_calls(1).max_batch(10));
    for i in 0..10 {
        metrics.observe("a_ms", i, ());
    }
    for i in 0..30 {
        metrics.observe("a_ms", i, ());
    }
    let account = assert_account(&metrics);
    assert_eq!((account.pending, account.dropped), (10, 30));
    let said = warnings();
    let said = said.iter().filter(|line| {
        line.contains("\"a_ms\" dropped: as much as 1 calls carry (max_calls) waits already")
    });
    assert_eq!(said.count(), 1);
}

#[test]
fn debug_writes_one_line_per_request() {
    let test = TestReporter::new();
    let metrics = test.reporter_with(Options::new().debug(true));
    metrics.incr("a_total", ());
    metrics.incr("a_total", ());
    metrics.observe("b_ms", 1, ());
    drop(metrics);
    drop(test.reporter());
    assert_eq!(
        warnings(),
        [
            "metrics-reporter-client: this request recorded 3 samples: a_total 2, b_ms 1; the isolate \
             so far: recorded 3 = folded 1 + taken 0 + refused 0 + dropped 0 + unknown 0 + pending 2, \
             in 0 calls"
        ]
    );
}

#[test]
fn an_empty_label_value_is_no_label() {
    let test = TestReporter::new();
    let metrics = test.reporter_with(Options::new().label("region", "weur"));
    metrics.incr("a_total", [("route", ""), ("region", "")]);
    let mut timer = metrics.timer("a_ms", [("outcome", "ok")]);
    timer.label("outcome", "");
    timer.stop();
    let samples = test.samples();
    assert!(samples[0].labels.is_empty(), "{samples:?}");
    assert_eq!(
        samples[1].labels,
        [("region".to_owned(), "weur".to_owned())]
    );
}

#[test]
fn a_name_from_another_system_is_refused_with_a_suggestion() {
    let test = TestReporter::new();
    let metrics = test.reporter();
    metrics.observe("http.server.duration", 1, ());
    block_on(metrics.flush());
    assert_eq!(assert_account(&metrics).refused, 1);
    let said = warnings();
    assert!(said[0].ends_with("; try http_server_duration"), "{said:?}");
}
