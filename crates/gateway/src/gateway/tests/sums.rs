//! Sums, and how they are shown.

use super::*;

#[test]
fn counters_add_up_by_label_set() {
    let mut gateway = gateway();
    push(
        &mut gateway,
        &[
            counter("requests_total", 1.0, &[("route", "/b")]),
            counter("requests_total", 0.0, &[("route", "/a")]),
            counter("requests_total", 2.5, &[("route", "/b")]),
        ],
    );
    assert_eq!(
        pushed(&gateway),
        "# TYPE pushed_requests_total counter\n\
         pushed_requests_total{route=\"/a\"} 0\n\
         pushed_requests_total{route=\"/b\"} 3.5\n"
    );
}

#[test]
fn histograms_are_observed_into_cumulative_buckets() {
    let mut gateway = gateway();
    let observations = [5.0, 10.0, 50.0, 1000.0, -1.0].map(|value| histogram("ms", value, &[]));
    push(&mut gateway, &observations);
    assert_eq!(
        pushed(&gateway),
        "# TYPE pushed_ms histogram\n\
         pushed_ms_bucket{le=\"10\"} 3\n\
         pushed_ms_bucket{le=\"100\"} 4\n\
         pushed_ms_bucket{le=\"+Inf\"} 5\n\
         pushed_ms_sum 1064\n\
         pushed_ms_count 5\n"
    );
}

#[test]
fn help_and_label_values_are_escaped() {
    let mut gateway = gateway();
    let mut metric = counter("x_total", 1.0, &[("a", "\\ \" \n ü <b>")]);
    metric.help = Some("back\\slash\nnew \"line\"".to_owned());
    push(&mut gateway, &[metric]);
    assert_eq!(
        pushed(&gateway),
        "# HELP pushed_x_total back\\\\slash\\nnew \"line\"\n\
         # TYPE pushed_x_total counter\n\
         pushed_x_total{a=\"\\\\ \\\" \\n ü <b>\"} 1\n"
    );
}

#[test]
fn the_first_help_stays_and_another_is_no_error() {
    let mut gateway = gateway();
    for help in [None, Some(""), Some("first"), Some("second"), None] {
        let mut metric = counter("x_total", 1.0, &[]);
        metric.help = help.map(str::to_owned);
        assert_eq!(push(&mut gateway, &[metric]).accepted, 1, "{help:?}");
    }
    assert_eq!(
        pushed(&gateway),
        "# HELP pushed_x_total first\n# TYPE pushed_x_total counter\npushed_x_total 5\n"
    );
}

#[test]
fn help_beyond_the_limit_is_cut_and_the_sample_kept() {
    let mut gateway = gateway();
    let mut metric = counter("x_total", 1.0, &[]);
    metric.help = Some(format!("{}ü", "h".repeat(1023)));
    assert_eq!(push(&mut gateway, &[metric]).accepted, 1);
    assert!(pushed(&gateway).starts_with(&format!("# HELP pushed_x_total {}\n", "h".repeat(1023))));
}

#[test]
fn a_sum_that_would_become_infinite_is_refused_and_nothing_changes() {
    let mut gateway = gateway();
    push(
        &mut gateway,
        &[counter("x", f64::MAX, &[]), histogram("h", f64::MAX, &[])],
    );
    let before = pushed(&gateway);
    let applied = push(
        &mut gateway,
        &[counter("x", f64::MAX, &[]), histogram("h", f64::MAX, &[])],
    );
    assert_eq!(applied.rejected, [(Reason::BadValue, 2)].into());
    assert_eq!(
        applied.examples[0].rejection.message,
        "expected a sum that stays finite, found 1.7976931348623157e308 + 1.7976931348623157e308"
    );
    assert_eq!(pushed(&gateway), before);
}

#[test]
fn the_gateway_counts_what_it_did() {
    let mut gateway = gateway();
    let id = PushId::new(b"a").unwrap();
    for _ in 0..2 {
        let metrics = [counter("x", 1.0, &[]), counter("x", -1.0, &[])];
        gateway
            .push(Some(&id), &Push::from(&metrics[..]), 0)
            .unwrap();
    }
    gateway.failed(13, "bad message", 0);
    let text = text(&gateway, Format::Plain);
    let (_pushed, own) = text
        .split_once("# HELP metrics_gateway_pushes_total ")
        .unwrap();
    assert_eq!(
        own,
        "Pushes answered, by gRPC status code.\n\
         # TYPE metrics_gateway_pushes_total counter\n\
         metrics_gateway_pushes_total{code=\"OK\"} 2\n\
         metrics_gateway_pushes_total{code=\"INTERNAL\"} 1\n\
         # HELP metrics_gateway_metrics_accepted_total Metrics of pushes that were applied.\n\
         # TYPE metrics_gateway_metrics_accepted_total counter\n\
         metrics_gateway_metrics_accepted_total 1\n\
         # HELP metrics_gateway_metrics_rejected_total Metrics of pushes that were refused, by reason.\n\
         # TYPE metrics_gateway_metrics_rejected_total counter\n\
         metrics_gateway_metrics_rejected_total{reason=\"bad_name\"} 0\n\
         metrics_gateway_metrics_rejected_total{reason=\"reserved_name\"} 0\n\
         metrics_gateway_metrics_rejected_total{reason=\"bad_type\"} 0\n\
         metrics_gateway_metrics_rejected_total{reason=\"too_many_labels\"} 0\n\
         metrics_gateway_metrics_rejected_total{reason=\"bad_label_name\"} 0\n\
         metrics_gateway_metrics_rejected_total{reason=\"bad_label_value\"} 0\n\
         metrics_gateway_metrics_rejected_total{reason=\"bad_value\"} 1\n\
         metrics_gateway_metrics_rejected_total{reason=\"type_conflict\"} 0\n\
         metrics_gateway_metrics_rejected_total{reason=\"label_conflict\"} 0\n\
         metrics_gateway_metrics_rejected_total{reason=\"series_limit\"} 0\n\
         # HELP metrics_gateway_dedupe_hits_total Pushes that repeated an x-push-id and were answered from memory.\n\
         # TYPE metrics_gateway_dedupe_hits_total counter\n\
         metrics_gateway_dedupe_hits_total 1\n\
         # HELP metrics_gateway_series_expired_total Label sets forgotten because nothing was added to them for so long.\n\
         # TYPE metrics_gateway_series_expired_total counter\n\
         metrics_gateway_series_expired_total 0\n\
         # HELP metrics_gateway_series Label sets held; a histogram's counts once.\n\
         # TYPE metrics_gateway_series gauge\n\
         metrics_gateway_series 1\n\
         # HELP metrics_gateway_series_limit Label sets that can be held.\n\
         # TYPE metrics_gateway_series_limit gauge\n\
         metrics_gateway_series_limit 4\n"
    );
}

// The formats have no escape for these characters, and a value must stay as it was sent.
#[test]
fn control_characters_stay_as_they_are() {
    let mut gateway = gateway();
    push(
        &mut gateway,
        &[counter("x_total", 1.0, &[("a", "\0\x1b[31m\n")])],
    );
    assert_eq!(
        pushed(&gateway),
        "# TYPE pushed_x_total counter\npushed_x_total{a=\"\0\x1b[31m\\n\"} 1\n"
    );
}

#[test]
fn an_empty_label_is_no_label() {
    let mut gateway = gateway();
    push(
        &mut gateway,
        &[
            counter("x", 1.0, &[("route", "")]),
            counter("x", 2.0, &[]),
            counter("x", 4.0, &[("route", "/")]),
            counter("x", 8.0, &[("route", "/"), ("code", "")]),
        ],
    );
    assert_eq!(
        pushed(&gateway),
        "# TYPE pushed_x counter\npushed_x 3\npushed_x{route=\"/\"} 12\n"
    );
}

#[test]
fn a_histogram_has_the_bounds_of_its_unit() {
    let mut gateway = Gateway::new(Config::default());
    push(
        &mut gateway,
        &[
            histogram("wait_seconds", 0.042, &[]),
            histogram("wait_seconds", 0.9, &[]),
        ],
    );
    let text = pushed(&gateway);
    assert!(
        text.contains("pushed_wait_seconds_bucket{le=\"0.05\"} 1\n"),
        "{text}"
    );
    assert!(
        text.contains("pushed_wait_seconds_bucket{le=\"1\"} 2\n"),
        "{text}"
    );
}

// More than one piece: the lines are the same, whatever arrives between two pieces.
#[test]
fn a_long_scrape_has_each_series_once() {
    let mut gateway = Gateway::new(Config::default());
    let values: Vec<_> = (0..5_000).map(|n| n.to_string()).collect();
    let metrics: Vec<_> = values
        .iter()
        .map(|value| counter("x_total", 1.0, &[("n", value)]))
        .collect();
    push(&mut gateway, &metrics);
    let mut scrape = Scrape::new(Format::Plain);
    let mut pieces = Vec::new();
    while let Some(piece) = scrape.next(&gateway) {
        pieces.push(piece);
        // before and after the position of the scrape
        push(
            &mut gateway,
            &[counter("a", 1.0, &[]), counter("z", 1.0, &[])],
        );
    }
    assert!(pieces.len() > 3, "{}", pieces.len());
    let text = pieces.concat();
    assert_eq!(text.matches("# TYPE pushed_x_total counter\n").count(), 1);
    assert_eq!(text.matches("# TYPE pushed_z counter\n").count(), 1);
    assert_eq!(text.matches("# TYPE pushed_a counter\n").count(), 0);
    for value in values {
        let line = format!("pushed_x_total{{n=\"{value}\"}} 1\n");
        assert_eq!(text.matches(&line).count(), 1, "{value}");
    }
}
