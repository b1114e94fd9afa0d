//! Answers of real servers and proxies, and the replies that are read from them.

#![cfg(not(target_family = "wasm"))]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use grpc_web_unary::{BodyEnd, Code, Kind, ProxyError, Reply, Source, read_response};
use serde_json::Value;

fn read(http_status: u16, headers: &[(&str, &str)], body: &[u8]) -> Reply {
    let headers = headers.iter().copied();
    read_response(http_status, headers, body, BodyEnd::Complete, 64 * 1024)
}

#[test]
fn every_answer_of_a_real_server_is_understood() {
    let captured: Value =
        serde_json::from_str(include_str!("data/captured.json")).expect("the file is JSON");
    let cases = captured["cases"].as_array().expect("a list of cases");
    assert_eq!(cases.len(), 36);
    for case in cases {
        let name = format!("{}, {}", case["server"], case["case"]);
        let text = |key: &str| case[key].as_str().expect("text");
        let http_status = case["http_status"].as_u64().expect("an HTTP status");
        let http_status = u16::try_from(http_status).expect("16 bits");
        let headers: Vec<(&str, &str)> = case["headers"]
            .as_array()
            .expect("headers")
            .iter()
            .map(|pair| {
                (
                    pair[0].as_str().expect("name"),
                    pair[1].as_str().expect("value"),
                )
            })
            .collect();
        let body: Vec<u8> = text("body_hex")
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(str::from_utf8(pair).expect("ASCII"), 16).expect("hex"))
            .collect();
        let reply = read(http_status, &headers, &body);

        let code = u64::from(reply.status.code.number());
        assert_eq!(
            Some(code),
            case["expect_code"].as_u64(),
            "{name}: {reply:?}"
        );
        assert_eq!(reply.status.message, text("expect_message"), "{name}");
        let source = match reply.source {
            Source::Trailers => "trailers",
            Source::Headers => "headers",
            Source::Local(kind) => kind.as_str(),
            source => panic!("{source:?}"),
        };
        assert_eq!(source, text("expect_source"), "{name}");
        // PushResponse with `accepted` below 128 and nothing rejected.
        let message = case["expect_accepted"]
            .as_u64()
            .map(|n| vec![8, u8::try_from(n).expect("small")]);
        assert_eq!(reply.message, message, "{name}");
        let is_proxy_error = matches!(reply.source, Source::Local(Kind::Proxy(_)));
        assert!(!is_proxy_error, "{name}");
    }
}

#[test]
fn details_in_base64_do_not_touch_the_status() {
    // connect-node's own answer, then broken in every way that base64 can be.
    for details in [
        "CAMSEm7DpG1lIOKYuiAxMDAlCmJhZBo3",
        "CAMSEm7DpG1l====",
        "%%%",
        "\u{ff}",
        "",
    ] {
        let block =
            format!("grpc-status-details-bin: {details}\r\ngrpc-status: 3\r\nx-shard: 7\r\n");
        let mut body = vec![0x80, 0, 0, 0, u8::try_from(block.len()).expect("short")];
        body.extend(block.into_bytes());
        let headers = [("content-type", "application/grpc-web+proto")];
        let reply = read(200, &headers, &body);
        assert_eq!(reply.status.code, Code::InvalidArgument, "{details}");
        assert_eq!(reply.trailers.get_all("x-shard").next(), Some(&b"7"[..]));
    }
}

/// Answers that are known from reports or source code, without a capture above.
#[test]
fn forms_that_others_report_are_understood() {
    let grpc_web = ("content-type", "application/grpc-web+proto");
    // improbable-eng/grpc-web's WrapHandler, as in grpcwebproxy and Traefik (issue 1164 there):
    // the status is in the headers, and an empty trailers frame in the body.
    let headers = [grpc_web, ("grpc-status", "3"), ("grpc-message", "bad name")];
    let reply = read(200, &headers, b"\x80\0\0\0\0");
    assert_eq!(reply.status.code, Code::InvalidArgument);
    assert_eq!(reply.status.message, "bad name");
    assert_eq!(reply.source, Source::Headers);
    // the same, for a success
    let body = b"\0\0\0\0\x02\x08\x02\x80\0\0\0\x20grpc-message: \r\ngrpc-status: 0\r\n";
    assert!(read(200, &[grpc_web], body).is_ok());
    // tonic's answer when its own timer ran out: plain gRPC, outside tonic-web
    let headers = [
        ("content-type", "application/grpc"),
        ("grpc-status", "1"),
        ("grpc-message", "Timeout%20expired"),
    ];
    let reply = read(200, &headers, b"");
    assert_eq!(reply.status.code, Code::Cancelled);
    assert_eq!(reply.status.message, "Timeout expired");
    // nginx without a running upstream
    let page = b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center>";
    let reply = read(502, &[("content-type", "text/html")], page);
    assert_eq!(reply.status.code, Code::Unavailable);
    assert_eq!(
        reply.status.message,
        "expected http status 200, got 502: `502 Bad Gateway`"
    );
    // a Workers VPC binding whose tunnel is down
    let headers = [("content-type", "text/plain;charset=UTF-8")];
    let reply = read(500, &headers, b"ProxyError: dns_error");
    assert_eq!(
        reply.source,
        Source::Local(Kind::Proxy(ProxyError::DnsError))
    );
}
