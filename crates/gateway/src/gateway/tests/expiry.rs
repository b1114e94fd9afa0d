//! Series that expire.

use super::*;

const ALL: usize = usize::MAX;

#[test]
fn an_expired_series_is_removed_and_frees_its_place() {
    let mut gateway = gateway();
    push_at(&mut gateway, &[counter("x", 1.0, &[("a", "old")])], 1_000);
    let others: Vec<_> = ["1", "2", "3"]
        .iter()
        .map(|value| counter("x", 1.0, &[("a", value)]))
        .collect();
    push_at(&mut gateway, &others, 2_000);
    let new = counter("x", 1.0, &[("a", "new")]);
    assert_eq!(
        push_at(&mut gateway, std::slice::from_ref(&new), 2_000).accepted,
        0
    );
    // and a series with a new addition stays
    push_at(&mut gateway, &[counter("x", 1.0, &[("a", "1")])], 3_000);

    assert!(!gateway.expire(2_000, 0, ALL));
    assert!(!pushed(&gateway).contains("old"));
    assert_eq!(push_at(&mut gateway, &[new], 3_000).accepted, 1);

    gateway.expire(2_001, 0, ALL);
    assert_eq!(
        pushed(&gateway),
        "# TYPE pushed_x counter\npushed_x{a=\"1\"} 2\npushed_x{a=\"new\"} 1\n"
    );
    assert!(text(&gateway, Format::Plain).contains("metrics_gateway_series_expired_total 3\n"));
    // A series that comes back starts from zero.
    push_at(&mut gateway, &[counter("x", 1.0, &[("a", "old")])], 4_000);
    assert!(pushed(&gateway).contains("pushed_x{a=\"old\"} 1\n"));
}

#[test]
fn a_metric_without_series_is_forgotten_with_its_type_and_label_names() {
    let mut gateway = gateway();
    push(&mut gateway, &[counter("x", 1.0, &[("a", "1")])]);
    gateway.expire(1, 0, ALL);
    assert_eq!(pushed(&gateway), "");
    assert_eq!(
        push(&mut gateway, &[histogram("x", 1.0, &[("b", "1")])]).accepted,
        1
    );
}

#[test]
fn series_expire_in_small_steps() {
    let mut gateway = gateway();
    for value in ["1", "2", "3"] {
        push(&mut gateway, &[counter("x", 1.0, &[("a", value)])]);
    }
    assert!(gateway.expire(1, 0, 2));
    assert_eq!(
        pushed(&gateway),
        "# TYPE pushed_x counter\npushed_x{a=\"3\"} 1\n"
    );
    assert!(!gateway.expire(1, 2, 2));
    assert_eq!(pushed(&gateway), "");
}

#[test]
fn a_scrape_continues_after_its_last_series_was_removed() {
    let mut gateway = Gateway::new(Config::default());
    let metrics: Vec<_> = (0..2_000)
        .map(|n| counter("x_total", 1.0, &[("n", &n.to_string())]))
        .collect();
    push(&mut gateway, &metrics);
    push_at(&mut gateway, &[counter("y", 1.0, &[])], 9);
    let mut scrape = Scrape::new(Format::Plain);
    scrape.next(&gateway).unwrap();
    gateway.expire(1, 0, ALL);
    // The name now belongs to a new metric, whose lines must not follow the old header.
    push(
        &mut gateway,
        &[histogram("x_total", 1.0, &[("n", "999999")])],
    );
    let rest: String = std::iter::from_fn(|| scrape.next(&gateway)).collect();
    assert!(
        rest.starts_with("# TYPE pushed_y counter\npushed_y 1\n"),
        "{rest}"
    );
}
