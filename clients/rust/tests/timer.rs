//! What timers record, and when.

#![cfg(not(target_family = "wasm"))]

use std::time::Duration;

use metrics_reporter_client::Reporter;
use metrics_reporter_client::testing::{TestReporter, advance_clock, block_on};

#[test]
fn a_timer_records_when_it_is_dropped_however_the_code_ends() {
    fn fails(metrics: &Reporter) -> Result<(), &'static str> {
        let mut timer = metrics.timer("step_ms", [("step", "one"), ("outcome", "ok")]);
        advance_clock(20.0);
        timer.label("outcome", "failed");
        Err("on purpose")
    }
    let test = TestReporter::new();
    let metrics = test.reporter();
    assert_eq!(fails(&metrics), Err("on purpose"));
    assert_eq!(
        test.observations("step_ms", [("step", "one"), ("outcome", "failed")]),
        [20.0]
    );
}

#[test]
fn a_timer_that_is_stopped_records_once_and_one_that_is_discarded_never() {
    let test = TestReporter::new();
    let metrics = test.reporter();
    let timer = metrics.timer("step_ms", ());
    advance_clock(5.0);
    assert_eq!(timer.elapsed_ms(), 5.0);
    assert_eq!(timer.stop(), 5.0);
    metrics.timer("step_ms", ()).discard();
    assert_eq!(test.observations("step_ms", ()), [5.0]);
}

#[test]
fn a_clock_that_is_set_back_measures_nothing() {
    let test = TestReporter::new();
    let metrics = test.reporter();
    advance_clock(100.0);
    let timer = metrics.timer("step_ms", ());
    advance_clock(-50.0);
    assert_eq!(timer.stop(), 0.0);
    assert_eq!(test.observations("step_ms", ()), [0.0]);
}

#[test]
fn time_gives_back_what_its_future_comes_to() {
    let test = TestReporter::new();
    let metrics = test.reporter();
    let timed = metrics.time("step_ms", [("step", "one")], async {
        advance_clock(7.0);
        Err::<(), _>("its own error")
    });
    assert_eq!(block_on(timed), Err("its own error"));
    assert_eq!(test.observations("step_ms", [("step", "one")]), [7.0]);
}

#[test]
fn a_label_that_cannot_be_written_drops_the_timer_and_not_the_request() {
    let test = TestReporter::new();
    let metrics = test.reporter();
    metrics
        .timer("step_ms", [("k", "x".repeat(40_000))])
        .label("outcome", "ok")
        .elapsed_ms();
    let account = metrics.account();
    assert_eq!((account.recorded, account.dropped), (1, 1));
}

#[test]
fn times_are_recorded_in_the_unit_that_the_name_says() {
    let test = TestReporter::new();
    let metrics = test.reporter();
    for name in ["step_seconds", "step_ms", "step"] {
        let timer = metrics.timer(name, ());
        advance_clock(1_500.0);
        assert_eq!(timer.stop(), 1_500.0);
        metrics.observe(name, Duration::from_millis(250), ());
    }
    assert_eq!(test.observations("step_seconds", ()), [1.5, 0.25]);
    assert_eq!(test.observations("step_ms", ()), [1_500.0, 250.0]);
    assert_eq!(test.observations("step", ()), [1_500.0, 250.0]);
}
