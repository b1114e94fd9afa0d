//! What a call came to.

use crate::http_status::code_of_http_status;
use crate::percent::MAX_STATUS_MESSAGE_LEN;
use crate::text::{Text, push_line};
use crate::trailers::Trailers;
use crate::{Code, ProxyError, Pushback};
use alloc::string::String;
use alloc::vec::Vec;

/// The outcome of a call, as the server gave it or as it was inferred.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The code.
    pub code: Code,
    /// `grpc-message`, decoded, or what went wrong; at most twice [`MAX_STATUS_MESSAGE_LEN`]
    /// bytes. For logs and people, not for labels.
    pub message: String,
}

/// Where a [`Status`] comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// From the trailers at the end of the body.
    Trailers,
    /// From the HTTP headers: a [trailers-only][responses] response, or one whose trailers frame
    /// carries no status.
    ///
    /// [responses]: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#responses
    Headers,
    /// The server gave no usable status, and this is why.
    Local(Kind),
}

/// Why there is no status from the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// The HTTP status is this and not 200, with no gRPC status beside it: a proxy's answer, most
    /// often.
    HttpStatus(u16),
    /// Cloudflare's own error page in `text/plain`, such as `error code: 1101`. The first number
    /// is the HTTP status, the second the error's.
    EdgeError(u16, u16),
    /// The Workers VPC binding answered for the service.
    Proxy(ProxyError),
    /// The `content-type` is not one of gRPC-Web.
    ContentType,
    /// The body is gRPC-Web in a codec that was not asked for, or in base64.
    Codec,
    /// The response ended well, without any `grpc-status`.
    NoStatus,
    /// `grpc-status` is not a number from 0 to 16.
    BadStatus,
    /// `grpc-status` is there more than once, with unequal values.
    ConflictingStatus,
    /// The body ended inside a frame.
    Truncated,
    /// A message or the trailers are longer than the limit.
    TooLarge,
    /// A message or the trailers are compressed, which was not asked for.
    Compressed,
    /// A frame has flags that the protocol does not define.
    BadFrame,
    /// Something follows the trailers.
    TrailingData,
    /// The call is OK with no response message, or there is more than one message.
    Cardinality,
    /// The response message cannot be decoded. For the caller to report, by [`Reply::local`].
    BadMessage,
    /// The deadline passed before the call ended.
    Deadline,
    /// Reading the body failed.
    BodyFailed,
    /// The platform reports a lost connection, at any moment of the call: workerd says the same of
    /// a refused connection, of a reset and of a body cut short.
    ConnectionLost,
    /// The fetch failed for another reason.
    FetchFailed,
}

impl Kind {
    /// Why a call failed of which `fetch` threw an error with this text.
    ///
    /// ```
    /// use grpc_web_unary::{Kind, ProxyError};
    ///
    /// assert_eq!(Kind::of_thrown("ProxyError: dns_error"), Kind::Proxy(ProxyError::DnsError));
    /// assert_eq!(Kind::of_thrown("Error: Network connection lost."), Kind::ConnectionLost);
    /// assert_eq!(Kind::of_thrown("internal error"), Kind::FetchFailed);
    /// ```
    #[must_use]
    pub fn of_thrown(text: &str) -> Self {
        if let Some(error) = ProxyError::from_thrown(text) {
            return Self::Proxy(error);
        }
        let text = text.trim();
        match text.strip_prefix("Error: ").unwrap_or(text) {
            "Network connection lost." | "Network connection lost" => Self::ConnectionLost,
            _ => Self::FetchFailed,
        }
    }

    /// A fixed name, fit for a metric label: for [`Proxy`](Self::Proxy) the proxy's own code.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HttpStatus(_) => "http_status",
            Self::EdgeError(..) => "edge_error",
            Self::Proxy(error) => error.as_str(),
            Self::ContentType => "content_type",
            Self::Codec => "codec",
            Self::NoStatus => "no_status",
            Self::BadStatus => "bad_status",
            Self::ConflictingStatus => "conflicting_status",
            Self::Truncated => "truncated",
            Self::TooLarge => "too_large",
            Self::Compressed => "compressed",
            Self::BadFrame => "bad_frame",
            Self::TrailingData => "trailing_data",
            Self::Cardinality => "cardinality",
            Self::BadMessage => "bad_message",
            Self::Deadline => "deadline",
            Self::BodyFailed => "body_failed",
            Self::ConnectionLost => "connection_lost",
            Self::FetchFailed => "fetch_failed",
        }
    }

    /// The code that stands for this, by the [list of codes that libraries generate][codes], the
    /// [HTTP mapping][http] and the rules on [compression][compression].
    ///
    /// [codes]: https://github.com/grpc/grpc/blob/master/doc/statuscodes.md
    /// [http]: https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md
    /// [compression]: https://github.com/grpc/grpc/blob/master/doc/compression.md
    #[must_use]
    pub const fn code(self) -> Code {
        match self {
            Self::HttpStatus(http_status) | Self::EdgeError(http_status, _) => {
                code_of_http_status(http_status)
            }
            Self::Proxy(error) => error.code(),
            // "Error parsing returned status", and 200 without a status, are UNKNOWN.
            Self::ContentType | Self::NoStatus | Self::BadStatus | Self::ConflictingStatus => {
                Code::Unknown
            }
            // Rules of the protocol that the server broke.
            Self::Codec
            | Self::Truncated
            | Self::Compressed
            | Self::BadFrame
            | Self::TrailingData
            | Self::BadMessage => Code::Internal,
            // "Sent or received message was larger than configured limit".
            Self::TooLarge => Code::ResourceExhausted,
            // "Response cardinality violation".
            Self::Cardinality => Code::Unimplemented,
            Self::Deadline => Code::DeadlineExceeded,
            // "Some data transmitted before connection breaks".
            Self::BodyFailed | Self::ConnectionLost | Self::FetchFailed => Code::Unavailable,
        }
    }

    /// Whether the request certainly never reached the service. Only some errors of the VPC
    /// binding prove that; see [`ProxyError::provably_unsent`].
    #[must_use]
    pub const fn provably_unsent(self) -> bool {
        match self {
            Self::Proxy(error) => error.provably_unsent(),
            _ => false,
        }
    }
}

/// All that is known of a call when it is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The outcome.
    pub status: Status,
    /// Where the outcome comes from.
    pub source: Source,
    /// The response message, not decoded. It is there exactly when the code is
    /// [OK](Code::Ok).
    pub message: Option<Vec<u8>>,
    /// The server's word on retrying, where it gave one.
    pub pushback: Option<Pushback>,
    /// The trailers of the body, for custom metadata; those of a trailers-only response are in
    /// its HTTP headers.
    pub trailers: Trailers,
    /// The HTTP status, when there was a response at all.
    pub http_status: Option<u16>,
}

impl Reply {
    /// The reply to a call that failed on this side: of which `fetch` failed, the deadline passed
    /// before there was a response, or the response message cannot be decoded.
    ///
    /// `detail` becomes the status message, on one line and cut short; if it is empty, the name of
    /// `kind` does.
    ///
    /// ```
    /// use grpc_web_unary::{Code, Kind, Reply};
    ///
    /// let thrown = "Error: ProxyError: connection_refused";
    /// let reply = Reply::local(Kind::of_thrown(thrown), thrown);
    /// assert_eq!(reply.status.code, Code::Unavailable);
    /// assert!(reply.provably_unsent());
    /// ```
    #[must_use]
    pub fn local(kind: Kind, detail: &str) -> Self {
        let mut message = String::new();
        push_line(&mut message, detail, MAX_DETAIL);
        if message.is_empty() {
            message.push_str(kind.as_str());
        }
        Self {
            status: Status {
                code: kind.code(),
                message,
            },
            source: Source::Local(kind),
            message: None,
            pushback: None,
            trailers: Trailers::default(),
            http_status: None,
        }
    }

    /// Whether the call succeeded, which only an explicit status 0 from the server, with exactly
    /// one message, can make it.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.status.code == Code::Ok
    }

    /// Whether the request certainly never reached the service, so that it may be sent again
    /// although it is not idempotent. A status from the server proves the opposite, if anything.
    #[must_use]
    pub const fn provably_unsent(&self) -> bool {
        match self.source {
            Source::Local(kind) => kind.provably_unsent(),
            Source::Trailers | Source::Headers => false,
        }
    }
}

/// How many characters of a thrown text are kept; four bytes each at most.
const MAX_DETAIL: usize = MAX_STATUS_MESSAGE_LEN / 4;

/// A failure with its explanation, before it is a [`Reply`].
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(kind: Kind, message: Text) -> Self {
        Self {
            kind,
            message: message.into_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, MAX_DETAIL, Reply};
    use crate::{Code, ProxyError};
    use alloc::collections::BTreeSet;

    /// Every kind, with its code and its name. The names are values of labels and must not change.
    const KINDS: [(Kind, Code, &str); 19] = [
        (Kind::HttpStatus(404), Code::Unimplemented, "http_status"),
        (Kind::EdgeError(502, 1033), Code::Unavailable, "edge_error"),
        (
            Kind::Proxy(ProxyError::DnsError),
            Code::Unavailable,
            "dns_error",
        ),
        (Kind::ContentType, Code::Unknown, "content_type"),
        (Kind::Codec, Code::Internal, "codec"),
        (Kind::NoStatus, Code::Unknown, "no_status"),
        (Kind::BadStatus, Code::Unknown, "bad_status"),
        (Kind::ConflictingStatus, Code::Unknown, "conflicting_status"),
        (Kind::Truncated, Code::Internal, "truncated"),
        (Kind::TooLarge, Code::ResourceExhausted, "too_large"),
        (Kind::Compressed, Code::Internal, "compressed"),
        (Kind::BadFrame, Code::Internal, "bad_frame"),
        (Kind::TrailingData, Code::Internal, "trailing_data"),
        (Kind::Cardinality, Code::Unimplemented, "cardinality"),
        (Kind::BadMessage, Code::Internal, "bad_message"),
        (Kind::Deadline, Code::DeadlineExceeded, "deadline"),
        (Kind::BodyFailed, Code::Unavailable, "body_failed"),
        (Kind::ConnectionLost, Code::Unavailable, "connection_lost"),
        (Kind::FetchFailed, Code::Unavailable, "fetch_failed"),
    ];

    #[test]
    fn every_kind_has_its_code_and_a_name_of_its_own() {
        for (kind, code, name) in KINDS {
            assert_eq!(kind.code(), code, "{name}");
            assert_eq!(kind.as_str(), name);
        }
        let names: BTreeSet<_> = KINDS.iter().map(|(_, _, name)| name).collect();
        assert_eq!(names.len(), KINDS.len());
    }

    #[test]
    fn only_an_error_of_the_vpc_binding_can_prove_that_nothing_was_sent() {
        for (kind, _, name) in KINDS {
            let reply = Reply::local(kind, "");
            assert_eq!(reply.provably_unsent(), name == "dns_error", "{name}");
            assert_eq!(
                reply.status.message, name,
                "without a detail it says what it is"
            );
            assert!(!reply.is_ok());
        }
        let ambiguous = Kind::Proxy(ProxyError::ConnectionTerminated);
        assert!(!ambiguous.provably_unsent());
    }

    #[test]
    fn a_lost_connection_is_told_by_workerds_own_words_alone() {
        for (thrown, kind) in [
            ("Network connection lost.", Kind::ConnectionLost),
            ("Error: Network connection lost.\n", Kind::ConnectionLost),
            ("Network connection lost", Kind::ConnectionLost),
            ("network connection lost.", Kind::FetchFailed),
            (
                "the gateway said: Network connection lost.",
                Kind::FetchFailed,
            ),
            ("", Kind::FetchFailed),
        ] {
            assert_eq!(Kind::of_thrown(thrown), kind, "{thrown}");
        }
    }

    #[test]
    fn what_was_thrown_becomes_one_short_line() {
        let reply = Reply::local(Kind::FetchFailed, " a\n\tb\0 ");
        assert_eq!(reply.status.message, "a b");
        let long = Reply::local(Kind::FetchFailed, &"\u{1F608}".repeat(5_000));
        assert_eq!(long.status.message.chars().count(), MAX_DETAIL + 3);
        assert!(long.status.message.ends_with("..."));
    }
}
