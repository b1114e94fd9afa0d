//! Refused Metrics, and that they change nothing.

use super::*;

#[test]
fn the_first_type_of_a_name_stays() {
    let mut gateway = gateway();
    push(&mut gateway, &[counter("x", 1.0, &[])]);
    let applied = push(
        &mut gateway,
        &[histogram("x", 1.0, &[]), counter("x", 1.0, &[])],
    );
    assert_eq!(applied.accepted, 1);
    assert_eq!(
        refused(&applied),
        [(
            "x",
            Reason::TypeConflict,
            "expected a counter, which this name has been so far, found a histogram",
            1
        )]
    );
    assert_eq!(pushed(&gateway), "# TYPE pushed_x counter\npushed_x 2\n");
}

#[test]
fn label_sets_of_a_metric_may_leave_names_out_or_add_some() {
    let mut gateway = gateway();
    let applied = push(
        &mut gateway,
        &[
            counter("x", 1.0, &[("a", "1")]),
            counter("x", 1.0, &[]),
            counter("x", 1.0, &[("a", "1"), ("b", "2")]),
            counter("x", 1.0, &[("b", "2")]),
            counter("x", 1.0, &[("a", "1"), ("c", "")]),
        ],
    );
    assert_eq!((applied.accepted, applied.rejected_total()), (5, 0));
    assert_eq!(
        pushed(&gateway),
        "# TYPE pushed_x counter\n\
         pushed_x 1\n\
         pushed_x{a=\"1\"} 2\n\
         pushed_x{a=\"1\",b=\"2\"} 1\n\
         pushed_x{b=\"2\"} 1\n"
    );
}

#[test]
fn label_names_that_both_add_and_omit_are_refused() {
    let mut gateway = gateway();
    push(
        &mut gateway,
        &[counter("x", 1.0, &[("a", "1"), ("b", "2")])],
    );
    for labels in [&[("c", "1")][..], &[("a", "1"), ("c", "3")]] {
        let applied = push(&mut gateway, &[counter("x", 1.0, labels)]);
        assert_eq!(
            applied.rejected,
            [(Reason::LabelConflict, 1)].into(),
            "{labels:?}"
        );
    }
    let applied = push(&mut gateway, &[counter("x", 1.0, &[("c", "1")])]);
    assert_eq!(
        refused(&applied),
        [(
            "x",
            Reason::LabelConflict,
            "expected some of the label names [\"a\", \"b\"], which this metric has had so far, or all of them and more, found [\"c\"]",
            1
        )]
    );
}

// A new Metric with this name would be refused for its value. An existing series must not change
// that.
#[test]
fn an_empty_label_needs_a_legal_name_too() {
    let mut gateway = gateway();
    for _ in 0..2 {
        let applied = push(
            &mut gateway,
            &[counter("x", 1.0, &[]), counter("x", 1.0, &[("a-b", "")])],
        );
        assert_eq!(applied.rejected, [(Reason::BadLabelName, 1)].into());
    }
}

#[test]
fn an_overflow_series_may_have_any_label_names() {
    let mut gateway = gateway();
    let applied = push(
        &mut gateway,
        &[
            // before the metric has label names of its own, which this set does not fix
            counter("x", 1.0, &[("overflow", "true")]),
            counter("x", 2.0, &[("route", "/")]),
            // with a label that the sender adds to every sample
            counter("x", 4.0, &[("overflow", "true"), ("worker", "w")]),
            counter("x", 8.0, &[("overflow", "true")]),
            // only "true" marks an overflow
            counter("x", 16.0, &[("overflow", "false")]),
        ],
    );
    assert_eq!((applied.accepted, applied.rejected_total()), (4, 1));
    assert_eq!(
        pushed(&gateway),
        "# TYPE pushed_x counter\n\
         pushed_x{overflow=\"true\"} 9\n\
         pushed_x{overflow=\"true\",worker=\"w\"} 4\n\
         pushed_x{route=\"/\"} 2\n"
    );
}

#[test]
fn an_overflow_series_with_an_empty_label_is_the_one_without_it() {
    let mut gateway = gateway();
    push(
        &mut gateway,
        &[
            counter("x", 1.0, &[("overflow", "true"), ("worker", "")]),
            counter("x", 2.0, &[("overflow", "true")]),
        ],
    );
    assert_eq!(
        pushed(&gateway),
        "# TYPE pushed_x counter\npushed_x{overflow=\"true\"} 3\n"
    );
}

#[test]
fn an_overflow_series_still_has_the_metrics_type() {
    let mut gateway = gateway();
    push(&mut gateway, &[counter("x", 1.0, &[])]);
    let applied = push(
        &mut gateway,
        &[histogram("x", 1.0, &[("overflow", "true")])],
    );
    assert_eq!(applied.rejected, [(Reason::TypeConflict, 1)].into());
}

#[test]
fn a_full_gateway_refuses_new_series_and_keeps_adding_to_the_old() {
    let mut gateway = gateway();
    for route in ["1", "2", "3", "4"] {
        push(&mut gateway, &[counter("x", 1.0, &[("route", route)])]);
    }
    let applied = push(
        &mut gateway,
        &[
            counter("x", 1.0, &[("route", "5")]),
            counter("y", 1.0, &[]),
            counter("x", 1.0, &[("overflow", "true")]),
            counter("x", 1.0, &[("route", "4")]),
        ],
    );
    assert_eq!(applied.accepted, 1);
    assert_eq!(
        refused(&applied),
        [
            (
                "x",
                Reason::SeriesLimit,
                "expected at most 4 series, found a new label set",
                2
            ),
            (
                "y",
                Reason::SeriesLimit,
                "expected at most 4 series, found a new label set",
                1
            ),
        ]
    );
    assert!(pushed(&gateway).ends_with("pushed_x{route=\"4\"} 2\n"));
}

#[test]
fn a_refused_metric_leaves_nothing_behind_and_the_rest_is_applied() {
    let mut gateway = gateway();
    let mut bad = counter("new_name", f64::NAN, &[]);
    bad.help = Some("help".to_owned());
    let applied = push(
        &mut gateway,
        &[bad, counter("y", 1.0, &[]), counter("", 1.0, &[])],
    );
    assert_eq!(applied.accepted, 1);
    assert_eq!(
        applied.rejected,
        [(Reason::BadName, 1), (Reason::BadValue, 1)].into()
    );
    assert_eq!(pushed(&gateway), "# TYPE pushed_y counter\npushed_y 1\n");
}

#[test]
fn of_many_refused_metrics_the_first_kinds_are_named_and_all_are_counted() {
    let mut gateway = gateway();
    let metrics: Vec<_> = (0..500)
        .map(|n| counter(&format!("bad name {}", n % 50), 1.0, &[]))
        .collect();
    let applied = push(&mut gateway, &metrics);
    assert_eq!(applied.rejected, [(Reason::BadName, 500)].into());
    assert_eq!(applied.examples.len(), 20);
    assert_eq!(applied.examples[0].count, 10);
}
