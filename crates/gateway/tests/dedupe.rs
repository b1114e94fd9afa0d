//! One `x-push-id`, applied once.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

mod common;

use std::sync::Arc;

use common::{Gateway, HalfSent, counter, frame, metric, proto::MetricType};

#[tokio::test]
async fn a_repeat_gets_the_remembered_answer_and_is_not_applied() {
    let gateway = Gateway::start(&[]);
    let metrics = vec![
        counter("x", 1.0, &[]),
        metric("g", MetricType::Gauge, 1.0, &[]),
    ];
    for _ in 0..3 {
        let answer = gateway.push(metrics.clone(), &[("x-push-id", "one")]).await;
        assert_eq!(answer.counts(), (1, 1));
    }
    assert_eq!(gateway.lines("pushed_").await, ["pushed_x 1"]);
    assert_eq!(
        gateway.lines("metrics_gateway_dedupe_hits_total").await,
        ["metrics_gateway_dedupe_hits_total 2"]
    );
    assert_eq!(
        gateway
            .lines("metrics_gateway_metrics_accepted_total")
            .await,
        ["metrics_gateway_metrics_accepted_total 1"]
    );
}

#[tokio::test]
async fn pushes_without_an_id_are_all_applied() {
    let gateway = Gateway::start(&[]);
    for _ in 0..3 {
        gateway.push(vec![counter("x", 1.0, &[])], &[]).await;
    }
    assert_eq!(gateway.lines("pushed_").await, ["pushed_x 3"]);
}

#[tokio::test]
async fn concurrent_repeats_of_one_id_are_applied_once() {
    let gateway = Arc::new(Gateway::start(&[]));
    // Large enough that applying takes some time. Every round is a separate race.
    let metrics: Vec<_> = (0..2000)
        .map(|n| counter("x", 1.0, &[("n", &n.to_string())]))
        .collect();
    let body = frame(metrics);
    for round in 0..5 {
        let mut pushes = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (gateway, body) = (gateway.clone(), body.clone());
            pushes.spawn(async move {
                let id = format!("round-{round}");
                gateway
                    .push_frame(body, &[("x-push-id", &id)])
                    .await
                    .counts()
            });
        }
        for counts in pushes.join_all().await {
            assert_eq!(counts, (2000, 0));
        }
        let expected = format!("pushed_x{{n=\"7\"}} {}", round + 1);
        assert_eq!(gateway.lines("pushed_x{n=\"7\"}").await, [expected]);
    }
    assert_eq!(
        gateway.lines("metrics_gateway_dedupe_hits_total").await,
        ["metrics_gateway_dedupe_hits_total 35"]
    );
}

#[tokio::test]
async fn a_repeat_that_overtakes_the_first_is_applied_and_the_first_is_the_repeat() {
    let gateway = Gateway::start(&[]);
    let body = frame(vec![counter("x", 1.0, &[])]);
    let first = HalfSent::new(&gateway, &body, "one").await;
    let overtaking = gateway.push_frame(body, &[("x-push-id", "one")]).await;
    assert_eq!(overtaking.counts(), (1, 0));
    let answer = first.finish().await;
    assert!(
        answer.ends_with("grpc-status:0\r\n\r\n0\r\n\r\n"),
        "{answer:?}"
    );
    assert_eq!(gateway.lines("pushed_").await, ["pushed_x 1"]);
}

#[tokio::test]
async fn the_number_of_remembered_answers_is_limited_and_the_least_recently_used_goes_first() {
    let gateway = Gateway::start(&["--dedupe-entries", "2"]);
    // c evicts b, because a was used after b
    for id in ["a", "b", "a", "c", "a", "b"] {
        gateway
            .push(vec![counter("x", 1.0, &[])], &[("x-push-id", id)])
            .await;
    }
    assert_eq!(gateway.lines("pushed_").await, ["pushed_x 4"]);
}

#[tokio::test]
async fn zero_entries_turn_deduplication_off() {
    let gateway = Gateway::start(&["--dedupe-entries", "0"]);
    for _ in 0..2 {
        gateway
            .push(vec![counter("x", 1.0, &[])], &[("x-push-id", "one")])
            .await;
    }
    assert_eq!(gateway.lines("pushed_").await, ["pushed_x 2"]);
}
