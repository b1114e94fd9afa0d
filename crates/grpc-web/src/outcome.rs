//! The rules that decide the outcome. The docs of [`UnaryDecoder`](crate::UnaryDecoder) list them
//! in order.

use crate::body::{Body, State};
use crate::content_type::ContentType;
use crate::frame::FRAME_HEADER_LEN;
use crate::head::Head;
use crate::page;
use crate::percent;
use crate::reply::Failure;
use crate::status_field::StatusField;
use crate::text::Text;
use crate::trailers::Trailers;
use crate::{BodyEnd, Code, Kind, ProxyError, Source, Status};
use alloc::vec::Vec;

/// The server's status, or the reason why there is none.
type Outcome = Result<(Status, Source), Failure>;

/// The most characters of an error page that are shown.
const SHOWN: usize = 200;

pub(crate) fn decide(
    http_status: u16,
    head: Head,
    body: &Body,
    trailers: &Trailers,
    end: BodyEnd,
) -> Outcome {
    if http_status == 200 {
        of_success(head, body, trailers, end)
    } else {
        of_http_error(http_status, head, body, trailers, end)
    }
}

/// The outcome when the HTTP status is 200.
fn of_success(head: Head, body: &Body, trailers: &Trailers, end: BodyEnd) -> Outcome {
    if !body.began
        && let Some(code) = head.status.error()
    {
        return of_headers(code, head, end);
    }
    match body.state {
        State::Opaque => Err(refused_content_type(&head, body)),
        State::Failed(ref failure) => Err(failure.clone()),
        State::Done => of_trailers(head, body, trailers, end),
        State::Header(_, have) => {
            whole(end)?;
            if have > 0 {
                return Err(truncated("frame header", FRAME_HEADER_LEN, have));
            }
            if !body.began {
                // A trailers-only response that carries no error: report what is wrong with it.
                head_code(&head)?;
                return Err(no_message());
            }
            let text = Text::new("expected trailers at the end of the body, got none");
            Err(Failure::new(Kind::NoStatus, text))
        }
        State::Message(len) => {
            whole(end)?;
            Err(truncated(
                "message",
                len,
                body.message.as_ref().map_or(0, Vec::len),
            ))
        }
        State::Trailers(len) => {
            whole(end)?;
            Err(truncated("trailers frame", len, body.trailers.len()))
        }
    }
}

/// The outcome when the body is complete, down to its trailers.
fn of_trailers(head: Head, body: &Body, trailers: &Trailers, end: BodyEnd) -> Outcome {
    let (status, source) = match trailers.status() {
        StatusField::Absent => {
            let code = head_code(&head)?;
            let message = head.message.unwrap_or_default();
            (Status { code, message }, Source::Headers)
        }
        field => {
            let message = percent::decode(trailers.message());
            let code = code_of(&field, &message)?;
            (Status { code, message }, Source::Trailers)
        }
    };
    if status.code == Code::Ok && body.message.is_none() {
        return Err(no_message());
    }
    not_cancelled_by_deadline(status.code, end)?;
    Ok((status, source))
}

/// The outcome when the HTTP status is an error. It is never OK.
fn of_http_error(
    http_status: u16,
    head: Head,
    body: &Body,
    trailers: &Trailers,
    end: BodyEnd,
) -> Outcome {
    if let Some(code) = head.status.error() {
        return of_headers(code, head, end);
    }
    if let Some(code) = trailers.status().error() {
        not_cancelled_by_deadline(code, end)?;
        let message = percent::decode(trailers.message());
        return Ok((Status { code, message }, Source::Trailers));
    }
    let mut kind = Kind::HttpStatus(http_status);
    if head.content_type == Some(ContentType::Plain) {
        let whole = end == BodyEnd::Complete && !body.is_settled();
        let proxy_error = match http_status {
            // The binding's errors come only with this status.
            500 => ProxyError::from_body(&body.prefix, whole),
            _ => None,
        };
        if let Some(error) = proxy_error {
            kind = Kind::Proxy(error);
        } else if let Some(number) = page::edge_error(&body.prefix, whole) {
            kind = Kind::EdgeError(http_status, number);
        }
    }
    let text = Text::new("expected http status 200, got ").num(u64::from(http_status));
    Err(Failure::new(kind, with_page(text, &head, body)))
}

/// The outcome from the headers alone.
fn of_headers(code: Code, head: Head, end: BodyEnd) -> Outcome {
    not_cancelled_by_deadline(code, end)?;
    let message = head.message.unwrap_or_default();
    Ok((Status { code, message }, Source::Headers))
}

fn refused_content_type(head: &Head, body: &Body) -> Failure {
    let text = Text::new("expected content-type application/grpc-web+proto, got ");
    let (kind, text) = match head.content_type {
        None => (Kind::ContentType, text.str("none")),
        Some(ContentType::OtherCodec) => (Kind::Codec, text.str(&head.shown_content_type)),
        Some(_) => (Kind::ContentType, text.str(&head.shown_content_type)),
    };
    Failure::new(kind, with_page(text, head, body))
}

/// `text`, and a summary of the body if the body is text.
fn with_page(text: Text, head: &Head, body: &Body) -> Text {
    match head.content_type {
        Some(ContentType::Plain | ContentType::Text) if !body.prefix.is_empty() => {
            text.str(": ").quoted(page::gist(&body.prefix), SHOWN)
        }
        _ => text,
    }
}

fn head_code(head: &Head) -> Result<Code, Failure> {
    code_of(&head.status, head.message.as_deref().unwrap_or_default())
}

/// The code that a status field gives, or the reason why it gives none. `message` is the
/// `grpc-message` of the same place.
fn code_of(status: &StatusField, message: &str) -> Result<Code, Failure> {
    let (kind, text) = match *status {
        StatusField::Valid(code) => return Ok(code),
        StatusField::Absent => {
            let text = Text::new("expected a grpc-status, got none");
            (Kind::NoStatus, text)
        }
        StatusField::Conflicting(first, second) => {
            let text = Text::new("expected one grpc-status, got ")
                .num(u64::from(first.number()))
                .str(" and ")
                .num(u64::from(second.number()));
            (Kind::ConflictingStatus, text)
        }
        StatusField::Bad(ref value) => {
            let text = Text::new("expected a grpc-status from 0 to 16, got ").str(value);
            (Kind::BadStatus, text)
        }
    };
    let text = match message {
        "" => text,
        _ => text.str(": ").str(message),
    };
    Err(Failure::new(kind, text))
}

/// Continues only if the body was read to its end.
fn whole(end: BodyEnd) -> Result<(), Failure> {
    match end {
        BodyEnd::Complete => Ok(()),
        BodyEnd::Failed => {
            let text = "expected the whole response body, got an error while reading it";
            Err(Failure::new(Kind::BodyFailed, Text::new(text)))
        }
        BodyEnd::Deadline => Err(deadline()),
    }
}

/// A server that gives up a call at the deadline sends CANCELLED. A client whose own deadline has
/// passed [reports DEADLINE_EXCEEDED][cancellation] and ignores the trailers.
///
/// [cancellation]: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#client-cancellation
fn not_cancelled_by_deadline(code: Code, end: BodyEnd) -> Result<(), Failure> {
    if code == Code::Cancelled && end == BodyEnd::Deadline {
        return Err(deadline());
    }
    Ok(())
}

fn deadline() -> Failure {
    let text = "expected the whole response before the deadline, got a part of it";
    Failure::new(Kind::Deadline, Text::new(text))
}

fn no_message() -> Failure {
    let text = "expected one response message with status 0, got none";
    Failure::new(Kind::Cardinality, Text::new(text))
}

fn truncated(what: &str, expected: usize, actual: usize) -> Failure {
    let text = Text::new("expected a ")
        .str(what)
        .str(" of ")
        .num(expected as u64)
        .str(" bytes, got ")
        .num(actual as u64);
    Failure::new(Kind::Truncated, text)
}
