//! From a response to the outcome of the call.

use crate::body::{Body, State};
use crate::content_type::ContentType;
use crate::head::Head;
use crate::outcome;
use crate::trailers::Trailers;
use crate::{Code, Kind, Reply, Source, Status};
use core::mem;

/// Whether reading on can still change the outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Flow {
    /// More of the body is needed.
    Continue,
    /// The outcome is certain: the body may be cancelled. What is pushed after this is ignored.
    Stop,
}

/// How the body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyEnd {
    /// It was read to its end, or [`Flow::Stop`] said that it need not be.
    Complete,
    /// Reading it failed.
    Failed,
    /// The caller's deadline passed.
    Deadline,
}

/// Reads the response to one unary call.
///
/// Make it from the HTTP status and the headers, [`push`](Self::push) the body as it comes, in
/// pieces of any size, and [`finish`](Self::finish). How the body is cut into pieces makes no
/// difference to the outcome. Whatever comes, no more is kept than one message of at most
/// `max_message_len` bytes, [`MAX_TRAILERS_LEN`](crate::MAX_TRAILERS_LEN) bytes of trailers and
/// about 4 KiB besides; memory is taken as bytes come, not as lengths promise.
///
/// # How the outcome is decided
///
/// The first rule that applies holds. [`Kind`] names what a rule without a status comes to.
///
/// 1. *HTTP status other than 200*: a valid `grpc-status` other than 0 counts, from the headers or
///    from the trailers of a gRPC-Web body ("if grpc-status was provided, it [must be
///    used][http]"). Otherwise a `text/plain` body may name an error of the platform
///    ([`Kind::Proxy`], [`Kind::EdgeError`]), or else the [mapping][http] of HTTP statuses holds
///    ([`Kind::HttpStatus`]). This is never OK.
/// 2. *Empty body*: a `grpc-status` other than 0 in the headers counts; this is a
///    [trailers-only][responses] response. 0 lacks its message ([`Kind::Cardinality`]).
/// 3. *A body that is not gRPC-Web with protobuf*: [`Kind::ContentType`] or [`Kind::Codec`].
///    Media types are compared [without regard to case and parameters][media-type], and a bare
///    `application/grpc-web` is as good as `+proto`.
/// 4. *Frames*: undefined flags, a compressed frame, one over the limit, a second message,
///    anything after the trailers ("must be [the last][web]") and a body that ends inside a frame
///    are failures of their own. Lengths are checked before anything is kept.
/// 5. *Trailers with a status*: it counts, and a `grpc-status` in the headers does not, since
///    [response headers have none][responses]. Values that disagree or are not codes are
///    failures.
/// 6. *Trailers without a status*: the `grpc-status` of the headers counts. Some proxies send the
///    status there and an empty trailers frame besides.
/// 7. *No trailers*: [`Kind::NoStatus`], even if the headers say 0. The absence of a status is
///    never success.
///
/// An OK without exactly one message is [UNIMPLEMENTED][codes]; an error with a message is the
/// error. A zero-length frame is a message.
///
/// When the body fails or the deadline passes, a status that was complete by then still counts,
/// with one exception: CANCELLED after the deadline is [the deadline's own doing][cancellation].
///
/// # Compression and base64
///
/// Compressed messages (flags `0x01`), compressed trailers (`0x81`) and `application/grpc-web-text`
/// are refused with INTERNAL. This client never asks for them: [messages are not compressed in
/// gRPC-Web][web], base64 is for browsers that cannot read binary bodies, and code to undo either
/// would be carried by every instance of a Worker for nothing. `content-encoding`, the compression
/// of the whole body, is undone by `fetch`.
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
    /// Names may be in any case and may repeat. Where a fetch API has [joined][join] the values of
    /// one name with commas, each part of a `grpc-status` counts by itself, and two media types
    /// are none.
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

    /// Whether the body needs to be read at all, or read on.
    pub fn flow(&self) -> Flow {
        // An HTTP error whose headers carry a status: no body changes that.
        let settled = self.http_status != 200 && self.head.status.error().is_some();
        if settled || self.body.is_settled() {
            Flow::Stop
        } else {
            Flow::Continue
        }
    }

    /// Takes in the next piece of the body. An empty piece is not the end, and changes nothing.
    pub fn push(&mut self, chunk: &[u8]) -> Flow {
        if self.flow() == Flow::Continue {
            self.body.push(chunk);
        }
        self.flow()
    }

    /// The outcome of the call, whose body came to this `end`.
    #[must_use]
    pub fn finish(mut self, end: BodyEnd) -> Reply {
        let trailers = match self.body.state {
            State::Done => Trailers::from_block(mem::take(&mut self.body.trailers)),
            // Cut off, they are no trailers.
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
                // DEADLINE_EXCEEDED is made here alone, "without using any part of Trailers".
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
