//! Turns a response into the outcome of the call.

use crate::content_type::ContentType;
use crate::frame::{BodyEnd, Frames, read_frames};
use crate::head::Head;
use crate::page;
use crate::reply::Failure;
use crate::status_fields::GrpcStatus;
use crate::text::Text;
use crate::{Code, Kind, ProxyError, Reply, Source, Status};

/// The bytes of an error page in which its title is expected.
const MAX_PAGE_LEN: usize = 1024;

/// The most characters of a `content-type` that are shown.
const SHOWN_CONTENT_TYPE: usize = 100;

/// The most characters of an error page that are shown.
const SHOWN_PAGE: usize = 200;

/// Reads the response to one unary call: its HTTP status, headers and body.
///
/// Names of headers may be in any case and may repeat. A fetch API may [join][join] the values of
/// one name with commas: then each part of a `grpc-status` counts by itself, and two joined media
/// types are invalid.
///
/// `body` is what was read of the body, and `end` says how reading ended. `max_message_len` bounds
/// the response message, in bytes. A body of more than `max_message_len`,
/// [`MAX_TRAILERS_LEN`](crate::MAX_TRAILERS_LEN) and two
/// [`FRAME_HEADER_LEN`](crate::FRAME_HEADER_LEN) bytes is never valid, so a caller may stop reading
/// beyond that length.
///
/// # How the outcome is decided
///
/// The first rule that applies decides. [`Kind`] names the outcome where the server gave no status.
///
/// 1. *HTTP status other than 200*: a valid `grpc-status` other than 0 counts, from the headers or
///    from the trailers of a gRPC-Web body ("if grpc-status was provided, it [must be
///    used][http]"). Otherwise a `text/plain` body may name an error of the platform
///    ([`Kind::Proxy`], [`Kind::EdgeError`]). Otherwise the [mapping][http] of HTTP statuses
///    applies ([`Kind::HttpStatus`]). This is never OK.
/// 2. *Empty body*: a `grpc-status` other than 0 in the headers counts; this is a
///    [trailers-only][responses] response. With status 0, the message is missing
///    ([`Kind::Cardinality`]).
/// 3. *A body that is not gRPC-Web with protobuf*: [`Kind::ContentType`] or [`Kind::Codec`].
///    Media types are compared [without regard to case and parameters][media-type], and a bare
///    `application/grpc-web` is equal to `+proto`.
/// 4. *Frames*: undefined flags, a compressed frame, a frame over the limit, a second message,
///    anything after the trailers ("must be [the last][web]") and a body that ends inside a frame
///    each have their own [`Kind`].
/// 5. *Trailers with a status*: this status counts. A `grpc-status` in the headers is ignored,
///    because [response headers have none][responses]. Values that differ or are not codes are
///    failures.
/// 6. *Trailers without a status*: the `grpc-status` of the headers counts. Some proxies send the
///    status there, and an empty trailers frame in the body.
/// 7. *No trailers*: [`Kind::NoStatus`], even if the headers say 0. A missing status is never a
///    success.
///
/// An OK without exactly one message is [UNIMPLEMENTED][codes]. An error status with a message is
/// still that error. A zero-length frame is a message.
///
/// When reading fails or the deadline passes, a status that was already complete still counts, with
/// one exception: CANCELLED after the deadline is [caused by the deadline itself][cancellation].
///
/// # Compression and base64
///
/// Compressed messages (flags `0x01`), compressed trailers (`0x81`) and `application/grpc-web-text`
/// are refused with INTERNAL. This client never asks for them: [messages are not compressed in
/// gRPC-Web][web], and base64 is for browsers that cannot read binary bodies. Decoders for either
/// would make every Worker larger without use. `fetch` itself decodes `content-encoding`, the
/// compression of the whole body.
///
/// [join]: https://www.rfc-editor.org/rfc/rfc9110#section-5.3
/// [http]: https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md
/// [responses]: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#responses
/// [media-type]: https://www.rfc-editor.org/rfc/rfc9110#section-8.3.1
/// [web]: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md#protocol-differences-vs-grpc-over-http2
/// [codes]: https://github.com/grpc/grpc/blob/master/doc/statuscodes.md
/// [cancellation]: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#client-cancellation
#[must_use]
pub fn read_response<'a>(
    http_status: u16,
    headers: impl IntoIterator<Item = (&'a str, &'a str)>,
    body: &[u8],
    end: BodyEnd,
    max_message_len: usize,
) -> Reply {
    let mut head = Head::default();
    for (name, value) in headers {
        head.add(name, value);
    }
    let mut frames = Frames::default();
    let outcome = decide(http_status, &head, body, end, max_message_len, &mut frames);
    let (status, source) = match outcome {
        // A server that gives up a call at the deadline sends CANCELLED.
        Ok((status, _)) if status.code == Code::Cancelled && end == BodyEnd::Deadline => {
            local(Failure::deadline())
        }
        Ok(outcome) => outcome,
        Err(failure) => local(failure),
    };
    if source == Source::Local(Kind::Deadline) {
        // Reported "without using any part of Trailers".
        head = Head::default();
        frames = Frames::default();
    }
    Reply {
        message: frames
            .message
            .filter(|_| status.code == Code::Ok)
            .map(<[u8]>::to_vec),
        status,
        source,
        pushback: frames
            .trailers
            .status_fields()
            .pushback
            .or(head.fields.pushback),
        trailers: frames.trailers,
    }
}

fn local(failure: Failure) -> (Status, Source) {
    let status = Status {
        code: failure.kind.code(),
        message: failure.message,
    };
    (status, Source::Local(failure.kind))
}

/// The server's status, or the reason why there is none, by the rules above. `frames` become those
/// of the body, if they are valid and were needed.
fn decide<'b>(
    http_status: u16,
    head: &Head<'_>,
    body: &'b [u8],
    end: BodyEnd,
    max_message_len: usize,
    frames: &mut Frames<'b>,
) -> Result<(Status, Source), Failure> {
    // Rules 1 and 2: the headers.
    if (http_status != 200 || body.is_empty())
        && let Some(status) = head.fields.error()
    {
        return Ok((status, Source::Headers));
    }
    // Rules 3, 4 and 7.
    let read = match head.content_type {
        Some(ContentType::GrpcWeb) => read_frames(body, end, max_message_len),
        _ => Err(refused_content_type(head, body)),
    };
    // Rule 1: the trailers, and then the HTTP status.
    if http_status != 200 {
        *frames = read.unwrap_or_default();
        let status = frames.trailers.status_fields().error();
        return match status {
            Some(status) => Ok((status, Source::Trailers)),
            None => Err(http_error(http_status, head, body, end)),
        };
    }
    *frames = read?;
    // Rules 5 and 6.
    let trailers = frames.trailers.status_fields();
    let (fields, source) = match trailers.status {
        GrpcStatus::Absent => (&head.fields, Source::Headers),
        _ => (&trailers, Source::Trailers),
    };
    let status = fields.status()?;
    if status.code == Code::Ok && frames.message.is_none() {
        let text = "expected one response message with status 0, got none";
        return Err(Failure::new(Kind::Cardinality, Text::new(text)));
    }
    Ok((status, source))
}

/// The failure of an HTTP error without a gRPC status.
fn http_error(http_status: u16, head: &Head<'_>, body: &[u8], end: BodyEnd) -> Failure {
    let mut kind = Kind::HttpStatus(http_status);
    if head.content_type == Some(ContentType::Plain) {
        let whole = end == BodyEnd::Complete;
        let proxy_error = match http_status {
            // The binding's errors come only with this status.
            500 => ProxyError::from_body(body, whole),
            _ => None,
        };
        if let Some(error) = proxy_error {
            kind = Kind::Proxy(error);
        } else if let Some(number) = page::edge_error(body, whole) {
            kind = Kind::EdgeError(http_status, number);
        }
    }
    let text = Text::new("expected http status 200, got ").num(u64::from(http_status));
    Failure::new(kind, with_page(text, head, body))
}

fn refused_content_type(head: &Head<'_>, body: &[u8]) -> Failure {
    let text = Text::new("expected content-type application/grpc-web+proto, got ");
    let text = match head.content_type {
        None => text.str("none"),
        Some(_) => text.quoted(head.content_type_value, SHOWN_CONTENT_TYPE),
    };
    let kind = match head.content_type {
        Some(ContentType::OtherCodec) => Kind::Codec,
        _ => Kind::ContentType,
    };
    Failure::new(kind, with_page(text, head, body))
}

/// `text`, and a summary of the body if the body is text.
fn with_page(text: Text, head: &Head<'_>, body: &[u8]) -> Text {
    match head.content_type {
        Some(ContentType::Plain | ContentType::Text) if !body.is_empty() => {
            let beginning = body.get(..MAX_PAGE_LEN).unwrap_or(body);
            text.str(": ").quoted(page::gist(beginning), SHOWN_PAGE)
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests;
