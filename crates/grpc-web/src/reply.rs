//! The result of a call.

use crate::http_status::code_of_http_status;
use crate::percent::MAX_STATUS_MESSAGE_LEN;
use crate::text::{Text, push_line};
use crate::trailers::Trailers;
use crate::{Code, ProxyError, Pushback};
use alloc::string::String;
use alloc::vec::Vec;

/// The outcome of a call, as the server sent it or as inferred.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The code.
    pub code: Code,
    /// The decoded `grpc-message`, or a description of the failure; at most twice
    /// [`MAX_STATUS_MESSAGE_LEN`] bytes. For logs and people, not for labels.
    pub message: String,
}

/// The origin of a [`Status`].
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
    /// The server gave no usable status, for this reason.
    Local(Kind),
}

/// The reason why the server gave no status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// The HTTP status is this, not 200, and there is no gRPC status. Usually a proxy sent the
    /// answer.
    HttpStatus(u16),
    /// Cloudflare's own error page in `text/plain`, such as `error code: 1101`. The first number is
    /// the HTTP status, the second is the error's number.
    EdgeError(u16, u16),
    /// The Workers VPC binding answered instead of the service.
    Proxy(ProxyError),
    /// The `content-type` is not one of gRPC-Web.
    ContentType,
    /// The body is gRPC-Web in base64, or in a codec that was not requested.
    Codec,
    /// The response is complete, but has no `grpc-status`.
    NoStatus,
    /// `grpc-status` is not a number from 0 to 16.
    BadStatus,
    /// `grpc-status` occurs more than once, with unequal values.
    ConflictingStatus,
    /// The body ended inside a frame.
    Truncated,
    /// A message or the trailers exceed the limit.
    TooLarge,
    /// A message or the trailers are compressed, which was not requested.
    Compressed,
    /// A frame has flags that the protocol does not define.
    BadFrame,
    /// Something follows the trailers.
    TrailingData,
    /// The call is OK without a response message, or there is more than one message.
    Cardinality,
    /// The response message cannot be decoded. The caller reports this with [`Reply::local`].
    BadMessage,
    /// The deadline passed before the call ended.
    Deadline,
    /// Reading the body failed.
    BodyFailed,
    /// The platform reports a lost connection, at any point of the call. workerd gives the same
    /// error for a refused connection, a reset, and a body that is cut short.
    ConnectionLost,
    /// `fetch` failed for another reason.
    FetchFailed,
}

impl Kind {
    /// The kind of failure for an error with this text that `fetch` threw.
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

    /// A fixed name, which suits a metric label. For [`Proxy`](Self::Proxy), the proxy's own code.
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

    /// The gRPC code for this failure, by the [list of codes that libraries generate][codes], the
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
            // Protocol rules that the server broke.
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
}

/// Everything that is known about a finished call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The outcome.
    pub status: Status,
    /// The origin of the outcome.
    pub source: Source,
    /// The encoded response message. It is present exactly when the code is [OK](Code::Ok).
    pub message: Option<Vec<u8>>,
    /// The server's instruction about retries, if it gave one.
    pub pushback: Option<Pushback>,
    /// The trailers of the body, for custom metadata. The metadata of a trailers-only response is
    /// in its HTTP headers.
    pub trailers: Trailers,
}

impl Reply {
    /// Makes the reply for a call that failed on the client's side: `fetch` failed, the deadline
    /// passed before a response, or the response message cannot be decoded.
    ///
    /// `detail` becomes the status message, on one line and cut short. If it is empty, the message
    /// is the name of `kind`.
    ///
    /// ```
    /// use grpc_web_unary::{Code, Kind, Reply};
    ///
    /// let thrown = "Error: ProxyError: connection_refused";
    /// let reply = Reply::local(Kind::of_thrown(thrown), thrown);
    /// assert_eq!(reply.status.code, Code::Unavailable);
    /// assert_eq!(reply.status.message, thrown);
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
        }
    }

    /// Whether the call succeeded. That requires an explicit status 0 from the server and exactly
    /// one message.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.status.code == Code::Ok
    }
}

/// The most characters kept of a thrown text, at up to four bytes each.
const MAX_DETAIL: usize = MAX_STATUS_MESSAGE_LEN / 4;

/// A failure with its explanation, from which a [`Reply`] is made.
#[derive(Debug)]
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

    /// A client whose own deadline has passed [reports DEADLINE_EXCEEDED][cancellation].
    ///
    /// [cancellation]: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#client-cancellation
    pub(crate) fn deadline() -> Self {
        let text = "expected the whole response before the deadline, got a part of it";
        Self::new(Kind::Deadline, Text::new(text))
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, MAX_DETAIL, Reply};
    use crate::{Code, ProxyError};
    use alloc::collections::BTreeSet;

    /// Every kind, with its code and its name. The names are label values and must not change.
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
    fn a_failure_without_a_detail_says_what_it_is() {
        for (kind, _, name) in KINDS {
            let reply = Reply::local(kind, "");
            assert_eq!(reply.status.message, name);
            assert!(!reply.is_ok());
        }
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
