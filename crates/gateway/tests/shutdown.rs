//! SIGTERM and SIGINT: running requests finish, and idle connections do not delay the end.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

mod common;

use std::time::Duration;

use common::{Gateway, HalfSent, PATIENCE, counter, frame};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The listener is closed as soon as a shutdown begins.
async fn refuses_connections(gateway: &Gateway) {
    let refused = async {
        while TcpStream::connect(&gateway.address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, refused).await.unwrap();
}

#[tokio::test]
async fn a_push_that_is_under_way_is_answered_before_the_end() {
    for signal in ["TERM", "INT"] {
        let gateway = Gateway::start(&[]);
        let push = HalfSent::new(&gateway, &frame(vec![counter("x", 1.0, &[])]), "one").await;
        gateway.signal(signal);
        refuses_connections(&gateway).await;
        let answer = push.finish().await;
        assert!(
            answer.starts_with("HTTP/1.1 200 OK\r\n"),
            "{signal}: {answer}"
        );
        assert!(answer.contains("grpc-status:0"), "{signal}: {answer}");
        let (status, log) = gateway.wait();
        assert_eq!(status.code(), Some(0), "{signal}");
        assert_eq!(log, "", "{signal}");
    }
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let gateway = Gateway::start(&["--shutdown-timeout", "3600"]);
    let _push = HalfSent::new(&gateway, &frame(vec![counter("x", 1.0, &[])]), "one").await;
    gateway.signal("INT");
    refuses_connections(&gateway).await;
    gateway.signal("INT");
    let (status, log) = gateway.wait();
    assert_eq!(status.code(), Some(1));
    assert_eq!(
        log,
        "error: stopped by a second signal; what was under way is cut\n"
    );
}

#[tokio::test]
async fn idle_connections_do_not_hold_up_the_end() {
    let gateway = Gateway::start(&[]);
    // a silent connection, and one that is kept alive after an answer
    let _silent = gateway.connect().await;
    let mut idle = gateway.connect().await;
    idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\nok\n") {
        assert_ne!(idle.read_buf(&mut answer).await.unwrap(), 0);
    }
    gateway.signal("TERM");
    let (status, log) = gateway.wait();
    assert_eq!((status.code(), log.as_str()), (Some(0), ""));
}

#[tokio::test]
async fn a_push_that_never_ends_is_cut_after_the_shutdown_timeout() {
    let gateway = Gateway::start(&["--shutdown-timeout", "1"]);
    let _push = HalfSent::new(&gateway, &frame(vec![counter("x", 1.0, &[])]), "one").await;
    gateway.signal("TERM");
    let (status, log) = gateway.wait();
    assert_eq!(status.code(), Some(0));
    assert!(
        log.contains(r#""level":"warn","event":"drain_timeout","message":"connections still open after 1 s were cut""#),
        "{log}"
    );
}
