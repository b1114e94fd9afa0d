//! The headers of a request.

use crate::encode_timeout;
use alloc::borrow::Cow;

/// The media type of a unary gRPC-Web call with protobuf messages, for the request and the
/// response.
///
/// It has no parameters. With `; charset=utf-8`, tonic-web answers 400 and connect-node 415, and
/// Envoy passes the request on to a server that fails the call.
const CONTENT_TYPE: &str = "application/grpc-web+proto";

/// The headers of a request, in the recommended order.
///
/// - `content-type` and `accept` are `application/grpc-web+proto`. Some servers choose the response's form by
///   `accept`, and may choose base64 for a wildcard.
/// - `x-grpc-web: 1` marks the request for proxies that translate it.
/// - `user-agent` is `user_agent`. It should have the [form][user-agent]
///   `grpc-<language>-<variant>/<version>` and must be visible ASCII.
/// - `grpc-timeout` is [`encode_timeout`] of `timeout_ms`. It is left out for `None`, which means
///   "no limit" to a server.
///
/// There is no `te`, which has no use in gRPC-Web, and no `grpc-accept-encoding`: this client
/// decodes no compressed messages, and a server may compress only with an encoding that the client
/// [announced][compression].
///
/// ```
/// let headers: Vec<_> = grpc_web_unary::request_headers("grpc-rust-demo/1.0", Some(5_000)).collect();
/// assert_eq!(headers[0], ("content-type", "application/grpc-web+proto".into()));
/// assert_eq!(headers[4], ("grpc-timeout", "5000m".into()));
/// ```
///
/// [user-agent]: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#user-agents
/// [compression]: https://github.com/grpc/grpc/blob/master/doc/compression.md
pub fn request_headers(
    user_agent: &str,
    timeout_ms: Option<u64>,
) -> impl Iterator<Item = (&'static str, Cow<'_, str>)> {
    let timeout = timeout_ms.map(|ms| ("grpc-timeout", Cow::Owned(encode_timeout(ms))));
    [
        ("content-type", Cow::Borrowed(CONTENT_TYPE)),
        ("accept", Cow::Borrowed(CONTENT_TYPE)),
        ("x-grpc-web", Cow::Borrowed("1")),
        ("user-agent", Cow::Borrowed(user_agent)),
    ]
    .into_iter()
    .chain(timeout)
}

#[cfg(test)]
mod tests {
    use super::request_headers;
    use alloc::vec::Vec;

    #[test]
    fn a_request_carries_exactly_these_headers() {
        let headers: Vec<_> = request_headers("grpc-rust-test/1", Some(250)).collect();
        let headers: Vec<_> = headers.iter().map(|(n, v)| (*n, v.as_ref())).collect();
        assert_eq!(
            headers,
            [
                ("content-type", "application/grpc-web+proto"),
                ("accept", "application/grpc-web+proto"),
                ("x-grpc-web", "1"),
                ("user-agent", "grpc-rust-test/1"),
                ("grpc-timeout", "250m"),
            ]
        );
    }

    #[test]
    fn a_request_without_a_timeout_does_not_announce_one() {
        assert!(request_headers("x", None).all(|(name, _)| name != "grpc-timeout"));
    }
}
