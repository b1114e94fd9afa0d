//! HTTP without gRPC: scrapes, health, the page and its data.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::io::Read as _;

use common::{Answer, Gateway, counter};
use http::Request;
use http_body_util::Full;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};

#[tokio::test]
async fn metrics_are_prometheus_text() {
    let gateway = Gateway::start(&[]);
    let answer = gateway.get("/metrics").await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    assert!(
        answer
            .text()
            .ends_with("metrics_gateway_series_limit 10000\n")
    );
}

#[tokio::test]
async fn healthz_answers_ok() {
    let gateway = Gateway::start(&[]);
    let answer = gateway.get("/healthz").await;
    assert_eq!(
        (answer.status.as_u16(), answer.text().as_str()),
        (200, "ok\n")
    );
}

#[tokio::test]
async fn everything_is_also_there_over_http_2_with_prior_knowledge() {
    let gateway = Gateway::start(&[]);
    let io = TokioIo::new(gateway.connect().await);
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io)
        .await
        .unwrap();
    tokio::spawn(connection);
    let url = |path| format!("http://{}{path}", gateway.address);

    let get: Request<Full<hyper::body::Bytes>> =
        Request::get(url("/healthz")).body(Full::default()).unwrap();
    assert_eq!(
        Answer::of(sender.send_request(get).await.unwrap())
            .await
            .text(),
        "ok\n"
    );

    let push = Request::post(url(common::PUSH))
        .header("content-type", "application/grpc-web+proto")
        .body(Full::from(common::frame(vec![counter("x", 1.0, &[])])))
        .unwrap();
    let answer = Answer::of(sender.send_request(push).await.unwrap()).await;
    assert_eq!(answer.counts(), (1, 0));
}

#[tokio::test]
async fn other_paths_are_not_found_and_other_methods_not_allowed() {
    let gateway = Gateway::start(&[]);
    let answer = gateway.get("/nothing").await;
    assert_eq!(answer.status, 404);
    assert_eq!(
        answer.text(),
        "expected GET /, GET /metrics, GET /healthz or POST /marqo.metrics.v1.MetricsIngest/Push\n"
    );
    for path in ["/", "/metrics", "/healthz", "/api/state"] {
        let request = Request::post(path)
            .header("host", "x")
            .body(Full::default())
            .unwrap();
        assert_eq!(gateway.send(request).await.status, 405, "{path}");
    }
}

#[tokio::test]
async fn the_page_comes_with_a_policy_that_lets_only_its_own_script_run() {
    let gateway = Gateway::start(&[]);
    let answer = gateway.get("/").await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    let policy = answer.header("content-security-policy").unwrap();
    let directives: Vec<_> = policy.split("; ").collect();
    assert_eq!(directives[0], "default-src 'none'");
    assert!(directives[1].starts_with("script-src 'sha256-"), "{policy}");
    assert!(directives[2].starts_with("style-src 'sha256-"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
}

#[tokio::test]
async fn the_first_state_is_complete_and_later_ones_have_only_changes() {
    let gateway = Gateway::start(&[]);
    gateway
        .push(vec![counter("a", 1.0, &[]), counter("b", 1.0, &[])], &[])
        .await;
    let answer = gateway.get("/api/state").await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let whole: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(whole["full"], json!(true));
    assert_eq!(whole["series"].as_array().unwrap().len(), 2);

    gateway.push(vec![counter("b", 1.0, &[])], &[]).await;
    let path = format!(
        "/api/state?instance={}&version={}&slot={}",
        whole["instance"], whole["version"], whole["slot"]
    );
    let changed: Value = serde_json::from_slice(&gateway.get(&path).await.body).unwrap();
    assert_eq!(changed["full"], json!(false));
    assert_eq!(changed["series"].as_array().unwrap().len(), 1);
    assert_eq!(changed["series"][0]["value"], json!(2.0));
}

#[tokio::test]
async fn a_cursor_that_is_not_a_number_is_a_bad_request() {
    let gateway = Gateway::start(&[]);
    assert_eq!(gateway.get("/api/state?version=x").await.status, 400);
    // without it, the page requests everything
    assert_eq!(gateway.get("/api/state?other=1").await.status, 200);
}

#[tokio::test]
async fn open_metrics_and_gzip_are_for_those_who_ask() {
    let gateway = Gateway::start(&[]);
    gateway.push(vec![counter("x_total", 1.0, &[])], &[]).await;
    let get = |accept: &str, encoding: &str| {
        let request = Request::get("/metrics")
            .header("host", "x")
            .header("accept", accept)
            .header("accept-encoding", encoding);
        gateway.send(request.body(Full::default()).unwrap())
    };
    let answer = get("application/openmetrics-text;version=1.0.0", "identity").await;
    assert_eq!(
        answer.header("content-type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    assert_eq!(answer.header("content-encoding"), None);
    assert!(answer.text().ends_with("\n# EOF\n"));

    let answer = get("*/*", "gzip").await;
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    assert_eq!(
        answer.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    let mut text = String::new();
    flate2::read::GzDecoder::new(&answer.body[..])
        .read_to_string(&mut text)
        .unwrap();
    assert!(text.contains("\npushed_x_total 1\n"), "{text}");
}

#[tokio::test]
async fn a_series_is_removed_after_its_time_to_live() {
    let gateway = Gateway::start(&["--series-ttl", "1s", "--max-series", "1"]);
    gateway.push(vec![counter("x", 1.0, &[])], &[]).await;
    assert_eq!(gateway.lines("pushed_x").await, ["pushed_x 1"]);
    let gone = async {
        while !gateway.lines("pushed_x").await.is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(common::PATIENCE, gone).await.unwrap();
    let answer = gateway.push(vec![counter("y", 1.0, &[])], &[]).await;
    assert_eq!(answer.counts(), (1, 0));
}

#[tokio::test]
async fn the_state_names_the_pod() {
    let gateway = Gateway::start(&["--pod", "gateway-2"]);
    let state: Value = serde_json::from_slice(&gateway.get("/api/state").await.body).unwrap();
    assert_eq!(state["pod"], json!("gateway-2"));
}
