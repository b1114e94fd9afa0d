//! The view of a Worker's code: which samples are collected, when they are sent, and which are lost.

#![cfg(not(target_family = "wasm"))]
#![allow(clippy::arithmetic_side_effects, reason = "an overflow fails the test")]

use std::time::Duration;

use metrics_reporter_client::testing::{
    MetricType, TestReporter, advance_clock, block_on, warnings,
};
use metrics_reporter_client::{
    Account, Options, Outcome, PushError, Reporter, Sample, Scope, define_metrics, labels,
};

/// Every request sends its own samples.
fn per_request() -> Options {
    Options::new().scope(Scope::Request)
}

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

fn warned_of(text: &str) -> usize {
    warnings().iter().filter(|line| line.contains(text)).count()
}

#[test]
fn a_request_makes_one_call_when_its_last_reporter_is_dropped() {
    let test = TestReporter::new();
    let metrics = test.reporter_with(per_request());
    let elsewhere = metrics.clone();
    metrics.incr("requests_total", [("route", "/")]);
    metrics.incr_by("requests_total", 2.5, [("route", "/")]);
    metrics.observe("body_bytes", 512_usize, ());
    drop(metrics);
    elsewhere.observe("body_bytes", 1, ());
    drop(elsewhere);

    let calls = test.calls();
    assert_eq!(calls.len(), 1);
    let sent: Vec<_> = calls[0]
        .iter()
        .map(|s| (s.name.as_str(), s.metric_type, s.value))
        .collect();
    assert_eq!(
        sent,
        [
            ("requests_total", MetricType::Counter, 3.5),
            ("body_bytes", MetricType::Histogram, 512.0),
            ("body_bytes", MetricType::Histogram, 1.0),
        ],
    );
    assert_eq!(calls[0][0].labels, [("route".to_owned(), "/".to_owned())]);
}

#[test]
fn a_request_that_records_nothing_makes_no_call() {
    let test = TestReporter::new();
    drop(test.reporter());
    assert!(test.calls().is_empty());
}

#[test]
fn a_handler_that_works_for_long_sends_what_it_has_meanwhile() {
    let test = TestReporter::new();
    let metrics = test.reporter_with(per_request());
    metrics.incr("steps_total", ());
    advance_clock(9_999.0);
    assert_eq!(metrics.account().calls, 0);
    advance_clock(1.0);
    assert_eq!(metrics.account().calls, 1);
    metrics.incr("steps_total", ());
    advance_clock(14_999.0);
    assert_eq!(metrics.account().calls, 1);
    advance_clock(1.0);
    assert_eq!(metrics.account().calls, 2);
    assert_eq!(assert_account(&metrics).taken, 2);
}

#[test]
fn the_last_call_is_kept_for_the_end_of_the_handler() {
    let test = TestReporter::new();
    let metrics = test.reporter_with(per_request().max_calls(2));
    for _ in 0..5 {
        metrics.incr("steps_total", ());
        advance_clock(60_000.0);
    }
    assert_eq!(metrics.account().calls, 1);
    drop(metrics);
    assert_eq!(test.calls().len(), 2);
    assert_eq!(test.counter("steps_total", ()), 5.0);
}

#[test]
fn flush_is_done_when_the_reporter_has_answered() {
    let test = TestReporter::new();
    let metrics = test.reporter();
    metrics.incr("a_total", ());
    assert_eq!(assert_account(&metrics).pending, 1);
    block_on(metrics.flush());
    let account = assert_account(&metrics);
    assert_eq!((account.taken, account.pending, account.calls), (1, 0, 1));
    block_on(metrics.flush());
    assert_eq!(metrics.account().calls, 1);
}

#[test]
fn more_than_one_call_can_carry_goes_into_several() {
    let test = TestReporter::new();
    let metrics = test.reporter();
    for i in 0..2_500 {
        metrics.observe("large_ms", i, ());
    }
    block_on(metrics.flush());
    assert_eq!(assert_account(&metrics).taken, 2_500);
    let sizes: Vec<_> = test.calls().iter().map(Vec::len).collect();
    assert_eq!(sizes, [1_000, 1_000, 500]);
}

#[test]
fn beyond_its_calls_a_request_drops_samples_and_says_so_once() {
    let test = TestReporter::new();
    let metrics = test.reporter_with(per_request());
    for i in 0..20_000 {
        metrics.observe("large_ms", i, ());
    }
    metrics.incr("late_total", ());
    let account = assert_account(&metrics);
    assert_eq!((account.pending, account.dropped), (16_000, 4_001));
    block_on(metrics.flush());
    assert_eq!(test.calls().len(), 16);
    metrics.incr("later_total", ());
    assert_eq!(assert_account(&metrics).dropped, 4_002);
    assert_eq!(
        warned_of("\"large_ms\" dropped: one request sends its metrics in at most 16 calls"),
        1
    );
    assert_eq!(warned_of("\"later_total\" dropped"), 1);
}

#[test]
fn a_reporter_that_fails_leaves_the_outcome_unknown_and_is_not_asked_again() {
    let test = TestReporter::new();
    test.fail("Network connection lost.");
    let metrics = test.reporter();
    metrics.incr("a_total", ());
    metrics.incr("a_total", ());
    block_on(metrics.flush());
    let account = assert_account(&metrics);
    assert_eq!((account.unknown, account.folded), (1, 1));
    assert_eq!(
        warned_of(
            "calling the reporter with 1 samples (a_total), outcome unknown: Network connection lost."
        ),
        1
    );
    test.recover();
    drop(metrics);
    assert!(test.calls().is_empty());
}

#[test]
fn what_a_reporter_teaches_reaches_the_log_whole() {
    let test = TestReporter::new();
    let lesson = format!(
        "metric \"a_total\": label \"route\": expected at most 1024 bytes, got 2000, {}; for example {{ route: \"/search\", status: 200, cached: true }}",
        "and so on ".repeat(20),
    );
    test.fail(&format!("TypeError: {lesson}"));
    let metrics = test.reporter();
    metrics.incr("a_total", [("route", "x".repeat(2_000))]);
    metrics.incr("good_total", ());
    block_on(metrics.flush());
    let account = assert_account(&metrics);
    assert_eq!((account.taken, account.refused, account.unknown), (1, 1, 0));
    assert_eq!(warned_of(&lesson), 1);
}

#[test]
fn an_answer_that_does_not_come_is_not_waited_for_without_end() {
    let test = TestReporter::new();
    test.hang();
    let metrics = test.reporter_with(Options::new().answer_timeout(Duration::from_millis(500)));
    metrics.incr("a_total", ());
    let other = metrics.clone();
    drop(metrics);
    test.calls(); // sends
    assert_eq!(assert_account(&other).pending, 1);
    advance_clock(500.0);
    assert_eq!(assert_account(&other).unknown, 1);
    assert_eq!(warned_of("no answer within 500 ms"), 1);
}

#[test]
fn what_the_reporter_refuses_is_counted_and_named() {
    let test = TestReporter::new();
    let metrics = test.reporter();
    metrics.incr("good_total", ());
    metrics.incr("bad-name", ());
    metrics.incr_by("good_total", -1, ());
    metrics.incr("good_total", [("le", "1")]);
    metrics.observe("good_total", 1, ());
    block_on(metrics.flush());
    let account = assert_account(&metrics);
    assert_eq!((account.taken, account.refused), (1, 4));
    assert_eq!(test.refused().len(), 4);
    for words in [
        r#"the reporter refused "bad-name": name "bad-name" must match [a-zA-Z_][a-zA-Z0-9_]*; try bad_name"#,
        r#"the reporter refused "good_total": a counter's increment must not be negative, got -1"#,
    ] {
        assert_eq!(warned_of(words), 1, "{words}");
    }
    // The test double reports the same.
    let refused = test.refused();
    assert!(
        refused[0].message.ends_with("; try bad_name"),
        "{refused:?}"
    );
}

#[test]
fn what_the_gateway_would_reject_is_named_other_labels_than_the_metric_had_before() {
    let test = TestReporter::new();
    let metrics = test.reporter();
    metrics.incr("a_total", [("route", "/"), ("status", "200")]);
    metrics.incr("a_total", [("status", "404"), ("route", "/")]);
    metrics.incr("a_total", [("route", "/")]);
    metrics.observe("a_ms", 1, ());
    metrics.observe("a_ms", 2, [("route", "/")]);
    block_on(metrics.flush());
    let rejected = test.rejected();
    let messages: Vec<_> = rejected.iter().map(|sample| &*sample.message).collect();
    assert_eq!(
        messages,
        [
            r#""a_total" had the labels ["route", "status"] before, got ["route"]"#,
            r#""a_ms" had the labels [] before, got ["route"]"#,
        ]
    );
    // The reporter itself accepts them.
    assert!(test.refused().is_empty());
    assert_eq!((test.samples().len(), metrics.account().taken), (5, 5));
    // A caller that waits for the gateway's answer gets the rejection.
    let samples = [
        Sample::counter("b_total", 1.0),
        Sample::counter("b_total", 1.0).label("route", "/"),
    ];
    let result = block_on(metrics.push(&samples)).unwrap();
    assert_eq!((result.ok, result.accepted, result.rejected), (false, 1, 1));
    assert_eq!(result.outcome, Outcome::Delivered);
}

#[test]
fn what_cannot_be_sent_is_dropped_and_named_once_a_minute() {
    let test = TestReporter::new();
    let metrics = test.reporter();
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        metrics.observe("a_ms", value, ());
        metrics.incr_by("a_total", value, ());
    }
    metrics.incr("long_total", [("k", "x".repeat(40_000))]);
    metrics.incr(&"x".repeat(40_000), ());
    assert_eq!(assert_account(&metrics).dropped, 8);
    assert_eq!(
        warned_of("\"a_ms\" dropped: its value must be finite, got NaN"),
        1
    );
    assert_eq!(warned_of("\"a_ms\""), 1);
    assert_eq!(
        warned_of("\"long_total\" dropped: name, labels and help come to more than 32768 bytes"),
        1
    );
    assert!(test.calls().is_empty());
}

#[test]
fn options_add_labels_and_help_to_every_sample() {
    let test = TestReporter::new();
    let options = Options::new()
        .label("region", "weur")
        .label("shop", 7)
        .help("a_total", "Things.");
    let metrics = test.reporter_with(options);
    metrics.incr("a_total", labels! { "shop" => "own", "ok" => true });
    metrics.incr("b_total", ());
    let samples = test.samples();
    let labels: Vec<_> = samples[0]
        .labels
        .iter()
        .map(|(n, v)| format!("{n}={v}"))
        .collect();
    assert_eq!(labels, ["ok=true", "region=weur", "shop=own"]);
    assert_eq!(samples[0].help.as_deref(), Some("Things."));
    assert_eq!(
        test.counter("b_total", [("region", "weur"), ("shop", "7")]),
        1.0
    );
}

#[test]
fn defined_metrics_have_their_names_labels_and_help() {
    define_metrics! {
        /// Jobs done,
        /// of any type.
        pub(crate) counter jobs_total { r#type, ok }
        histogram job_duration_ms { r#type }
        counter runs_total {}
    }
    let test = TestReporter::new();
    let metrics = test.reporter();
    jobs_total {
        r#type: "mail",
        ok: true,
    }
    .incr_by(&metrics, 2);
    jobs_total {
        r#type: "mail",
        ok: true,
    }
    .incr(&metrics);
    job_duration_ms { r#type: 7 }.observe(&metrics, 12);
    let timer = job_duration_ms { r#type: 7 }.timer(&metrics);
    advance_clock(3.0);
    drop(timer);
    runs_total {}.incr(&metrics);
    assert_eq!(
        test.counter("jobs_total", [("type", "mail"), ("ok", "true")]),
        3.0
    );
    assert_eq!(
        test.observations("job_duration_ms", [("type", "7")]),
        [12.0, 3.0]
    );
    let samples = test.samples();
    assert_eq!(samples[0].help.as_deref(), Some("Jobs done, of any type."));
    assert_eq!(
        (samples[3].name.as_str(), samples[3].help.as_deref()),
        ("runs_total", None)
    );
    assert!(test.refused().is_empty());
}

#[test]
fn a_disabled_reporter_does_nothing_and_says_nothing() {
    let _clean_log = TestReporter::new();
    for metrics in [Reporter::disabled(), Reporter::default()] {
        metrics.incr("a_total", ());
        metrics.observe("a_ms", f64::NAN, ());
        drop(metrics.timer("a_ms", ()));
        block_on(metrics.flush());
        assert!(!metrics.is_enabled());
        assert_eq!(metrics.account(), Account::default());
        let pushed = block_on(metrics.push(&[Sample::counter("a_total", 1.0)]));
        assert_eq!(pushed, Err(PushError::Unbound));
    }
    assert!(warnings().is_empty());
}

#[test]
fn push_answers_for_each_sample() {
    let test = TestReporter::new();
    let metrics = test.reporter();
    let samples = [
        Sample::histogram("a_ms", f64::NAN),
        Sample::counter("a_total", 2.0)
            .label("k", 1)
            .help("Things."),
        Sample::counter("bad-name", 1.0),
    ];
    let result = block_on(metrics.push(&samples)).unwrap();
    assert!(!result.ok);
    assert_eq!((result.outcome, result.accepted), (Outcome::Delivered, 1));
    let refused: Vec<_> = result
        .refused
        .iter()
        .map(|r| (r.index, r.reason.as_str()))
        .collect();
    assert_eq!(refused, [(0, "bad_value"), (2, "invalid")]);
    assert_eq!(test.counter("a_total", [("k", "1")]), 2.0);
    assert_eq!(metrics.account(), Account::default());
}

#[test]
fn a_push_that_fails_says_what_is_known_about_it() {
    let test = TestReporter::new();
    test.fail("Network connection lost.");
    let error = block_on(test.reporter().push(&[Sample::counter("a_total", 1.0)])).unwrap_err();
    assert_eq!(error, PushError::Unknown("Network connection lost.".into()));
    assert_eq!(
        error.to_string(),
        "the call to the reporter failed: Network connection lost."
    );
}

#[test]
fn a_reporter_can_be_shared_between_threads() {
    fn is_shared<T: Send + Sync + Clone + 'static>(_: &T) {}
    fn is_sent<T: Send>(_: &T) {}
    let metrics = Reporter::disabled();
    is_shared(&metrics);
    is_sent(&metrics.timer("a_ms", ()));
    is_sent(&metrics.flush());
    is_sent(&metrics.push(&[]));
}
