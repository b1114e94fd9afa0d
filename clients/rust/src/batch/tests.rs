//! What is folded, what fits, and what a call carries.

use super::*;
use crate::limits::{MAX_BYTES_PER_CALL, MAX_BYTES_PER_SAMPLE};
use crate::pack::pack;
use crate::problem::Problem;

fn entry(name: &str, kind: Kind, value: f64, labels: &[(&str, &str)]) -> Entry {
    let labels = labels
        .iter()
        .map(|(n, v)| ((*n).into(), (*v).into()))
        .collect();
    let series = Series {
        name: name.into(),
        labels,
    };
    Entry::new(series, kind, value, None).unwrap()
}

fn counter(name: &str, value: f64) -> Entry {
    entry(name, Kind::Counter, value, &[])
}

fn values(batch: &mut Batch) -> Vec<f64> {
    let calls = batch.take(usize::MAX);
    let rows = calls.iter().flat_map(|call| &call.rows);
    rows.flat_map(Row::entries)
        .map(|entry| entry.value)
        .collect()
}

#[test]
fn counters_with_the_same_name_and_labels_are_added_up() {
    let mut batch = Batch::default();
    assert_eq!(
        batch.add(&entry("a_total", Kind::Counter, 1.0, &[("k", "v")]), 1),
        Added::Entry
    );
    assert_eq!(
        batch.add(&entry("a_total", Kind::Counter, 2.5, &[("k", "v")]), 1),
        Added::Folded
    );
    assert_eq!(
        batch.add(&entry("a_total", Kind::Counter, 4.0, &[("k", "w")]), 1),
        Added::Entry
    );
    assert_eq!(
        batch.add(&entry("a_total", Kind::Counter, 8.0, &[]), 1),
        Added::Entry
    );
    assert_eq!(values(&mut batch), [3.5, 4.0, 8.0]);
    assert!(batch.is_empty());
}

#[test]
fn no_label_text_imitates_the_border_between_two_labels() {
    let mut batch = Batch::default();
    batch.add(
        &entry("a", Kind::Counter, 1.0, &[("b", "c"), ("d", "e")]),
        1,
    );
    batch.add(
        &entry("a", Kind::Counter, 2.0, &[("b", "c\",\"d"), ("e", "")]),
        1,
    );
    batch.add(&entry("a", Kind::Counter, 4.0, &[("b", "cde")]), 1);
    assert_eq!(values(&mut batch), [1.0, 2.0, 4.0]);
}

#[test]
fn observations_are_kept_one_by_one_and_in_order() {
    let mut batch = Batch::default();
    for value in [1.0, 1.0, 2.0] {
        assert_eq!(
            batch.add(&entry("a_ms", Kind::Histogram, value, &[]), 1),
            Added::Entry
        );
    }
    assert_eq!(values(&mut batch), [1.0, 1.0, 2.0]);
}

#[test]
fn observations_of_one_series_share_a_row_where_its_first_one_was() {
    let mut batch = Batch::default();
    for (name, value, labels) in [
        ("a_ms", 1.0, &[("k", "v")][..]),
        ("b_ms", 2.0, &[]),
        ("a_ms", 3.0, &[("k", "v")]),
        ("a_ms", 4.0, &[("k", "w")]),
        ("b_ms", 5.0, &[]),
        ("a_ms", 6.0, &[("k", "v")]),
    ] {
        batch.add(&entry(name, Kind::Histogram, value, labels), 1);
    }
    let calls = batch.take(usize::MAX);
    assert_eq!(calls[0].samples, 6);
    assert_eq!(
        pack(&calls[0].rows),
        r#"1[["a_ms",3,[1,3,6],["k","v"]],["b_ms",3,[2,5]],["a_ms",3,4,["k","w"]]]"#,
    );
}

#[test]
fn a_counter_and_a_histogram_of_one_name_do_not_mix() {
    let mut batch = Batch::default();
    for value in [1.0, 2.0] {
        batch.add(&counter("a_total", value), 1);
        batch.add(&entry("a_total", Kind::Histogram, value, &[]), 1);
    }
    assert_eq!(
        pack(&batch.take(usize::MAX)[0].rows),
        r#"1[["a_total",1,3],["a_total",3,[1,2]]]"#
    );
}

#[test]
fn a_batch_that_was_taken_leaves_nothing_behind() {
    let mut batch = Batch::default();
    for _ in 0..2 {
        assert_eq!(batch.add(&counter("a_total", 1.0), 1), Added::Entry);
        let observation = entry("a_ms", Kind::Histogram, 1.0, &[]);
        assert_eq!(batch.add(&observation, 1), Added::Entry);
        assert_eq!(values(&mut batch), [1.0, 1.0]);
    }
}

#[test]
fn a_further_observation_of_a_series_takes_the_room_of_its_number_only() {
    let mut batch = Batch::default();
    let long = "x".repeat(30_000);
    for _ in 0..950 {
        let longest = entry("a_ms", Kind::Histogram, f64::MIN, &[("k", &long)]);
        assert_eq!(batch.add(&longest, 1), Added::Entry);
    }
    let mut others = 0;
    while batch.add(
        &entry(
            "b_ms",
            Kind::Histogram,
            1.0,
            &[("k", &format!("{others}{long}"))],
        ),
        1,
    ) == Added::Entry
    {
        others += 1;
    }
    assert_eq!(others, 6);
    let packed = pack(&batch.take(usize::MAX)[0].rows);
    assert!(packed.len() <= MAX_BYTES_PER_CALL + 3, "{}", packed.len());
}

fn described(name: &str, kind: Kind, help: Option<&str>) -> Entry {
    let entry = entry(name, kind, 1.0, &[("k", "v")]);
    let series = Arc::unwrap_or_clone(entry.series);
    Entry::new(series, kind, 1.0, help.map(Into::into)).unwrap()
}

#[test]
fn a_help_that_comes_with_a_later_sample_of_a_series_is_sent() {
    let mut batch = Batch::default();
    for help in [None, Some("Help."), Some("Too late.")] {
        batch.add(&described("a_ms", Kind::Histogram, help), 1);
        batch.add(&described("b_total", Kind::Counter, help), 1);
    }
    assert_eq!(
        pack(&batch.take(usize::MAX)[0].rows),
        r#"1[["a_ms",3,[1,1,1],["k","v"],"Help."],["b_total",1,3,["k","v"],"Help."]]"#,
    );
}

#[test]
fn helps_that_come_late_stay_within_the_bytes_of_their_call() {
    let mut batch = Batch::default();
    let long = "\"".repeat(15_000); // 30 kB packed
    for help in [None, Some(&*long)] {
        for i in 0..10 {
            let (histogram, counter) = (format!("a{i}_ms"), format!("a{i}_total"));
            batch.add(&described(&histogram, Kind::Histogram, help), 1);
            batch.add(&described(&counter, Kind::Counter, help), 1);
        }
    }
    let calls = batch.take(usize::MAX);
    assert_eq!((calls.len(), calls[0].samples), (1, 30));
    let helps = calls[0].rows.iter().filter(|row| row.first.help.is_some());
    assert_eq!(helps.count(), 8);
    let packed = pack(&calls[0].rows).len();
    let charged: usize = calls[0].rows.iter().map(Row::bytes).sum();
    assert!(packed <= MAX_BYTES_PER_CALL + 3, "{packed}");
    assert_eq!(charged, calls[0].bytes);
}

#[test]
fn an_increment_that_will_be_refused_stays_alone() {
    let mut batch = Batch::default();
    for value in [1.0, -5.0, 2.0, -5.0] {
        batch.add(&counter("a_total", value), 1);
    }
    assert_eq!(values(&mut batch), [3.0, -5.0, -5.0]);
}

#[test]
fn a_sum_that_would_not_be_finite_starts_anew() {
    let mut batch = Batch::default();
    batch.add(&counter("a_total", f64::MAX), 1);
    assert_eq!(batch.add(&counter("a_total", f64::MAX), 1), Added::Entry);
    assert_eq!(values(&mut batch), [f64::MAX, f64::MAX]);
}

#[test]
fn what_no_call_can_carry_is_an_error() {
    let series = |name: String| Series {
        name: name.into(),
        labels: Vec::new(),
    };
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let refused = Entry::new(series("a_ms".into()), Kind::Histogram, value, None);
        assert!(matches!(refused, Err(Problem::NotFinite(_))), "{value}");
    }
    let long = "x".repeat(MAX_BYTES_PER_SAMPLE);
    let refused = Entry::new(series(long), Kind::Counter, 1.0, None);
    assert_eq!(refused.unwrap_err(), Problem::TooLong);
}

#[test]
fn a_call_carries_a_thousand_samples() {
    let mut batch = Batch::default();
    let mut full = 0;
    for i in 0..2_500 {
        let added = batch.add(&entry("a_ms", Kind::Histogram, f64::from(i), &[]), 2);
        full += usize::from(added == Added::Full);
    }
    let calls: Vec<_> = batch
        .take(usize::MAX)
        .iter()
        .map(|call| call.samples)
        .collect();
    assert_eq!((calls, full), (vec![1_000, 1_000], 500));
}

#[test]
fn a_call_carries_256_kib_of_packed_text_however_it_is_escaped() {
    let mut batch = Batch::default();
    let text = "\u{1}".repeat(5_000); // 30 kB packed
    for i in 0..40 {
        let value = format!("{i}{text}");
        assert_eq!(
            batch.add(&entry("a_total", Kind::Counter, 1.0, &[("k", &value)]), 16),
            Added::Entry
        );
    }
    let calls = batch.take(usize::MAX);
    assert_eq!(calls.iter().map(|call| call.samples).sum::<usize>(), 40);
    for call in &calls {
        let packed = pack(&call.rows);
        assert!(
            (200_000..=MAX_BYTES_PER_CALL + 3).contains(&packed.len()),
            "{}",
            packed.len()
        );
    }
}

#[test]
fn a_full_batch_goes_on_adding_to_the_counters_it_has() {
    let mut batch = Batch::default();
    batch.add(&counter("a_total", 1.0), 1);
    for i in 0..999 {
        batch.add(&entry("b_ms", Kind::Histogram, f64::from(i), &[]), 1);
    }
    assert_eq!(batch.add(&counter("new_total", 1.0), 1), Added::Full);
    assert_eq!(batch.add(&counter("a_total", 1.0), 1), Added::Folded);
    assert_eq!(batch.add(&counter("a_total", -1.0), 1), Added::Full);
    assert_eq!(values(&mut batch)[0], 2.0);
}

#[test]
fn the_oldest_calls_are_taken_first_and_the_rest_stays_whole() {
    let mut batch = Batch::new(2);
    for i in 0..5 {
        batch.add(&counter(&format!("a{i}_total"), 1.0), 16);
    }
    assert!(batch.is_full());
    let sizes = |calls: Vec<Call>| calls.iter().map(|call| call.samples).collect::<Vec<_>>();
    assert_eq!(sizes(batch.take(1)), [2]);
    // A counter must not be found at its old index after its call has moved up.
    batch.add(&counter("a2_total", 5.0), 16);
    assert_eq!(sizes(batch.take(1)), [2]);
    assert_eq!(values(&mut batch), [1.0, 5.0]);
    assert!(batch.is_empty() && !batch.is_full());
}
