//! The errors that the platform reports instead of the gateway.
//!
//! A Workers VPC binding reports with a code why it could not reach the private service. The code
//! is in the text of an exception (`ProxyError: dns_error`), or in the `text/plain` body of a
//! response with status 500. The [troubleshooting page][vpc] lists the codes. Most are named after
//! the [proxy error types of RFC 9209][rfc9209], which defines their meaning.
//!
//! The important property of an error is whether the request can have reached the service. A
//! request that adds to a counter must not be applied twice. It is safe to retry only if the error
//! occurred before the request was written to a connection.
//!
//! [vpc]: https://developers.cloudflare.com/workers-vpc/reference/troubleshooting/
//! [rfc9209]: https://www.rfc-editor.org/rfc/rfc9209#section-2.3

use crate::Code;

/// The reason why a Workers VPC binding got no answer from the private service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProxyError {
    /// `connection_refused`. Unsent: the service refused the TCP connection.
    ConnectionRefused,
    /// `connection_terminated`. Ambiguous: the connection closed before a response, and the service
    /// may have read the request.
    ConnectionTerminated,
    /// `connection_timeout`. Unsent: the attempt to open the connection timed out.
    ConnectionTimeout,
    /// `connection_read_timeout`. Ambiguous: the connection was open, and no data came.
    ConnectionReadTimeout,
    /// `connection_write_timeout`. Ambiguous: part of the request may have been written.
    ConnectionWriteTimeout,
    /// `connection_limit_reached`. Unsent: no connection was available for the request.
    ConnectionLimitReached,
    /// `destination_unavailable`. Unsent: the proxy considers the service down and does not try.
    DestinationUnavailable,
    /// `destination_not_found`. Unsent: no route was found for the request.
    DestinationNotFound,
    /// `destination_ip_prohibited`. Unsent: the proxy may not connect to the address.
    DestinationIpProhibited,
    /// `destination_ip_unroutable`. Unsent: no network route leads to the address.
    DestinationIpUnroutable,
    /// `dns_error`. Unsent: there was no address to connect to.
    DnsError,
    /// `dns_timeout`. Unsent, for the same reason.
    DnsTimeout,
    /// `tls_protocol_error`. Ambiguous: the failure may have come during or after the handshake.
    TlsProtocolError,
    /// `tls_certificate_error`. Unsent: the certificate is verified in the handshake, before the
    /// request is sent.
    TlsCertificateError,
    /// `http_request_denied`. Unsent: a policy rejected the request before it was forwarded.
    HttpRequestDenied,
    /// `http_request_error`. Ambiguous: the proxy generated an error response, and the
    /// documentation does not say at which point.
    HttpRequestError,
    /// `http_upgrade_failed`. Ambiguous: the service answered, but without the upgrade.
    HttpUpgradeFailed,
    /// `http_protocol_error`. Ambiguous: the service sent invalid HTTP, perhaps after reading the
    /// request.
    HttpProtocolError,
    /// `http_response_incomplete`. Ambiguous: a response began, so the request arrived.
    HttpResponseIncomplete,
    /// `proxy_loop_detected`. Unsent: the next hop would have been the proxy itself.
    ProxyLoopDetected,
    /// `proxy_internal_error`. Ambiguous: the proxy failed at an unknown point.
    ProxyInternalError,
    /// `rate_limited`. Unsent: the limit applies to new connections, and none was opened.
    RateLimited,
    /// An undocumented code, or one whose end is missing. Ambiguous.
    Unknown,
}

const CODES: [(ProxyError, &str); 22] = [
    (ProxyError::ConnectionRefused, "connection_refused"),
    (ProxyError::ConnectionTerminated, "connection_terminated"),
    (ProxyError::ConnectionTimeout, "connection_timeout"),
    (ProxyError::ConnectionReadTimeout, "connection_read_timeout"),
    (
        ProxyError::ConnectionWriteTimeout,
        "connection_write_timeout",
    ),
    (
        ProxyError::ConnectionLimitReached,
        "connection_limit_reached",
    ),
    (
        ProxyError::DestinationUnavailable,
        "destination_unavailable",
    ),
    (ProxyError::DestinationNotFound, "destination_not_found"),
    (
        ProxyError::DestinationIpProhibited,
        "destination_ip_prohibited",
    ),
    (
        ProxyError::DestinationIpUnroutable,
        "destination_ip_unroutable",
    ),
    (ProxyError::DnsError, "dns_error"),
    (ProxyError::DnsTimeout, "dns_timeout"),
    (ProxyError::TlsProtocolError, "tls_protocol_error"),
    (ProxyError::TlsCertificateError, "tls_certificate_error"),
    (ProxyError::HttpRequestDenied, "http_request_denied"),
    (ProxyError::HttpRequestError, "http_request_error"),
    (ProxyError::HttpUpgradeFailed, "http_upgrade_failed"),
    (ProxyError::HttpProtocolError, "http_protocol_error"),
    (
        ProxyError::HttpResponseIncomplete,
        "http_response_incomplete",
    ),
    (ProxyError::ProxyLoopDetected, "proxy_loop_detected"),
    (ProxyError::ProxyInternalError, "proxy_internal_error"),
    (ProxyError::RateLimited, "rate_limited"),
];

const MARK: &str = "ProxyError: ";

impl ProxyError {
    /// The documented code, or `"proxy_error_unknown"`, which suits a metric label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        CODES
            .iter()
            .find(|(error, _)| *error == self)
            .map_or("proxy_error_unknown", |&(_, code)| code)
    }

    /// The gRPC code of a call that failed with this error: transport errors are
    /// [UNAVAILABLE][codes], and a rejection by policy is PERMISSION_DENIED.
    ///
    /// [codes]: https://github.com/grpc/grpc/blob/master/doc/statuscodes.md
    #[must_use]
    pub const fn code(self) -> Code {
        match self {
            Self::HttpRequestDenied => Code::PermissionDenied,
            _ => Code::Unavailable,
        }
    }

    /// Parses the text of an error that `fetch` threw: the error's `message`, or the error as a
    /// string. Returns `None` for an error that is not the proxy's.
    ///
    /// The documentation shows `Error: ProxyError: dns_error` and mentions "an exception with an
    /// error code", so a documented code alone is accepted too.
    ///
    /// ```
    /// use grpc_web_unary::ProxyError;
    ///
    /// let refused = ProxyError::from_thrown("Error: ProxyError: connection_refused");
    /// assert_eq!(refused, Some(ProxyError::ConnectionRefused));
    /// assert_eq!(ProxyError::from_thrown("Network connection lost."), None);
    /// ```
    #[must_use]
    pub fn from_thrown(text: &str) -> Option<Self> {
        let mut text = text.trim_start();
        loop {
            // Each layer that converts an error to a string adds one of these prefixes.
            let inner = text
                .strip_prefix("Uncaught ")
                .or_else(|| text.strip_prefix("Error: "));
            match inner {
                Some(inner) => text = inner.trim_start(),
                None => break,
            }
        }
        match text.strip_prefix(MARK) {
            Some(rest) => Some(Self::from_code(word(rest.as_bytes()))),
            None => {
                Some(Self::from_code(text.trim_end().as_bytes())).filter(|e| *e != Self::Unknown)
            }
        }
    }

    /// Parses the beginning of a `text/plain` body with status 500. Returns `None` for a body that
    /// is not a proxy error.
    ///
    /// `whole` means that `body` is complete. Otherwise a code at the end of the body may be the
    /// beginning of a longer code, and gives [`Unknown`](Self::Unknown).
    #[must_use]
    pub fn from_body(body: &[u8], whole: bool) -> Option<Self> {
        let rest = body.strip_prefix(MARK.as_bytes())?;
        let word = word(rest);
        if !whole && word.len() == rest.len() {
            return Some(Self::Unknown);
        }
        Some(Self::from_code(word))
    }

    fn from_code(code: &[u8]) -> Self {
        CODES
            .iter()
            .find(|(_, c)| c.as_bytes() == code)
            .map_or(Self::Unknown, |&(error, _)| error)
    }
}

/// The word at the beginning of `text`. It includes hyphens, so that `refused-after-write` is not
/// read as `refused`.
fn word(text: &[u8]) -> &[u8] {
    let end = text
        .iter()
        .position(|&b| !b.is_ascii_alphanumeric() && b != b'_' && b != b'-')
        .unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{CODES, ProxyError};
    use alloc::format;

    #[test]
    fn every_code_is_read_from_a_body_and_from_an_exception() {
        for (error, code) in CODES {
            assert_eq!(error.as_str(), code);
            let text = format!("ProxyError: {code}");
            assert_eq!(ProxyError::from_body(text.as_bytes(), true), Some(error));
            for thrown in [
                code,
                &text,
                &format!("Error: {text}"),
                &format!("Uncaught Error: {text}"),
                &format!("Error: Error: {text}\n"),
                &format!("{text}: dial tcp 10.0.0.1:8080"),
                &format!("{text}."),
            ] {
                assert_eq!(ProxyError::from_thrown(thrown), Some(error), "{thrown}");
            }
        }
    }

    #[test]
    fn an_unknown_code_is_ambiguous() {
        for text in [
            "ProxyError: something_new",
            "ProxyError: ",
            "ProxyError: connection_refused_2",
            "ProxyError: connection_refused-after-write",
            "ProxyError: Connection_Refused",
            "ProxyError:  connection_refused",
        ] {
            let error = ProxyError::from_body(text.as_bytes(), true);
            assert_eq!(error, Some(ProxyError::Unknown), "{text}");
            assert_eq!(ProxyError::from_thrown(text), error, "{text}");
        }
    }

    #[test]
    fn a_code_without_its_end_is_ambiguous() {
        let body = b"ProxyError: dns_error";
        assert_eq!(
            ProxyError::from_body(body, true),
            Some(ProxyError::DnsError)
        );
        assert_eq!(
            ProxyError::from_body(body, false),
            Some(ProxyError::Unknown)
        );
        // more text follows, so the word is complete
        assert_eq!(
            ProxyError::from_body(b"ProxyError: dns_error\n", false),
            Some(ProxyError::DnsError)
        );
    }

    #[test]
    fn other_texts_are_no_proxy_errors() {
        for text in [
            "",
            "Network connection lost.",
            "Error: Network connection lost.",
            "internal error; reference = abc",
            "The operation was aborted due to timeout",
            "a ProxyError: connection_refused",
            "proxyerror: connection_refused",
            "ProxyError connection_refused",
            "connection_refused by peer",
            "something_new",
            "ProxyErro",
        ] {
            assert_eq!(ProxyError::from_thrown(text), None, "{text}");
            assert_eq!(ProxyError::from_body(text.as_bytes(), true), None, "{text}");
        }
        // a body is matched from its first byte
        assert_eq!(
            ProxyError::from_body(b"Error: ProxyError: dns_error", true),
            None
        );
        assert_eq!(ProxyError::from_body(b" ProxyError: dns_error", true), None);
        assert_eq!(ProxyError::from_body(b"dns_error", true), None);
    }
}
