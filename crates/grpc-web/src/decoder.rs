//! Turns a response into the outcome of the call.

use crate::body::{Body, State};
use crate::content_type::ContentType;
use crate::head::Head;
use crate::outcome;
use crate::trailers::Trailers;
use crate::{Code, Kind, Reply, Source, Status};
use core::mem;

/// Whether reading more of the body can still change the outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Flow {
    /// More of the body is needed.
    Continue,
    /// The outcome is final: the body may be cancelled, and further pushes are ignored.
    Stop,
}

/// How the body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyEnd {
    /// It was read to its end, or until [`Flow::Stop`].
    Complete,
    /// Reading it failed.
    Failed,
    /// The caller's deadline passed.
    Deadline,
}

/// Reads the response to one unary call.
///
/// Create it from the HTTP status and the headers, [`push`](Self::push) the body in pieces of any
/// size as they arrive, and then [`finish`](Self::finish). The division into pieces does not affect
/// the outcome. For any input, the decoder keeps at most one message of `max_message_len` bytes,
/// [`MAX_TRAILERS_LEN`](crate::MAX_TRAILERS_LEN) bytes of trailers and about 4 KiB more. It
/// allocates for the bytes received, not for the announced lengths.
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
///    each have their own [`Kind`]. Lengths are checked before any payload is kept.
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
/// [http]: https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md
/// [responses]: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#responses
/// [media-type]: https://www.rfc-editor.org/rfc/rfc9110#section-8.3.1
/// [web]: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md#protocol-differences-vs-grpc-over-http2
/// [codes]: https://github.com/grpc/grpc/blob/master/doc/statuscodes.md
/// [cancellation]: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#client-cancellation
#[derive(Debug)]
pub struct UnaryDecoder {
    http_status: u16,
    head: Head,
    body: Body,
}

impl UnaryDecoder {
    /// A decoder for a response with this status and these headers.
    ///
    /// Names may be in any case and may repeat. A fetch API may [join][join] the values of one name
    /// with commas: then each part of a `grpc-status` counts by itself, and two joined media types
    /// are invalid.
    ///
    /// [join]: https://www.rfc-editor.org/rfc/rfc9110#section-5.3
    ///
    /// `max_message_len` bounds the response message, in bytes.
    pub fn new<'a>(
        http_status: u16,
        headers: impl IntoIterator<Item = (&'a str, &'a str)>,
        max_message_len: usize,
    ) -> Self {
        let mut head = Head::default();
        for (name, value) in headers {
            head.add(name, value);
        }
        let body = match head.content_type {
            Some(ContentType::GrpcWeb) => Body::of_frames(max_message_len),
            _ => Body::opaque(),
        };
        Self {
            http_status,
            head,
            body,
        }
    }

    /// Whether the body must be read at all.
    pub fn flow(&self) -> Flow {
        // An HTTP error whose headers carry a status: the body cannot change it.
        let settled = self.http_status != 200 && self.head.status.error().is_some();
        if settled || self.body.is_settled() {
            Flow::Stop
        } else {
            Flow::Continue
        }
    }

    /// Adds the next piece of the body. An empty piece has no effect: it is not the end.
    pub fn push(&mut self, chunk: &[u8]) -> Flow {
        if self.flow() == Flow::Continue {
            self.body.push(chunk);
        }
        self.flow()
    }

    /// Returns the outcome of the call. `end` says how the body ended.
    #[must_use]
    pub fn finish(mut self, end: BodyEnd) -> Reply {
        let trailers = match self.body.state {
            State::Done => Trailers::from_block(mem::take(&mut self.body.trailers)),
            // Incomplete trailers are not used.
            _ => Trailers::default(),
        };
        let pushback = trailers.pushback().or(self.head.pushback);
        let outcome = outcome::decide(self.http_status, self.head, &self.body, &trailers, end);
        let http_status = Some(self.http_status);
        match outcome {
            Ok((status, source)) => Reply {
                message: self.body.message.filter(|_| status.code == Code::Ok),
                status,
                source,
                pushback,
                trailers,
                http_status,
            },
            Err(failure) => {
                // Only this client makes DEADLINE_EXCEEDED here, "without using any part of
                // Trailers".
                let is_deadline = failure.kind == Kind::Deadline;
                Reply {
                    status: Status {
                        code: failure.kind.code(),
                        message: failure.message,
                    },
                    source: Source::Local(failure.kind),
                    message: None,
                    pushback: pushback.filter(|_| !is_deadline),
                    trailers: if is_deadline {
                        Trailers::default()
                    } else {
                        trailers
                    },
                    http_status,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
