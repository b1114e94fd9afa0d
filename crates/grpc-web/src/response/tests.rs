use super::{BodyEnd, read_response};
use crate::{Code, Kind, MAX_STATUS_MESSAGE_LEN, ProxyError, Pushback, Reply, Source};
use alloc::vec::Vec;

type Headers<'a> = &'a [(&'a str, &'a str)];

const GRPC_WEB: (&str, &str) = ("content-type", "application/grpc-web+proto");
const OK: &[u8] = b"\0\0\0\0\x02\x08\x01\x80\0\0\0\x0fgrpc-status:0\r\n";

fn reply_to(http_status: u16, headers: Headers<'_>, body: &[u8], end: BodyEnd) -> Reply {
    read_response(http_status, headers.iter().copied(), body, end, 64)
}

fn reply(http_status: u16, headers: Headers<'_>, body: &[u8]) -> Reply {
    reply_to(http_status, headers, body, BodyEnd::Complete)
}

fn trailers(block: &str) -> Vec<u8> {
    let len = u8::try_from(block.len()).unwrap();
    [&[0x80, 0, 0, 0, len], block.as_bytes()].concat()
}

#[test]
fn a_message_and_status_0_in_the_trailers_is_ok() {
    let reply = reply(200, &[GRPC_WEB], OK);
    assert_eq!(reply.status.code, Code::Ok);
    assert_eq!(reply.status.message, "");
    assert_eq!(reply.source, Source::Trailers);
    assert_eq!(reply.message.as_deref(), Some(&[8, 1][..]));
    assert_eq!(
        reply.trailers.get_all("grpc-status").next(),
        Some(&b"0"[..])
    );
}

#[test]
fn an_empty_message_is_a_message() {
    let body = [&[0; 5][..], &trailers("grpc-status: 0")].concat();
    let reply = reply(200, &[GRPC_WEB], &body);
    assert!(reply.is_ok());
    assert_eq!(reply.message, Some(Vec::new()));
}

#[test]
fn the_status_of_a_trailers_only_response_is_in_its_headers() {
    let status = ("grpc-status", "3");
    let message = ("grpc-message", "bad%20name");
    for headers in [
        &[GRPC_WEB, status, message][..],
        // tonic-web answers a timeout in plain gRPC
        &[("content-type", "application/grpc"), status, message],
        &[status, message],
    ] {
        let reply = reply(200, headers, b"");
        assert_eq!(reply.status.code, Code::InvalidArgument, "{headers:?}");
        assert_eq!(reply.status.message, "bad name");
        assert_eq!(reply.source, Source::Headers);
    }
}

#[test]
fn trailers_with_a_status_beat_the_headers_and_empty_ones_do_not() {
    let headers = [
        GRPC_WEB,
        ("grpc-status", "8"),
        ("grpc-message", "in headers"),
    ];
    let both = reply(
        200,
        &headers,
        &trailers("grpc-status: 9\r\ngrpc-message: in body\r\n"),
    );
    assert_eq!(both.status.code, Code::FailedPrecondition);
    assert_eq!(both.status.message, "in body");
    assert_eq!(both.source, Source::Trailers);
    let empty = reply(200, &headers, &trailers(""));
    assert_eq!(empty.status.code, Code::ResourceExhausted);
    assert_eq!(empty.status.message, "in headers");
    assert_eq!(empty.source, Source::Headers);
    let ok = reply(200, &headers, OK);
    assert!(ok.is_ok(), "response headers carry no status: {ok:?}");
}

#[test]
fn a_bad_status_in_the_trailers_is_not_replaced_by_one_in_the_headers() {
    for in_headers in ["0", "5"] {
        let headers = [GRPC_WEB, ("grpc-status", in_headers)];
        for (block, kind) in [
            ("grpc-status: 00", Kind::BadStatus),
            ("grpc-status:", Kind::BadStatus),
            ("grpc-status: 0\ngrpc-status: 9", Kind::ConflictingStatus),
        ] {
            let body = [&[0; 5][..], &trailers(block)].concat();
            let source = reply(200, &headers, &body).source;
            assert_eq!(source, Source::Local(kind), "{in_headers} {block}");
        }
    }
}

#[test]
fn every_way_to_be_without_a_status_is_told_apart() {
    let ok_header = ("grpc-status", "0");
    let frame = &[0; 5][..];
    let with = |block: &str| [frame, &trailers(block)].concat();
    let cases: [(Headers<'_>, &[u8], Kind, Code, &str); 19] = [
        (
            &[GRPC_WEB],
            b"",
            Kind::NoStatus,
            Code::Unknown,
            "expected a grpc-status, got none",
        ),
        (
            &[GRPC_WEB, ("grpc-message", "why")],
            b"",
            Kind::NoStatus,
            Code::Unknown,
            "expected a grpc-status, got none: why",
        ),
        (
            &[GRPC_WEB, ok_header],
            b"",
            Kind::Cardinality,
            Code::Unimplemented,
            "expected one response message with status 0, got none",
        ),
        (
            &[GRPC_WEB, ok_header],
            frame,
            Kind::NoStatus,
            Code::Unknown,
            "expected trailers at the end of the body, got none",
        ),
        (
            &[GRPC_WEB],
            &with(""),
            Kind::NoStatus,
            Code::Unknown,
            "expected a grpc-status, got none",
        ),
        (
            &[GRPC_WEB],
            &trailers("grpc-status:0"),
            Kind::Cardinality,
            Code::Unimplemented,
            "expected one response message with status 0, got none",
        ),
        (
            &[GRPC_WEB],
            &with("grpc-status: 17\r\ngrpc-message: hm"),
            Kind::BadStatus,
            Code::Unknown,
            "expected a grpc-status from 0 to 16, got `17`: hm",
        ),
        (
            &[GRPC_WEB],
            &with("grpc-status: 0\r\ngrpc-status: 9\r\n"),
            Kind::ConflictingStatus,
            Code::Unknown,
            "expected one grpc-status, got 0 and 9",
        ),
        (
            &[GRPC_WEB, ("grpc-status", "0, 5")],
            b"",
            Kind::ConflictingStatus,
            Code::Unknown,
            "expected one grpc-status, got 0 and 5",
        ),
        (
            &[GRPC_WEB],
            b"\0",
            Kind::Truncated,
            Code::Internal,
            "expected a frame header of 5 bytes, got 1",
        ),
        (
            &[GRPC_WEB],
            b"\0\0\0\0\0\x80",
            Kind::Truncated,
            Code::Internal,
            "expected a frame header of 5 bytes, got 1",
        ),
        (
            &[GRPC_WEB],
            b"\0\0\0",
            Kind::Truncated,
            Code::Internal,
            "expected a frame header of 5 bytes, got 3",
        ),
        (
            &[GRPC_WEB],
            b"\0\0\0\0\x04\xAA\xBB",
            Kind::Truncated,
            Code::Internal,
            "expected a message of 4 bytes, got 2",
        ),
        (
            &[GRPC_WEB],
            b"\x80\0\0\0\x0fgrpc-status:0",
            Kind::Truncated,
            Code::Internal,
            "expected a trailers frame of 15 bytes, got 13",
        ),
        (
            &[("content-type", "text/html")],
            b"<html><title>Welcome\n to nginx!</title>",
            Kind::ContentType,
            Code::Unknown,
            "expected content-type application/grpc-web+proto, got `text/html`: `Welcome to nginx!`",
        ),
        (
            &[("content-type", "image/jpeg")],
            OK,
            Kind::ContentType,
            Code::Unknown,
            "expected content-type application/grpc-web+proto, got `image/jpeg`",
        ),
        (
            &[],
            OK,
            Kind::ContentType,
            Code::Unknown,
            "expected content-type application/grpc-web+proto, got none",
        ),
        (
            &[("content-type", "application/grpc-web+json")],
            OK,
            Kind::Codec,
            Code::Internal,
            "expected content-type application/grpc-web+proto, got `application/grpc-web+json`",
        ),
        (
            &[
                ("content-type", "application/grpc-web-text+proto"),
                ok_header,
            ],
            b"AAAAAAIIAYAAAAAPZ3JwYy1zdGF0dXM6MA0K",
            Kind::Codec,
            Code::Internal,
            "expected content-type application/grpc-web+proto, got `application/grpc-web-text+proto`",
        ),
    ];
    for (headers, body, kind, code, message) in cases {
        let reply = reply(200, headers, body);
        assert_eq!(reply.source, Source::Local(kind), "{headers:?} {body:?}");
        assert_eq!(reply.status.code, code, "{headers:?} {body:?}");
        assert_eq!(reply.status.message, message);
        assert_eq!(reply.message, None);
    }
}

#[test]
fn an_error_with_a_message_is_the_error() {
    let body = [b"\0\0\0\0\x01x", &trailers("grpc-status: 10")[..]].concat();
    let reply = reply(200, &[GRPC_WEB], &body);
    assert_eq!(reply.status.code, Code::Aborted);
    assert_eq!(reply.message, None);
}

#[test]
fn a_status_counts_beside_an_http_error_unless_it_is_0() {
    let header = reply(503, &[GRPC_WEB, ("grpc-status", "14")], b"");
    assert_eq!(
        (header.status.code, header.source),
        (Code::Unavailable, Source::Headers)
    );
    let plain = reply(
        503,
        &[("content-type", "text/plain"), ("grpc-status", "8")],
        b"busy",
    );
    assert_eq!(
        (plain.status.code, plain.source),
        (Code::ResourceExhausted, Source::Headers)
    );
    let body = reply(502, &[GRPC_WEB], &trailers("grpc-status: 7"));
    assert_eq!(
        (body.status.code, body.source),
        (Code::PermissionDenied, Source::Trailers)
    );
    for headers in [
        &[GRPC_WEB][..],
        &[GRPC_WEB, ("grpc-status", "0")],
        &[GRPC_WEB, ("grpc-status", "17")],
        &[GRPC_WEB, ("grpc-status", "1, 2")],
    ] {
        let reply = reply(502, headers, OK);
        assert_eq!(
            reply.source,
            Source::Local(Kind::HttpStatus(502)),
            "{headers:?}"
        );
        assert_eq!(reply.status.code, Code::Unavailable);
        assert_eq!(reply.status.message, "expected http status 200, got 502");
    }
    // partial content, for example, is not a success either
    assert_eq!(reply(206, &[GRPC_WEB], OK).status.code, Code::Unknown);
}

#[test]
fn an_http_error_shows_what_its_page_says() {
    let page = b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>";
    let html = reply(502, &[("content-type", "text/html")], page);
    assert_eq!(
        html.status.message,
        "expected http status 200, got 502: `502 Bad Gateway`"
    );
    let json = reply(
        429,
        &[("content-type", "application/json")],
        b"{\"error\":\n 1}",
    );
    assert_eq!(
        json.status.message,
        "expected http status 200, got 429: `{\"error\": 1}`"
    );
    let binary = reply(500, &[("content-type", "image/png")], b"\x89PNG");
    assert_eq!(binary.status.message, "expected http status 200, got 500");
}

#[test]
fn an_error_of_the_vpc_binding_is_a_500_in_plain_text() {
    let plain = ("content-type", "text/plain;charset=UTF-8");
    let refused = reply(500, &[plain], b"ProxyError: connection_refused");
    let kind = Kind::Proxy(ProxyError::ConnectionRefused);
    assert_eq!(refused.source, Source::Local(kind));
    assert_eq!(refused.status.code, Code::Unavailable);
    assert_eq!(
        refused.status.message,
        "expected http status 200, got 500: `ProxyError: connection_refused`"
    );
    for (http_status, content_type) in
        [(502, "text/plain"), (500, "text/html"), (200, "text/plain")]
    {
        let headers = [("content-type", content_type)];
        let reply = reply(http_status, &headers, b"ProxyError: connection_refused");
        let is_proxy_error = matches!(reply.source, Source::Local(Kind::Proxy(_)));
        assert!(!is_proxy_error, "{http_status} {content_type}");
    }
    // The rest of the code may be missing.
    for end in [BodyEnd::Failed, BodyEnd::Deadline] {
        let cut = reply_to(500, &[plain], b"ProxyError: connection_refused", end);
        assert_eq!(cut.source, Source::Local(Kind::Proxy(ProxyError::Unknown)));
    }
}

#[test]
fn a_page_of_the_edge_keeps_its_number() {
    let plain = ("content-type", "text/plain; charset=UTF-8");
    let reply = reply(500, &[plain], b"error code: 1101");
    assert_eq!(reply.source, Source::Local(Kind::EdgeError(500, 1101)));
    assert_eq!(reply.status.code, Code::Unknown);
    assert_eq!(
        reply.status.message,
        "expected http status 200, got 500: `error code: 1101`"
    );
}

#[test]
fn a_body_that_breaks_off_is_unavailable_or_past_the_deadline() {
    for body in [
        &b""[..],
        b"\0\0",
        b"\0\0\0\0\x02\x08",
        b"\0\0\0\0\0",
        &OK[..20],
    ] {
        let failed = reply_to(200, &[GRPC_WEB], body, BodyEnd::Failed);
        assert_eq!(failed.source, Source::Local(Kind::BodyFailed), "{body:?}");
        assert_eq!(failed.status.code, Code::Unavailable);
        let late = reply_to(200, &[GRPC_WEB], body, BodyEnd::Deadline);
        assert_eq!(late.source, Source::Local(Kind::Deadline), "{body:?}");
        assert_eq!(late.status.code, Code::DeadlineExceeded);
    }
}

#[test]
fn a_status_that_was_complete_outlives_the_end_of_the_body() {
    for end in [BodyEnd::Complete, BodyEnd::Failed, BodyEnd::Deadline] {
        assert!(reply_to(200, &[GRPC_WEB], OK, end).is_ok(), "{end:?}");
        let headers = [GRPC_WEB, ("grpc-status", "3")];
        let reply = reply_to(200, &headers, b"", end);
        assert_eq!(reply.status.code, Code::InvalidArgument, "{end:?}");
        let reply = reply_to(200, &[GRPC_WEB], b"\x01\0\0\0\0", end);
        assert_eq!(reply.source, Source::Local(Kind::Compressed), "{end:?}");
        let reply = reply_to(404, &[], b"", end);
        assert_eq!(
            reply.source,
            Source::Local(Kind::HttpStatus(404)),
            "{end:?}"
        );
    }
}

#[test]
fn cancelled_after_the_deadline_is_the_deadline() {
    let pushback = ("grpc-retry-pushback-ms", "5");
    let body = trailers("grpc-status: 1\r\nx: y\r\n");
    let in_headers = [GRPC_WEB, pushback, ("grpc-status", "1")];
    for (http_status, headers, body) in [
        (200, &[GRPC_WEB, pushback][..], &body[..]),
        (200, &in_headers, b""),
        (499, &in_headers, b""),
        (499, &[GRPC_WEB, pushback], &body),
    ] {
        let reply = reply_to(http_status, headers, body, BodyEnd::Deadline);
        assert_eq!(reply.source, Source::Local(Kind::Deadline), "{headers:?}");
        assert_eq!(reply.status.code, Code::DeadlineExceeded);
        assert_eq!(reply.pushback, None, "nothing of the trailers is used");
        assert_eq!(reply.trailers.fields().count(), 0);
        let reply = reply_to(http_status, headers, body, BodyEnd::Complete);
        assert_eq!(reply.status.code, Code::Cancelled, "{headers:?}");
        assert_eq!(reply.pushback, Some(Pushback::RetryAfterMs(5)));
    }
}

#[test]
fn pushback_is_read_from_the_trailers_and_else_from_the_headers() {
    let headers = [GRPC_WEB, ("grpc-retry-pushback-ms", "1")];
    let body = trailers("grpc-status: 14\r\nGRPC-Retry-Pushback-Ms: 2\r\n");
    assert_eq!(
        reply(200, &headers, &body).pushback,
        Some(Pushback::RetryAfterMs(2))
    );
    let body = trailers("grpc-status: 14\r\n");
    assert_eq!(
        reply(200, &headers, &body).pushback,
        Some(Pushback::RetryAfterMs(1))
    );
    assert_eq!(reply(200, &[GRPC_WEB], &body).pushback, None);
    let body =
        trailers("grpc-status: 14\r\ngrpc-retry-pushback-ms: 1\r\ngrpc-retry-pushback-ms: 1");
    assert_eq!(
        reply(200, &[GRPC_WEB], &body).pushback,
        Some(Pushback::Stop)
    );
}

#[test]
fn a_long_body_that_is_not_valid_gives_a_short_reply() {
    let frames = b"\0\0\0\0\0".repeat(100);
    let zeros = [0; 4096];
    let text = [b'x'; 4096];
    let cases: [(Headers<'_>, &[u8]); 4] = [
        (&[GRPC_WEB], &frames),
        (&[GRPC_WEB], &zeros),
        (&[GRPC_WEB], &text),
        (&[("content-type", "text/plain")], &text),
    ];
    for (headers, body) in cases {
        for http_status in [200, 502] {
            let reply = reply(http_status, headers, body);
            assert!(!reply.is_ok(), "{headers:?} {body:?}");
            assert!(reply.status.message.len() < 300, "{reply:?}");
        }
    }
}

#[test]
fn only_the_first_kibibyte_of_a_page_is_shown() {
    let mut page = b"x".repeat(1018);
    page.extend(b"<title>t</title>");
    let html = reply(502, &[("content-type", "text/html")], &page);
    assert!(html.status.message.ends_with("xxx...`"), "{html:?}");
}

#[test]
fn long_values_are_cut_short() {
    let long = "x".repeat(1 << 20);
    let other_type = reply(200, &[("content-type", &long)], b"");
    assert_eq!(other_type.source, Source::Local(Kind::ContentType));
    let bad_status = reply(
        200,
        &[GRPC_WEB, ("grpc-status", &long), ("grpc-message", &long)],
        b"",
    );
    assert_eq!(bad_status.source, Source::Local(Kind::BadStatus));
    for reply in [other_type, bad_status] {
        assert!(reply.status.message.len() <= 2 * MAX_STATUS_MESSAGE_LEN);
    }
}
