//! gRPC-Web over HTTP/1.1, byte for byte.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::string_slice,
    reason = "tests"
)]

mod common;

use common::{Gateway, PUSH, counter, frame, metric, proto::MetricType};
use http::Request;
use http_body_util::Full;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

#[tokio::test]
async fn a_push_is_answered_with_a_message_and_a_trailer_frame() {
    let gateway = Gateway::start(&[]);
    #[rustfmt::skip]
    let request = [
        0x00, 0, 0, 0, 45,                                  // flags, length
        0x0A, 43,                                           // metrics = 1
        0x0A, 14, b'r', b'e', b'q', b'u', b'e', b's', b't', b's', b'_', b't', b'o', b't', b'a', b'l',
        0x18, 1,                                            // type = 3: counter
        0x22, 14,                                           // labels = 4
            0x0A, 5, b'r', b'o', b'u', b't', b'e',
            0x12, 5, b'/', b'f', b'i', b'n', b'd',
        0x29, 0, 0, 0, 0, 0, 0, 0xF8, 0x3F,                 // value = 5: 1.5
    ];
    let answer = gateway.push_frame(request.to_vec(), &[]).await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("content-type"),
        Some("application/grpc-web+proto")
    );
    assert_eq!(answer.header("grpc-status"), None);
    assert_eq!(
        answer.body.as_ref(),
        b"\x00\x00\x00\x00\x02\x08\x01\x80\x00\x00\x00\x0fgrpc-status:0\r\n"
    );
    assert_eq!(
        gateway.lines("pushed_").await,
        ["pushed_requests_total{route=\"/find\"} 1.5"]
    );
}

#[tokio::test]
async fn accepted_and_rejected_are_counted_per_metric_and_the_rest_is_applied() {
    let gateway = Gateway::start(&[]);
    let metrics = vec![
        counter("good_total", 1.0, &[]),
        metric("gauge", MetricType::Gauge, 1.0, &[]),
        metric("none", MetricType::Unspecified, 1.0, &[]),
        counter("nan_total", f64::NAN, &[]),
        counter("bad-name", 1.0, &[]),
        counter("good_total", 2.0, &[]),
    ];
    let answer = gateway.push(metrics, &[]).await;
    assert_eq!(
        answer.body.as_ref(),
        b"\x00\x00\x00\x00\x04\x08\x02\x10\x04\x80\x00\x00\x00\x54grpc-status:0\r\n\
          x-rejected-reasons:bad_name=1, bad_type=2, bad_value=1; first=gauge\r\n"
    );
    assert_eq!(gateway.lines("pushed_").await, ["pushed_good_total 3"]);
    assert_eq!(
        gateway
            .lines("metrics_gateway_metrics_rejected_total{reason=\"bad_type\"}")
            .await,
        ["metrics_gateway_metrics_rejected_total{reason=\"bad_type\"} 2"]
    );
    let log = gateway.stop();
    let bad_name = log.lines().find(|line| line.contains("bad_name")).unwrap();
    let start = bad_name.find("\"level\"").unwrap();
    assert_eq!(
        &bad_name[start..],
        r#""level":"warn","event":"metric_rejected","metric":"bad-name","reason":"bad_name","message":"expected a name like [a-zA-Z_:][a-zA-Z0-9_:]*, found \"bad-name\"","count":1}"#
    );
    assert_eq!(log.lines().count(), 4, "{log}");
}

#[tokio::test]
async fn an_empty_push_is_ok_and_counts_nothing() {
    let gateway = Gateway::start(&[]);
    let answer = gateway.push(vec![], &[]).await;
    assert_eq!(
        answer.body.as_ref(),
        b"\x00\x00\x00\x00\x00\x80\x00\x00\x00\x0fgrpc-status:0\r\n"
    );
}

#[tokio::test]
async fn errors_are_trailers_only_with_the_status_in_the_headers() {
    let gateway = Gateway::start(&["--max-message-bytes", "1000"]);
    let huge = frame(vec![counter(&"n".repeat(1000), 1.0, &[])]);
    let mut lies = vec![0];
    lies.extend(u32::MAX.to_be_bytes());
    let cases: [(&str, Vec<u8>, &str, &str, &str); 6] = [
        (
            "a message over the limit",
            huge,
            "",
            "11",
            "Error, decoded message length too large: found 1017 bytes, the limit is: 1000 bytes",
        ),
        (
            "a length over the limit and no message behind it",
            lies,
            "",
            "11",
            "Error, decoded message length too large: found 4294967295 bytes, the limit is: 1000 bytes",
        ),
        (
            "a message that is not protobuf",
            vec![0, 0, 0, 0, 1, 0xFF],
            "",
            "13",
            "failed to decode Protobuf message: invalid varint",
        ),
        (
            "a name that is not UTF-8",
            vec![0, 0, 0, 0, 5, 0x0A, 3, 0x0A, 1, 0xFF],
            "",
            "13",
            "failed to decode Protobuf message: Metric.name: PushRequest.metrics: invalid string value: data is not UTF-8 encoded",
        ),
        (
            "an x-push-id that cannot be remembered",
            frame(vec![counter("x", 1.0, &[])]),
            "a b",
            "3",
            "expected an x-push-id of visible ASCII, found other bytes",
        ),
        (
            "no message at all",
            vec![],
            "",
            "13",
            "Missing request message.",
        ),
    ];
    for (case, body, id, code, message) in cases {
        let id = [("x-push-id", id)];
        let headers = if id[0].1.is_empty() { &[][..] } else { &id[..] };
        let answer = gateway.push_frame(body, headers).await;
        assert_eq!(answer.status, 200, "{case}");
        assert_eq!(
            answer.header("grpc-status"),
            Some(code),
            "{case}: {answer:?}"
        );
        assert_eq!(
            answer
                .header("grpc-message")
                .map(|text| text.replace("%20", " ")),
            Some(message.to_owned()),
            "{case}"
        );
        assert!(answer.body.is_empty(), "{case}");
    }
    assert_eq!(gateway.lines("pushed_").await, [""; 0]);
    assert_eq!(
        gateway.lines("metrics_gateway_pushes_total").await,
        [
            "metrics_gateway_pushes_total{code=\"OK\"} 0",
            "metrics_gateway_pushes_total{code=\"INVALID_ARGUMENT\"} 1",
            "metrics_gateway_pushes_total{code=\"OUT_OF_RANGE\"} 2",
            "metrics_gateway_pushes_total{code=\"INTERNAL\"} 3",
        ]
    );
}

// An earlier version answered before the end of the request and closed the connection while the
// sender was still writing. `fetch` then reported "broken pipe", and the error was lost.
#[tokio::test]
async fn a_sender_of_a_much_too_large_message_can_read_the_answer() {
    // More than the buffers of both sockets can hold.
    const LEN: u32 = 32 * 1024 * 1024;
    let gateway = Gateway::start(&[]);
    let mut stream = gateway.connect().await;
    let head = format!(
        "POST {PUSH} HTTP/1.1\r\nhost: x\r\ncontent-type: application/grpc-web+proto\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        5 + LEN
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_u8(0).await.unwrap();
    stream.write_u32(LEN).await.unwrap();
    stream.write_all(&vec![0; LEN as usize]).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("\r\ngrpc-status: 11\r\n"), "{answer}");
}

#[tokio::test]
async fn the_number_of_metrics_in_a_push_is_limited() {
    let gateway = Gateway::start(&[]);
    let mut body = vec![0];
    body.extend((2 * 50_001_u32).to_be_bytes());
    body.extend([0x0A, 0].repeat(50_001));
    let answer = gateway.push_frame(body, &[]).await;
    assert_eq!(answer.header("grpc-status"), Some("8"));
    assert_eq!(
        answer.header("grpc-message").unwrap().replace("%20", " "),
        "expected at most 50000 metrics in a push, found 50001"
    );
}

#[tokio::test]
async fn a_method_that_does_not_exist_is_unimplemented() {
    let gateway = Gateway::start(&[]);
    for path in [
        "/marqo.metrics.v1.MetricsIngest/Pull",
        "/other.Service/Push",
    ] {
        let request = Request::post(path)
            .header("host", &gateway.address)
            .header("content-type", "application/grpc-web+proto")
            .body(Full::from(frame(vec![])))
            .unwrap();
        let answer = gateway.send(request).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("grpc-status"), Some("12"));
        assert_eq!(
            answer.header("grpc-message").unwrap().replace("%20", " "),
            format!("no such method: {path}")
        );
        assert!(answer.body.is_empty());
    }
}

#[tokio::test]
async fn a_content_type_that_is_not_grpc_web_is_refused_with_what_was_expected() {
    let gateway = Gateway::start(&[]);
    for (content_type, status, message) in [
        (
            "application/grpc-web+proto; charset=utf-8",
            400,
            "expected content-type application/grpc-web+proto or, over HTTP/2, application/grpc, found \"application/grpc-web+proto; charset=utf-8\"\n",
        ),
        (
            "application/grpc",
            400,
            "expected content-type application/grpc-web+proto or, over HTTP/2, application/grpc, found \"application/grpc\"\n",
        ),
        (
            "application/json",
            415,
            "expected POST with content-type application/grpc-web+proto or application/grpc\n",
        ),
    ] {
        let answer = gateway
            .push_frame(
                frame(vec![counter("x", 1.0, &[])]),
                &[("content-type", content_type)],
            )
            .await;
        assert_eq!(answer.status, status, "{content_type}");
        assert_eq!(answer.text(), message);
    }
    assert_eq!(gateway.lines("pushed_").await, [""; 0]);
}

#[tokio::test]
async fn text_mode_is_answered_in_base64() {
    let gateway = Gateway::start(&[]);
    // AAAAAAA= is the empty message's frame
    let headers = [
        ("content-type", "application/grpc-web-text"),
        ("accept", "application/grpc-web-text"),
    ];
    let answer = gateway.push_frame(b"AAAAAAA=".to_vec(), &headers).await;
    assert_eq!(
        answer.header("content-type"),
        Some("application/grpc-web-text+proto")
    );
    // each frame has its own padding: the empty message, then the trailers
    assert_eq!(answer.text(), "AAAAAAA=gAAAAA9ncnBjLXN0YXR1czowDQo=");
}

#[tokio::test]
async fn the_gateway_does_not_answer_push_to_a_get() {
    let gateway = Gateway::start(&[]);
    let answer = gateway.get(PUSH).await;
    assert_eq!(answer.status, 415);
}
