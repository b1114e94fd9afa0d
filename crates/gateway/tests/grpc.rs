//! Plain gRPC over HTTP/2 with prior knowledge, by tonic's own client.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::proto::metrics_ingest_client::MetricsIngestClient;
use common::proto::{PushRequest, PushResponse};
use common::{Gateway, counter, histogram};
use tonic::transport::Channel;
use tonic::{Code, Request};

async fn client(gateway: &Gateway) -> MetricsIngestClient<Channel> {
    let url = format!("http://{}", gateway.address);
    let channel = Channel::from_shared(url).unwrap().connect().await.unwrap();
    MetricsIngestClient::new(channel)
}

#[tokio::test]
async fn a_grpc_client_and_a_grpc_web_client_reach_the_same_series_on_one_port() {
    let gateway = Gateway::start(&["--buckets", "1,10"]);
    let metrics = vec![
        counter("x_total", 1.0, &[("a", "1")]),
        histogram("ms", 5.0, &[]),
    ];
    let answer = client(&gateway)
        .await
        .push(PushRequest {
            metrics: metrics.clone(),
        })
        .await
        .unwrap();
    assert_eq!(
        *answer.get_ref(),
        PushResponse {
            accepted: 2,
            rejected: 0
        }
    );
    assert_eq!(gateway.push(metrics, &[]).await.counts(), (2, 0));
    assert_eq!(
        gateway.lines("pushed_").await,
        [
            "pushed_ms_bucket{le=\"1\"} 0",
            "pushed_ms_bucket{le=\"10\"} 2",
            "pushed_ms_bucket{le=\"+Inf\"} 2",
            "pushed_ms_sum 10",
            "pushed_ms_count 2",
            "pushed_x_total{a=\"1\"} 2",
        ]
    );
}

#[tokio::test]
async fn x_push_id_works_over_grpc_too() {
    let gateway = Gateway::start(&[]);
    let mut client = client(&gateway).await;
    let request = |value| {
        let metrics = vec![counter("x", value, &[])];
        let mut request = Request::new(PushRequest { metrics });
        request
            .metadata_mut()
            .insert("x-push-id", "one".parse().unwrap());
        request
    };
    for _ in 0..3 {
        let answer = client.push(request(1.0)).await.unwrap();
        assert_eq!(
            *answer.get_ref(),
            PushResponse {
                accepted: 1,
                rejected: 0
            }
        );
    }
    let error = client.push(request(2.0)).await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
    assert_eq!(
        error.message(),
        "expected a repeat of the push that had this x-push-id, found other metrics"
    );
    assert_eq!(gateway.lines("pushed_").await, ["pushed_x 1"]);
}

#[tokio::test]
async fn two_ids_on_one_push_are_refused() {
    let gateway = Gateway::start(&[]);
    let mut request = Request::new(PushRequest::default());
    for id in ["one", "two"] {
        request
            .metadata_mut()
            .append("x-push-id", id.parse().unwrap());
    }
    let error = client(&gateway).await.push(request).await.unwrap_err();
    assert_eq!(
        (error.code(), error.message()),
        (Code::InvalidArgument, "expected one x-push-id, found more")
    );
}

#[tokio::test]
async fn a_message_over_the_limit_is_an_error_and_the_connection_stays_open() {
    let gateway = Gateway::start(&["--max-message-bytes", "1000"]);
    let mut client = client(&gateway).await;
    let metrics = vec![counter("x_total", 1.0, &[("a", "1")]); 100];
    let error = client.push(PushRequest { metrics }).await.unwrap_err();
    assert_eq!(error.code(), Code::OutOfRange);
    let metrics = vec![counter("x_total", 1.0, &[("a", "1")])];
    let answer = client.push(PushRequest { metrics }).await.unwrap();
    assert_eq!(
        *answer.get_ref(),
        PushResponse {
            accepted: 1,
            rejected: 0
        }
    );
    assert_eq!(
        gateway.lines("pushed_").await,
        ["pushed_x_total{a=\"1\"} 1"]
    );
}

#[tokio::test]
async fn the_trailing_metadata_says_why_metrics_were_refused() {
    let gateway = Gateway::start(&["--max-series", "1"]);
    let metrics = vec![
        counter("http_requests_total", 1.0, &[("route", "/")]),
        counter("http_requests_total", 1.0, &[("path", "/")]),
        counter("http_requests_total", 1.0, &[("path", "/b")]),
        counter("other_total", 1.0, &[]),
    ];
    let mut client = client(&gateway).await;
    let mut request = Request::new(PushRequest { metrics });
    let id = "one".parse().unwrap();
    request.metadata_mut().insert("x-push-id", id);
    // The answer to a repeat has the same reasons.
    for _ in 0..2 {
        let mut again = Request::new(request.get_ref().clone());
        *again.metadata_mut() = request.metadata().clone();
        let answer = client.push(again).await.unwrap();
        let reasons = answer.metadata().get("x-rejected-reasons").unwrap();
        assert_eq!(
            reasons.to_str().unwrap(),
            "label_conflict=2, series_limit=1; first=http_requests_total"
        );
        assert_eq!(
            (answer.get_ref().accepted, answer.get_ref().rejected),
            (1, 3)
        );
    }
}
