//! `metrics-gateway get URL`, which probes run in images without curl.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::process::Command;

use common::{Gateway, counter};

fn get(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_metrics-gateway"))
        .arg("get")
        .args(arguments)
        .output()
        .unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn the_body_of_a_2xx_is_printed() {
    let gateway = Gateway::start(&[]);
    gateway.push(vec![counter("x", 1.0, &[])], &[]).await;
    let (code, body, error) = get(&[&format!("http://{}/metrics", gateway.address)]);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    assert!(body.contains("\npushed_x 1\n"), "{body}");
    // localhost needs no resolver
    let port = gateway.address.rsplit(':').next().unwrap();
    let (code, body, _) = get(&[&format!("http://localhost:{port}/healthz")]);
    assert_eq!((code, body.as_str()), (Some(0), "ok\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn anything_else_ends_with_code_1_and_one_line() {
    let gateway = Gateway::start(&["--drain-seconds", "3600"]);
    let url = |path| format!("http://{}{path}", gateway.address);
    gateway.signal("TERM");
    let unready = async {
        while gateway.get("/-/ready").await.status == 200 {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(common::PATIENCE, unready)
        .await
        .unwrap();
    let (code, body, error) = get(&[&url("/-/ready")]);
    assert_eq!((code, body.as_str()), (Some(1), ""));
    let expected = "503 Service Unavailable: \"draining\"";
    assert_eq!(error, format!("error: {}: {expected}\n", url("/-/ready")));

    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let closed_url = format!("http://{}/", closed.local_addr().unwrap());
    drop(closed);
    let silent_url = format!("http://{}/", silent.local_addr().unwrap());
    for (arguments, expected) in [
        (
            &[silent_url.as_str(), "--timeout", "1"][..],
            "no whole answer within 1 s",
        ),
        (&[&closed_url], "cannot connect: Connection refused"),
        (
            &["https://localhost/"],
            "expected a URL like http://localhost:8080/metrics",
        ),
        (
            &["/metrics"],
            "expected a URL like http://localhost:8080/metrics",
        ),
    ] {
        let (code, body, error) = get(arguments);
        assert_eq!((code, body.as_str()), (Some(1), ""), "{arguments:?}");
        assert!(error.contains(expected), "{arguments:?}: {error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}
