//! OpenMetrics, where it differs from Prometheus text.

use super::*;

fn open_metrics(gateway: &Gateway) -> String {
    let text = text(gateway, Format::OpenMetrics);
    let (pushed, own) = text.split_once("# HELP metrics_gateway_").unwrap();
    assert!(own.ends_with("\n# EOF\n"), "{own}");
    pushed.to_owned()
}

#[test]
fn counters_and_histograms_say_when_they_were_created() {
    let mut gateway = gateway();
    let mut helped = counter("x_total", 1.0, &[("a", "1")]);
    helped.help = Some("a \"b\"".to_owned());
    push_at(
        &mut gateway,
        &[helped, histogram("ms", 5.0, &[])],
        1_700_000_000_007,
    );
    push_at(
        &mut gateway,
        &[histogram("ms", 50.0, &[])],
        1_700_000_009_000,
    );
    assert_eq!(
        open_metrics(&gateway),
        "# TYPE pushed_ms histogram\n\
         pushed_ms_bucket{le=\"10.0\"} 1\n\
         pushed_ms_bucket{le=\"100.0\"} 2\n\
         pushed_ms_bucket{le=\"+Inf\"} 2\n\
         pushed_ms_sum 55\n\
         pushed_ms_count 2\n\
         pushed_ms_created 1700000000.007\n\
         # HELP pushed_x a \\\"b\\\"\n\
         # TYPE pushed_x counter\n\
         pushed_x_total{a=\"1\"} 1\n\
         pushed_x_created{a=\"1\"} 1700000000.007\n"
    );
}

// A counter with a different name in each format would be two series.
#[test]
fn a_counter_without_total_keeps_its_name_and_loses_its_type() {
    let mut gateway = gateway();
    push(&mut gateway, &[counter("x", 1.0, &[])]);
    assert_eq!(
        open_metrics(&gateway),
        "# TYPE pushed_x unknown\npushed_x 1\n"
    );
}

#[test]
fn a_name_that_another_metric_has_is_not_used_for_created() {
    let mut gateway = gateway();
    push(
        &mut gateway,
        &[histogram("ms", 1.0, &[]), counter("ms_created", 7.0, &[])],
    );
    let text = open_metrics(&gateway);
    assert_eq!(text.matches("\npushed_ms_created ").count(), 1, "{text}");
    assert!(text.contains("\npushed_ms_created 7\n"), "{text}");
}

#[test]
fn a_counter_and_a_metric_with_its_short_name_are_not_one_family() {
    let mut gateway = gateway();
    push(
        &mut gateway,
        &[histogram("x", 1.0, &[]), counter("x_total", 1.0, &[])],
    );
    let text = open_metrics(&gateway);
    assert_eq!(text.matches("# TYPE pushed_x ").count(), 1, "{text}");
    assert!(
        text.contains("# TYPE pushed_x_total unknown\npushed_x_total 1\n"),
        "{text}"
    );
}
