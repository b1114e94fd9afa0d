//! From SIGTERM to the end: not ready, still serving, and the admin port closes last.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use std::time::Duration;

use common::{Answer, Gateway, PATIENCE, counter, get_from, push_request, send_to};
use hyper_util::rt::TokioIo;
use tokio::time::Instant;

async fn status(address: &str, path: &str) -> u16 {
    get_from(address, path).await.status.as_u16()
}

async fn until_unready(gateway: &Gateway) {
    let begun = Instant::now();
    while status(&gateway.address, "/-/ready").await == 200 {
        assert!(begun.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn a_gateway_that_drains_is_not_ready_and_still_takes_pushes_and_scrapes() {
    let gateway = Gateway::start(&["--drain-seconds", "3600"]);
    assert_eq!(status(&gateway.address, "/-/ready").await, 200);
    assert_eq!(status(&gateway.address, "/-/healthy").await, 200);
    gateway.signal("TERM");
    until_unready(&gateway).await;
    assert_eq!(status(&gateway.address, "/-/ready").await, 503);
    assert_eq!(status(&gateway.address, "/-/healthy").await, 200);
    let answer = gateway.push(vec![counter("x", 1.0, &[])], &[]).await;
    assert_eq!(answer.counts(), (1, 0));
    assert_eq!(gateway.lines("pushed_").await, ["pushed_x 1"]);
    // and a second signal ends the wait
    gateway.signal("TERM");
    assert_eq!(gateway.wait().0.code(), Some(1));
}

#[tokio::test]
async fn halfway_through_the_drain_a_kept_connection_ends_and_new_ones_are_still_served() {
    let gateway = Gateway::start(&["--drain-seconds", "8"]);
    let body = common::frame(vec![counter("x", 1.0, &[])]);
    let io = TokioIo::new(gateway.connect().await);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    let end = tokio::spawn(connection);
    let begun = Instant::now();
    gateway.signal("TERM");
    until_unready(&gateway).await;
    for _ in 0..2 {
        sender.ready().await.unwrap();
        let request = push_request(&gateway.address, body.clone(), &[]);
        let answer = Answer::of(sender.send_request(request).await.unwrap()).await;
        assert_eq!(
            (answer.counts(), answer.header("connection")),
            ((1, 0), None)
        );
    }
    end.await.unwrap().unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(4));
    let request = push_request(&gateway.address, body, &[]);
    let answer = send_to(&gateway.address, request).await;
    assert_eq!(answer.counts(), (1, 0));
    assert_eq!(answer.header("connection"), Some("close"));
    assert_eq!(gateway.lines("pushed_").await, ["pushed_x 3"]);
}

#[tokio::test]
async fn the_end_comes_after_the_drain_and_by_itself() {
    let gateway = Gateway::start(&["--drain-seconds", "1"]);
    let begun = Instant::now();
    gateway.signal("TERM");
    let (end, log) = gateway.wait();
    assert_eq!((end.code(), log.as_str()), (Some(0), ""));
    assert!(begun.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn with_an_admin_port_the_other_only_takes_pushes() {
    let gateway = Gateway::start(&["--admin-listen", "127.0.0.1:0"]);
    let admin = gateway.admin.clone().unwrap();
    let metrics = vec![counter("x", 1.0, &[])];
    assert_eq!(gateway.push(metrics.clone(), &[]).await.counts(), (1, 0));
    for path in ["/", "/metrics", "/api/state", "/healthz", "/nothing"] {
        assert_eq!(status(&gateway.address, path).await, 404, "{path}");
    }
    for path in ["/", "/metrics", "/api/state", "/healthz"] {
        assert_eq!(status(&admin, path).await, 200, "{path}");
    }
    for path in ["/-/ready", "/-/healthy"] {
        assert_eq!(status(&gateway.address, path).await, 200, "{path}");
        assert_eq!(status(&admin, path).await, 200, "{path}");
    }
    let push = push_request(&admin, common::frame(metrics), &[]);
    assert_eq!(send_to(&admin, push).await.status.as_u16(), 404);
    let text = get_from(&admin, "/metrics").await.text();
    assert!(text.contains("\npushed_x 1\n"), "{text}");
    // The push port answers /metrics with a hint at the admin port.
    let hint = get_from(&gateway.address, "/metrics").await.text();
    assert!(hint.contains("--admin-listen"), "{hint}");
}

#[tokio::test]
async fn a_last_scrape_of_the_admin_port_sees_the_last_push() {
    let flags = ["--admin-listen", "127.0.0.1:0", "--drain-seconds", "0"];
    let gateway = Gateway::start(&flags);
    let admin = gateway.admin.clone().unwrap();
    let body = common::frame(vec![counter("x", 1.0, &[])]);
    let push = common::HalfSent::new(&gateway, &body, "one").await;
    gateway.signal("TERM");
    // The push is still running, so the admin port stays open.
    let begun = Instant::now();
    while status(&admin, "/-/ready").await == 200 {
        assert!(begun.elapsed() < PATIENCE);
    }
    assert!(push.finish().await.contains("grpc-status:0"));
    assert_eq!(gateway.wait().0.code(), Some(0));
}
