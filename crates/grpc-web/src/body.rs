//! The body of a response, read piece by piece.

use crate::Kind;
use crate::frame::{FRAME_HEADER_LEN, FrameHeader, FrameKind};
use crate::reply::Failure;
use crate::text::Text;
use crate::trailers::MAX_TRAILERS_LEN;
use alloc::vec::Vec;

/// The most bytes kept of a body that is not gRPC-Web: enough for the title of an error page, or
/// for a proxy's error line.
pub(crate) const MAX_PREFIX_LEN: usize = 1024;

#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) state: State,
    max_message_len: usize,
    /// At least one byte has arrived.
    pub(crate) began: bool,
    /// The response message, or the part that has arrived.
    pub(crate) message: Option<Vec<u8>>,
    /// The block of trailers, or the part that has arrived.
    pub(crate) trailers: Vec<u8>,
    /// The beginning of a body that is not gRPC-Web.
    pub(crate) prefix: Vec<u8>,
}

#[derive(Debug)]
pub(crate) enum State {
    /// The body is not gRPC-Web.
    Opaque,
    /// In a frame header, of which this many bytes have arrived.
    Header([u8; FRAME_HEADER_LEN], usize),
    /// In the payload of the message, which has this length in bytes.
    Message(usize),
    /// In the payload of the trailers, which have this length in bytes.
    Trailers(usize),
    /// After the trailers.
    Done,
    /// The frames are invalid. This state does not change any more.
    Failed(Failure),
}

const NEXT_FRAME: State = State::Header([0; FRAME_HEADER_LEN], 0);

impl Body {
    pub(crate) fn of_frames(max_message_len: usize) -> Self {
        Self::new(NEXT_FRAME, max_message_len)
    }

    pub(crate) fn opaque() -> Self {
        Self::new(State::Opaque, 0)
    }

    fn new(state: State, max_message_len: usize) -> Self {
        Self {
            state,
            max_message_len,
            began: false,
            message: None,
            trailers: Vec::new(),
            prefix: Vec::new(),
        }
    }

    /// Whether the rest of the body can be ignored.
    pub(crate) fn is_settled(&self) -> bool {
        match self.state {
            State::Opaque => self.prefix.len() >= MAX_PREFIX_LEN,
            State::Failed(_) => true,
            // Nothing may follow the trailers, and only the end of the body shows that.
            State::Header(..) | State::Message(_) | State::Trailers(_) | State::Done => false,
        }
    }

    pub(crate) fn push(&mut self, chunk: &[u8]) {
        let mut rest = chunk;
        while let Some((&first, behind)) = rest.split_first() {
            self.began = true;
            rest = match self.state {
                State::Opaque => {
                    take(&mut self.prefix, MAX_PREFIX_LEN, rest);
                    return;
                }
                State::Header(ref mut bytes, ref mut have) => {
                    if let Some(byte) = bytes.get_mut(*have) {
                        *byte = first;
                    }
                    *have = have.saturating_add(1);
                    if *have >= FRAME_HEADER_LEN {
                        let header = FrameHeader::from_bytes(*bytes);
                        self.state = match self.begin_frame(header) {
                            Ok(state) => state,
                            Err(failure) => State::Failed(failure),
                        };
                    }
                    behind
                }
                State::Message(len) => {
                    let message = self.message.get_or_insert_default();
                    let rest = take(message, len, rest);
                    if message.len() >= len {
                        self.state = NEXT_FRAME;
                    }
                    rest
                }
                State::Trailers(len) => {
                    let rest = take(&mut self.trailers, len, rest);
                    if self.trailers.len() >= len {
                        self.state = State::Done;
                    }
                    rest
                }
                State::Done => {
                    // https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md: "Trailers must
                    // be the last message of the response".
                    let text = "expected the end of the body after the trailers, got more data";
                    self.state = State::Failed(Failure::new(Kind::TrailingData, Text::new(text)));
                    return;
                }
                State::Failed(_) => return,
            };
        }
    }

    /// The state after a frame header, or the error in it. The length is checked against its limit
    /// before any byte of the payload is kept.
    #[inline(never)]
    fn begin_frame(&mut self, header: FrameHeader) -> Result<State, Failure> {
        let trailers = match header.kind() {
            FrameKind::Message => false,
            FrameKind::Trailers => true,
            FrameKind::Compressed => {
                // INTERNAL, with a text that names the supported encoding:
                // https://github.com/grpc/grpc/blob/master/doc/compression.md#test-cases
                let text = "expected no compression (only identity is supported), got frame flags ";
                return Err(Failure::new(
                    Kind::Compressed,
                    Text::new(text).hex(header.flags),
                ));
            }
            FrameKind::Undefined => {
                let text = Text::new("expected frame flags 0x00 or 0x80, got ").hex(header.flags);
                return Err(Failure::new(Kind::BadFrame, text));
            }
        };
        if !trailers && self.message.is_some() {
            // UNIMPLEMENTED: https://github.com/grpc/grpc/blob/master/doc/statuscodes.md. Failing
            // here, and not at the trailers, stops a body of endless small messages.
            let text = Text::new("expected one response message, got more than one");
            return Err(Failure::new(Kind::Cardinality, text));
        }
        let (what, max_len) = if trailers {
            ("trailers", MAX_TRAILERS_LEN)
        } else {
            ("a message", self.max_message_len)
        };
        // A length that does not fit a usize is over every limit.
        let len = usize::try_from(header.len).unwrap_or(usize::MAX);
        if len > max_len {
            // RESOURCE_EXHAUSTED: https://github.com/grpc/grpc/blob/master/doc/statuscodes.md
            let text = Text::new("expected ")
                .str(what)
                .str(" of at most ")
                .num(max_len as u64)
                .str(" bytes, got ")
                .num(u64::from(header.len));
            return Err(Failure::new(Kind::TooLarge, text));
        }
        if !trailers {
            self.message = Some(Vec::new());
        }
        Ok(match (trailers, len) {
            (true, 0) => State::Done,
            (true, _) => State::Trailers(len),
            (false, 0) => NEXT_FRAME,
            (false, _) => State::Message(len),
        })
    }
}

/// Moves bytes from the front of `from` to the end of `to` until `to` has `len` bytes. Returns the
/// remaining bytes.
#[inline(never)]
fn take<'a>(to: &mut Vec<u8>, len: usize, from: &'a [u8]) -> &'a [u8] {
    let missing = len.saturating_sub(to.len());
    let (taken, rest) = from.split_at_checked(missing).unwrap_or((from, &[]));
    // The vector grows with the bytes received, not with the announced length.
    to.extend_from_slice(taken);
    rest
}

#[cfg(test)]
mod tests {
    use super::{Body, MAX_PREFIX_LEN, State};
    use crate::{Kind, MAX_TRAILERS_LEN};
    use alloc::vec::Vec;

    fn body(bytes: &[u8]) -> Body {
        let mut body = Body::of_frames(8);
        body.push(bytes);
        body
    }

    fn failure(body: &Body) -> Option<(Kind, &str)> {
        match &body.state {
            State::Failed(failure) => Some((failure.kind, &failure.message)),
            _ => None,
        }
    }

    #[test]
    fn a_message_and_trailers_are_taken_apart() {
        let body = body(b"\0\0\0\0\x02hi\x80\0\0\0\x03a:b");
        assert!(matches!(body.state, State::Done));
        assert!(
            !body.is_settled(),
            "the end of the body is still to be seen"
        );
        assert_eq!(body.message.as_deref(), Some(&b"hi"[..]));
        assert_eq!(body.trailers, b"a:b");
    }

    #[test]
    fn a_frame_of_no_bytes_is_a_message() {
        let body = body(b"\0\0\0\0\0");
        assert_eq!(body.message.as_deref(), Some(&b""[..]));
        assert!(matches!(body.state, State::Header(_, 0)));
    }

    #[test]
    fn each_wrong_frame_is_a_failure_of_its_own() {
        let cases: [(&[u8], Kind, &str); 9] = [
            (
                b"\x01\0\0\0\0",
                Kind::Compressed,
                "expected no compression (only identity is supported), got frame flags 0x01",
            ),
            (
                b"\x81\0\0\0\0",
                Kind::Compressed,
                "expected no compression (only identity is supported), got frame flags 0x81",
            ),
            (
                b"\x02\0\0\0\0",
                Kind::BadFrame,
                "expected frame flags 0x00 or 0x80, got 0x02",
            ),
            // the first bytes of an HTML page
            (
                b"<html>",
                Kind::BadFrame,
                "expected frame flags 0x00 or 0x80, got 0x3c",
            ),
            (
                b"\0\0\0\0\x09",
                Kind::TooLarge,
                "expected a message of at most 8 bytes, got 9",
            ),
            (
                b"\0\xFF\xFF\xFF\xFF",
                Kind::TooLarge,
                "expected a message of at most 8 bytes, got 4294967295",
            ),
            (
                b"\x80\0\0\x40\x01",
                Kind::TooLarge,
                "expected trailers of at most 16384 bytes, got 16385",
            ),
            (
                b"\0\0\0\0\0\0\0\0\0\0",
                Kind::Cardinality,
                "expected one response message, got more than one",
            ),
            (
                b"\x80\0\0\0\0\0",
                Kind::TrailingData,
                "expected the end of the body after the trailers, got more data",
            ),
        ];
        for (bytes, kind, message) in cases {
            let mut body = body(bytes);
            assert_eq!(failure(&body), Some((kind, message)), "{bytes:?}");
            assert!(body.is_settled());
            // later pieces do not change it
            body.push(b"\x80\0\0\0\x0egrpc-status: 0");
            assert_eq!(failure(&body), Some((kind, message)), "{bytes:?}");
        }
    }

    #[test]
    fn the_limits_themselves_are_within_the_limits() {
        let mut bytes = Vec::from(b"\0\0\0\0\x0812345678\x80\0\0\x40\0");
        bytes.resize(bytes.len() + MAX_TRAILERS_LEN, b'x');
        let body = body(&bytes);
        assert!(matches!(body.state, State::Done), "{:?}", body.state);
        assert_eq!(body.trailers.len(), MAX_TRAILERS_LEN);
    }

    #[test]
    fn a_limit_for_messages_is_none_for_trailers() {
        for max_message_len in [0, MAX_TRAILERS_LEN * 4] {
            let mut body = Body::of_frames(max_message_len);
            body.push(b"\x80\0\0\x40\x01");
            let expected = "expected trailers of at most 16384 bytes, got 16385";
            assert_eq!(failure(&body), Some((Kind::TooLarge, expected)));
        }
    }

    #[test]
    fn a_length_reserves_no_memory() {
        let mut body = Body::of_frames(usize::MAX);
        body.push(b"\0\xFF\xFF\xFF\xFFabc");
        assert!(matches!(body.state, State::Message(0xFFFF_FFFF)));
        assert!(body.message.is_some_and(|m| m.capacity() < 64));
    }

    #[test]
    fn a_foreign_body_is_kept_up_to_the_limit() {
        let mut body = Body::opaque();
        for _ in 0..MAX_PREFIX_LEN {
            assert!(!body.is_settled());
            body.push(b"x");
        }
        assert!(body.is_settled());
        body.push(&[b'y'; 5000]);
        assert_eq!(body.prefix, [b'x'; MAX_PREFIX_LEN]);
    }
}
