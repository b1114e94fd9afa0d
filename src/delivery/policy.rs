//! The outcome of a push attempt (delivered, dropped or unknown), and whether to retry it.
//!
//! A push is not idempotent: sending it twice counts its samples twice. A push is *dropped* only if
//! the gateway provably did not apply it. Every other failure is *unknown*. An unknown push is not
//! retried, unless the gateway drops repeats (`GATEWAY_DEDUPES`). These tables are the policy, and a
//! test generates `docs/delivery.md` from them.
//!
//! | the attempt ended with | outcome | tried again |
//! | --- | --- | --- |
//! | status OK and a PushResponse | delivered, less what was rejected | never |
//! | a status in [`REFUSED_STATUSES`] | dropped | if the gateway asks for it (`grpc-retry-pushback-ms`) |
//! | any other status | unknown | if the gateway dedupes |
//! | an error of the VPC binding in [`UNSENT_ERRORS`] | dropped | as that table says |
//! | HTTP 3xx, or 4xx but 408 and 499, without a gRPC status | dropped | no |
//! | the binding is missing | dropped | no |
//! | anything else: a timeout, a lost connection, no or broken trailers, HTTP 5xx, … | unknown | if the gateway dedupes |

use grpc_web_unary::{Code, Kind, ProxyError, Pushback, Reply, Source, Status};
use prost::Message as _;
use serde::{Serialize, Serializer};

use super::rejections::read_rejections;
use crate::proto::PushResponse;

/// How a push ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The gateway answered OK with these counts of Metrics.
    Delivered {
        /// Metrics applied.
        accepted: u64,
        /// Metrics not applied.
        rejected: u64,
    },
    /// Provably not applied, for this reason.
    Dropped(&'static str),
    /// May or may not have been applied, for this reason.
    Unknown(&'static str),
}

impl Outcome {
    /// The outcome's name in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered { .. } => "delivered",
            Self::Dropped(_) => "dropped",
            Self::Unknown(_) => "unknown",
        }
    }
}

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Whether and when to retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Do not retry.
    No,
    /// Retry after a backoff.
    Backoff,
    /// Retry after this many ms, as the gateway requested.
    After(u32),
}

/// gRPC statuses that mean "not applied", each with its reason.
///
/// Any other status leaves the outcome open: a handler can fail after it has applied the samples.
pub const REFUSED_STATUSES: [(Code, &str); 9] = [
    (
        Code::InvalidArgument,
        "the request was judged before it was applied",
    ),
    (Code::NotFound, "the method or resource does not exist"),
    (Code::AlreadyExists, "the gateway refused to apply it"),
    (Code::PermissionDenied, "the caller was denied"),
    (
        Code::ResourceExhausted,
        "a limit was hit before it was applied",
    ),
    (
        Code::FailedPrecondition,
        "the gateway was in no state to apply it",
    ),
    (
        Code::OutOfRange,
        "the request was judged before it was applied",
    ),
    (Code::Unimplemented, "the server has no such method"),
    (Code::Unauthenticated, "the caller was denied"),
];

/// Errors of the VPC binding that occur before the request is sent ([`ProxyError`] gives the reason
/// for each), and whether a retry can help.
pub const UNSENT_ERRORS: [(ProxyError, bool); 13] = [
    (ProxyError::ConnectionRefused, true),
    (ProxyError::ConnectionTimeout, true),
    (ProxyError::ConnectionLimitReached, true),
    (ProxyError::DestinationUnavailable, true),
    (ProxyError::DnsError, true),
    (ProxyError::DnsTimeout, true),
    (ProxyError::RateLimited, true),
    // These are configuration mistakes, which a retry does not fix.
    (ProxyError::DestinationNotFound, false),
    (ProxyError::DestinationIpProhibited, false),
    (ProxyError::DestinationIpUnroutable, false),
    (ProxyError::HttpRequestDenied, false),
    (ProxyError::ProxyLoopDetected, false),
    (ProxyError::TlsCertificateError, false),
];

/// Reasons for `unknown` that come from no attempt: the push was lost track of.
pub const CANCELLED: &str = "cancelled";
/// Like [`CANCELLED`], but because the Wasm instance was reset.
pub const RESET: &str = "reset";
/// Reason for `dropped`: `METRICS_GATEWAY` is not bound.
pub const NO_BINDING: &str = "no_binding";
/// The message for [`NO_BINDING`]: what is missing, and what to do.
pub const NOT_BOUND: &str = "METRICS_GATEWAY is not bound: expected a VPC service under that name, \
    found none; add it (vpc_services in wrangler.toml, or infra/) and deploy again";
/// Reason for `dropped`: the time ran out before the first attempt.
pub const NO_TIME: &str = "no_time";

/// The result of one attempt.
#[derive(Debug, PartialEq)]
pub struct Judged {
    /// Its outcome.
    pub outcome: Outcome,
    /// Whether to retry.
    pub retry: Retry,
    /// The message from the gateway or the transport.
    pub status: Status,
    /// The gateway's reasons for rejecting some of the Metrics, if it gave any.
    pub rejections: Option<String>,
}

/// Judges one attempt. `dedupes` means that the gateway drops repeats of one `x-push-id`.
#[must_use]
pub fn judge(reply: Reply, dedupes: bool) -> Judged {
    let reply = with_message_read(reply);
    let (reply, outcome) = match reply {
        (reply, Some(PushResponse { accepted, rejected })) => {
            (reply, Outcome::Delivered { accepted, rejected })
        }
        (reply, None) => {
            let outcome = undelivered(&reply);
            (reply, outcome)
        }
    };
    let retry = match (outcome, reply.pushback) {
        (Outcome::Delivered { .. }, _) | (_, Some(Pushback::Stop)) => Retry::No,
        (Outcome::Dropped(_), Some(Pushback::RetryAfterMs(ms))) => Retry::After(ms),
        (Outcome::Unknown(_), Some(Pushback::RetryAfterMs(ms))) if dedupes => Retry::After(ms),
        (Outcome::Unknown(_), _) if dedupes => Retry::Backoff,
        (Outcome::Unknown(_), _) => Retry::No,
        (Outcome::Dropped(_), None) => match reply.source {
            Source::Local(Kind::Proxy(error)) if UNSENT_ERRORS.contains(&(error, true)) => {
                Retry::Backoff
            }
            _ => Retry::No,
        },
    };
    let rejections = match outcome {
        Outcome::Delivered { rejected: 1.., .. } => read_rejections(&reply.trailers),
        _ => None,
    };
    Judged {
        outcome,
        retry,
        status: reply.status,
        rejections,
    }
}

/// Decodes the PushResponse of an OK. Any other message is INTERNAL, as for a message that [cannot
/// be parsed][codes].
///
/// [codes]: https://github.com/grpc/grpc/blob/master/doc/statuscodes.md
fn with_message_read(reply: Reply) -> (Reply, Option<PushResponse>) {
    if !reply.is_ok() {
        return (reply, None);
    }
    let message = reply.message.as_deref().unwrap_or_default();
    if let Ok(response) = PushResponse::decode(message) {
        return (reply, Some(response));
    }
    let expected = "expected a PushResponse, got a message that is none";
    let Reply { status, source, .. } = Reply::local(Kind::BadMessage, expected);
    let reply = Reply {
        status,
        source,
        message: None,
        ..reply
    };
    (reply, None)
}

fn undelivered(reply: &Reply) -> Outcome {
    let code = reply.status.code;
    match reply.source {
        Source::Local(kind) => match kind {
            Kind::Proxy(error) if UNSENT_ERRORS.iter().any(|(unsent, _)| *unsent == error) => {
                Outcome::Dropped(error.as_str())
            }
            // 408 and 499 are timeouts: the gateway may have read the request before.
            Kind::HttpStatus(408 | 499) | Kind::EdgeError(408 | 499, _) => {
                Outcome::Unknown(kind.as_str())
            }
            Kind::HttpStatus(300..=499) | Kind::EdgeError(300..=499, _) => {
                Outcome::Dropped(kind.as_str())
            }
            _ => Outcome::Unknown(kind.as_str()),
        },
        _ if REFUSED_STATUSES.iter().any(|(refused, _)| *refused == code) => {
            Outcome::Dropped(code.name())
        }
        _ => Outcome::Unknown(code.name()),
    }
}

/// The most attempts at one push, including the first.
pub const MAX_ATTEMPTS: u32 = 4;
/// The longest backoff before the second attempt, in ms; it doubles for each later attempt.
const BACKOFF_BASE_MS: f64 = 500.0;
const BACKOFF_MAX_MS: f64 = 4_000.0;
/// An attempt with less time than this, in ms, is not started.
pub const MIN_ATTEMPT_MS: f64 = 100.0;

/// All attempts at one push.
///
/// Once one attempt has an unknown outcome, the push stays unknown unless a later attempt succeeds:
/// a refused second attempt proves nothing about the first.
#[derive(Debug, Default)]
pub struct Attempts {
    made: u32,
    unknown: Option<&'static str>,
    dropped: Option<&'static str>,
}

/// What to do after an attempt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Next {
    /// The push has ended.
    Done(Outcome),
    /// Retry after this many ms.
    WaitMs(f64),
}

impl Attempts {
    /// Records an attempt. `remaining_ms` is the rest of the push's time budget. `random` returns a
    /// number in `0.0..1.0` when one is needed.
    pub fn record(
        &mut self,
        outcome: Outcome,
        retry: Retry,
        remaining_ms: f64,
        random: impl FnOnce() -> f64,
    ) -> Next {
        match outcome {
            Outcome::Unknown(reason) => {
                self.unknown.get_or_insert(reason);
            }
            Outcome::Dropped(reason) => self.dropped = Some(reason),
            Outcome::Delivered { .. } => {}
        }
        let wait = match retry {
            Retry::No => None,
            // Full jitter, so that isolates that failed together do not retry together.
            Retry::Backoff => {
                let doublings = i32::try_from(self.made).unwrap_or(i32::MAX);
                Some(random() * (BACKOFF_BASE_MS * 2f64.powi(doublings)).min(BACKOFF_MAX_MS))
            }
            Retry::After(ms) => Some(f64::from(ms)),
        };
        self.made = self.made.saturating_add(1);
        match wait {
            Some(wait) if self.made < MAX_ATTEMPTS && wait + MIN_ATTEMPT_MS <= remaining_ms => {
                Next::WaitMs(wait)
            }
            _ => Next::Done(match outcome {
                Outcome::Dropped(_) => self.out_of_time(),
                _ => outcome,
            }),
        }
    }

    /// The outcome of the push when no time is left for another attempt: before the first attempt,
    /// or after a wait that took longer than planned.
    #[must_use]
    pub fn out_of_time(&self) -> Outcome {
        match (self.unknown, self.dropped) {
            (Some(reason), _) => Outcome::Unknown(reason),
            (None, Some(reason)) => Outcome::Dropped(reason),
            (None, None) => Outcome::Dropped(NO_TIME),
        }
    }
}

#[cfg(test)]
mod tests {
    use grpc_web_unary::{BodyEnd, frame_header, read_response};

    use super::*;

    fn status(code: u8, pushback: Option<&str>) -> Reply {
        let code = code.to_string();
        let mut headers = vec![
            ("content-type", "application/grpc-web+proto"),
            ("grpc-status", &code),
        ];
        headers.extend(pushback.map(|ms| ("grpc-retry-pushback-ms", ms)));
        read_response(200, headers, &[], BodyEnd::Complete, 1024)
    }

    fn ok(message: &[u8]) -> Reply {
        ok_with(message, "grpc-status: 0\r\n")
    }

    fn ok_with(message: &[u8], trailers: &str) -> Reply {
        let mut body = frame_header(message.len() as u32).to_vec();
        body.extend_from_slice(message);
        body.push(0x80);
        body.extend_from_slice(&(trailers.len() as u32).to_be_bytes());
        body.extend_from_slice(trailers.as_bytes());
        let headers = [("content-type", "application/grpc-web")];
        read_response(200, headers, &body, BodyEnd::Complete, 1024)
    }

    fn judged(reply: &Reply, dedupes: bool) -> (Outcome, Retry) {
        let Judged { outcome, retry, .. } = judge(reply.clone(), dedupes);
        (outcome, retry)
    }

    fn http(code: u16) -> Reply {
        read_response(code, [], &[], BodyEnd::Complete, 1024)
    }

    #[test]
    fn ok_is_delivered_with_the_counts_of_the_answer() {
        let delivered = |accepted, rejected| (Outcome::Delivered { accepted, rejected }, Retry::No);
        assert_eq!(judged(&ok(&[0x08, 3, 0x10, 1]), true), delivered(3, 1));
        assert_eq!(judged(&ok(&[]), false), delivered(0, 0));
        assert_eq!(
            judged(&ok(&[0xFF]), false),
            (Outcome::Unknown("bad_message"), Retry::No)
        );
    }

    #[test]
    fn an_ok_whose_message_cannot_be_read_is_internal() {
        let Judged {
            outcome, status, ..
        } = judge(ok(&[0xFF]), false);
        assert_eq!(status.code, Code::Internal);
        let expected = "expected a PushResponse, got a message that is none";
        assert_eq!(status.message, expected);
        assert_eq!(outcome, Outcome::Unknown("bad_message"));
    }

    #[test]
    fn the_gateways_reasons_come_with_a_rejection() {
        let trailers = "grpc-status: 0\r\nx-rejected-reasons: label_conflict=1; first=a_total\r\n";
        let reasons = |message: &[u8]| judge(ok_with(message, trailers), false).rejections;
        let expected = "label_conflict=1; first=a_total";
        assert_eq!(reasons(&[0x08, 1, 0x10, 1]).as_deref(), Some(expected));
        assert_eq!(reasons(&[0x08, 1]), None);
    }

    #[test]
    fn a_status_is_dropped_only_where_it_means_not_applied() {
        for code in 1..=16 {
            let reply = status(code, None);
            let name = reply.status.code.name();
            let (outcome, retry) = judged(&reply, false);
            let dropped = [3, 5, 6, 7, 8, 9, 11, 12, 16].contains(&code);
            let expected = if dropped {
                Outcome::Dropped(name)
            } else {
                Outcome::Unknown(name)
            };
            assert_eq!((outcome, retry), (expected, Retry::No), "{code}");
            let retry = if dropped { Retry::No } else { Retry::Backoff };
            assert_eq!(judged(&reply, true), (expected, retry), "{code}, deduping");
        }
    }

    #[test]
    fn the_gateways_pushback_is_honoured() {
        assert_eq!(judged(&status(8, Some("250")), false).1, Retry::After(250));
        assert_eq!(judged(&status(8, Some("-1")), false).1, Retry::No);
        assert_eq!(judged(&status(14, Some("250")), false).1, Retry::No);
        assert_eq!(judged(&status(14, Some("250")), true).1, Retry::After(250));
        assert_eq!(judged(&status(14, Some("-1")), true).1, Retry::No);
    }

    #[test]
    fn http_errors_are_dropped_only_below_500_and_not_when_they_are_about_time() {
        for (code, dropped) in [
            (302, true),
            (400, true),
            (403, true),
            (404, true),
            (429, true),
            (431, true),
            (408, false),
            (499, false),
            (500, false),
            (502, false),
            (503, false),
            (504, false),
            (204, false),
        ] {
            let (outcome, retry) = judged(&http(code), false);
            assert_eq!(
                matches!(outcome, Outcome::Dropped("http_status")),
                dropped,
                "{code}"
            );
            assert_eq!(retry, Retry::No, "{code}");
        }
    }

    #[test]
    fn an_error_page_of_the_edge_is_judged_by_its_http_status() {
        let page =
            |status, number| judged(&Reply::local(Kind::EdgeError(status, number), ""), false).0;
        assert_eq!(page(500, 1101), Outcome::Unknown("edge_error"));
        assert_eq!(page(530, 1033), Outcome::Unknown("edge_error"));
        assert_eq!(page(429, 1015), Outcome::Dropped("edge_error"));
    }

    #[test]
    fn proxy_errors_are_dropped_where_the_request_was_never_sent_and_retried_where_that_can_help() {
        for (error, helps) in UNSENT_ERRORS {
            let reply = Reply::local(Kind::Proxy(error), "");
            let retry = if helps { Retry::Backoff } else { Retry::No };
            assert_eq!(
                judged(&reply, false),
                (Outcome::Dropped(error.as_str()), retry),
                "{error:?}"
            );
        }
        for text in [
            "ProxyError: connection_terminated",
            "ProxyError: new_code",
            "Network connection lost.",
        ] {
            let reply = Reply::local(Kind::of_thrown(text), text);
            assert!(
                matches!(judged(&reply, false), (Outcome::Unknown(_), Retry::No)),
                "{text}"
            );
            assert!(
                matches!(judged(&reply, true), (Outcome::Unknown(_), Retry::Backoff)),
                "{text}"
            );
        }
    }

    #[test]
    fn exactly_these_errors_of_the_binding_prove_that_nothing_was_sent() {
        let unsent = [
            "connection_refused",
            "connection_timeout",
            "connection_limit_reached",
            "destination_unavailable",
            "destination_not_found",
            "destination_ip_prohibited",
            "destination_ip_unroutable",
            "dns_error",
            "dns_timeout",
            "tls_certificate_error",
            "http_request_denied",
            "proxy_loop_detected",
            "rate_limited",
        ];
        let ambiguous = [
            "connection_terminated",
            "connection_read_timeout",
            "connection_write_timeout",
            "tls_protocol_error",
            "http_request_error",
            "http_upgrade_failed",
            "http_protocol_error",
            "http_response_incomplete",
            "proxy_internal_error",
        ];
        let outcome = |code: &str| {
            let text = format!("ProxyError: {code}");
            judged(&Reply::local(Kind::of_thrown(&text), &text), false).0
        };
        for code in unsent {
            assert_eq!(outcome(code), Outcome::Dropped(code));
        }
        for code in ambiguous {
            assert_eq!(outcome(code), Outcome::Unknown(code));
        }
        assert_eq!(UNSENT_ERRORS.len(), unsent.len());
    }

    const REFUSED: Outcome = Outcome::Dropped("connection_refused");

    #[test]
    fn a_push_is_tried_at_most_four_times() {
        let mut attempts = Attempts::default();
        for most in [500.0, 1000.0, 2000.0] {
            assert_eq!(
                attempts.record(REFUSED, Retry::Backoff, 1e9, || 0.5),
                Next::WaitMs(most / 2.0)
            );
        }
        assert_eq!(
            attempts.record(REFUSED, Retry::Backoff, 1e9, || 0.5),
            Next::Done(REFUSED)
        );
    }

    #[test]
    fn a_retry_that_the_budget_cannot_hold_is_not_made() {
        let record =
            |retry, remaining| Attempts::default().record(REFUSED, retry, remaining, || 0.9);
        assert_eq!(record(Retry::Backoff, 500.0), Next::Done(REFUSED));
        assert_eq!(record(Retry::After(60_000), 20_000.0), Next::Done(REFUSED));
        assert_eq!(record(Retry::After(1_000), 20_000.0), Next::WaitMs(1_000.0));
    }

    #[test]
    fn a_wait_that_outlasts_the_budget_ends_with_what_was_known_before() {
        let mut attempts = Attempts::default();
        assert_eq!(attempts.out_of_time(), Outcome::Dropped("no_time"));
        attempts.record(REFUSED, Retry::Backoff, 1e9, || 0.0);
        assert_eq!(attempts.out_of_time(), REFUSED);
        // An earlier version reported a push here as dropped that the gateway may have applied.
        let unknown = Outcome::Unknown("connection_lost");
        attempts.record(unknown, Retry::Backoff, 1e9, || 0.0);
        assert_eq!(attempts.out_of_time(), unknown);
    }

    #[test]
    fn once_unknown_a_push_stays_unknown_unless_it_is_delivered() {
        let mut attempts = Attempts::default();
        let unknown = Outcome::Unknown("connection_lost");
        assert!(matches!(
            attempts.record(unknown, Retry::Backoff, 1e9, || 0.0),
            Next::WaitMs(_)
        ));
        assert_eq!(
            attempts.record(REFUSED, Retry::No, 1e9, || 0.0),
            Next::Done(unknown)
        );
        let mut attempts = Attempts::default();
        let delivered = Outcome::Delivered {
            accepted: 1,
            rejected: 0,
        };
        assert!(matches!(
            attempts.record(unknown, Retry::Backoff, 1e9, || 0.0),
            Next::WaitMs(_)
        ));
        assert_eq!(
            attempts.record(delivered, Retry::No, 1e9, || 0.0),
            Next::Done(delivered)
        );
    }
}
