//! The frames of a body: at most one message, and then the trailers.
//!
//! A [length-prefixed message][framing] is one byte of flags, the payload's length as a big-endian
//! 32-bit number, and the payload. gRPC-Web [adds][web] one flag: the top bit marks the trailers,
//! which come last.
//!
//! [framing]: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests
//! [web]: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md#protocol-differences-vs-grpc-over-http2

use crate::Kind;
use crate::reply::Failure;
use crate::text::Text;
use crate::trailers::{MAX_TRAILERS_LEN, Trailers};

/// The length of a frame header in bytes.
pub const FRAME_HEADER_LEN: usize = 5;

/// The frame header of an uncompressed message of `len` bytes.
///
/// ```
/// assert_eq!(grpc_web_unary::frame_header(258), [0, 0, 0, 1, 2]);
/// ```
#[must_use]
pub const fn frame_header(len: u32) -> [u8; FRAME_HEADER_LEN] {
    let [a, b, c, d] = len.to_be_bytes();
    [0, a, b, c, d]
}

/// How the body of a response ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyEnd {
    /// It was read to its end, or past the length of any valid body.
    Complete,
    /// Reading it failed.
    Failed,
    /// The caller's deadline passed.
    Deadline,
}

impl BodyEnd {
    /// The reason why the end of the body is missing, if it is.
    fn check(self) -> Result<(), Failure> {
        match self {
            Self::Complete => Ok(()),
            Self::Failed => {
                let text = "expected the whole response body, got an error while reading it";
                Err(Failure::new(Kind::BodyFailed, Text::new(text)))
            }
            Self::Deadline => Err(Failure::deadline()),
        }
    }
}

/// The frames of a body. An empty body has none.
#[derive(Debug, Default)]
pub(crate) struct Frames<'a> {
    pub(crate) message: Option<&'a [u8]>,
    pub(crate) trailers: Trailers,
}

/// Takes a body apart. A body without complete trailers is a failure, unless it is empty.
pub(crate) fn read_frames(
    mut body: &[u8],
    end: BodyEnd,
    max_message_len: usize,
) -> Result<Frames<'_>, Failure> {
    let mut message = None;
    while !body.is_empty() {
        let Some((&[flags, a, b, c, d], rest)) = body.split_first_chunk() else {
            return Err(cut_off("a frame header", FRAME_HEADER_LEN, body, end));
        };
        let is_trailers = match flags {
            0x00 => false,
            0x80 => true,
            0x01 | 0x81 => {
                // INTERNAL, with a text that names the supported encoding:
                // https://github.com/grpc/grpc/blob/master/doc/compression.md#test-cases
                let text = "expected no compression (only identity is supported), got frame flags ";
                let text = Text::new(text).hex(flags);
                return Err(Failure::new(Kind::Compressed, text));
            }
            _ => {
                let text = Text::new("expected frame flags 0x00 or 0x80, got ").hex(flags);
                return Err(Failure::new(Kind::BadFrame, text));
            }
        };
        if !is_trailers && message.is_some() {
            // UNIMPLEMENTED: https://github.com/grpc/grpc/blob/master/doc/statuscodes.md
            let text = Text::new("expected one response message, got more than one");
            return Err(Failure::new(Kind::Cardinality, text));
        }
        let (what, frame, max_len) = if is_trailers {
            ("trailers", "a trailers frame", MAX_TRAILERS_LEN)
        } else {
            ("a message", "a message", max_message_len)
        };
        let announced = u32::from_be_bytes([a, b, c, d]);
        // A length that does not fit a usize is over every limit.
        let len = usize::try_from(announced).unwrap_or(usize::MAX);
        if len > max_len {
            // RESOURCE_EXHAUSTED: https://github.com/grpc/grpc/blob/master/doc/statuscodes.md
            let text = Text::new("expected ")
                .str(what)
                .str(" of at most ")
                .num(max_len as u64)
                .str(" bytes, got ")
                .num(u64::from(announced));
            return Err(Failure::new(Kind::TooLarge, text));
        }
        let Some((payload, rest)) = rest.split_at_checked(len) else {
            return Err(cut_off(frame, len, rest, end));
        };
        if is_trailers && rest.is_empty() {
            let trailers = Trailers::from_block(payload.to_vec());
            return Ok(Frames { message, trailers });
        }
        if is_trailers {
            // https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md: "Trailers must be the
            // last message of the response".
            let text = "expected the end of the body after the trailers, got more data";
            return Err(Failure::new(Kind::TrailingData, Text::new(text)));
        }
        message = Some(payload);
        body = rest;
    }
    end.check()?;
    if message.is_none() {
        return Ok(Frames::default());
    }
    let text = "expected trailers at the end of the body, got none";
    Err(Failure::new(Kind::NoStatus, Text::new(text)))
}

/// The failure of a body that ends inside `what`, of which it has only this `part`.
fn cut_off(what: &str, expected: usize, part: &[u8], end: BodyEnd) -> Failure {
    if let Err(failure) = end.check() {
        return failure;
    }
    let text = Text::new("expected ")
        .str(what)
        .str(" of ")
        .num(expected as u64)
        .str(" bytes, got ")
        .num(part.len() as u64);
    Failure::new(Kind::Truncated, text)
}

#[cfg(test)]
mod tests {
    use super::{BodyEnd, Frames, frame_header, read_frames};
    use crate::trailers::Trailers;
    use crate::{Kind, MAX_TRAILERS_LEN};
    use alloc::string::String;
    use alloc::vec::Vec;

    fn frames(body: &[u8]) -> Frames<'_> {
        read_frames(body, BodyEnd::Complete, 8).expect("frames")
    }

    fn failure(body: &[u8], max_message_len: usize) -> (Kind, String) {
        let failure = read_frames(body, BodyEnd::Complete, max_message_len).unwrap_err();
        (failure.kind, failure.message)
    }

    #[test]
    fn a_frame_header_has_exact_bytes() {
        for (len, bytes) in [
            (0, [0, 0, 0, 0, 0]),
            (1, [0, 0, 0, 0, 1]),
            (0x0102_0304, [0, 1, 2, 3, 4]),
            (u32::MAX, [0, 255, 255, 255, 255]),
        ] {
            assert_eq!(frame_header(len), bytes);
        }
    }

    #[test]
    fn a_message_and_trailers_are_taken_apart() {
        let frames = frames(b"\0\0\0\0\x02hi\x80\0\0\0\x03a:b");
        assert_eq!(frames.message, Some(&b"hi"[..]));
        assert_eq!(frames.trailers, Trailers::from_block(b"a:b".to_vec()));
    }

    #[test]
    fn a_frame_of_no_bytes_is_a_message_and_an_empty_body_has_none() {
        let empty_message = frames(b"\0\0\0\0\0\x80\0\0\0\0");
        assert_eq!(empty_message.message, Some(&b""[..]));
        assert_eq!(frames(b"\x80\0\0\0\0").message, None);
        assert_eq!(frames(b"").message, None);
    }

    #[test]
    fn only_four_values_of_the_flags_byte_are_defined() {
        for flags in 0..=255u8 {
            let body = [flags, 0, 0, 0, 0];
            let kind = read_frames(&body, BodyEnd::Complete, 8).map_err(|failure| failure.kind);
            let expected = match flags {
                0x00 => Err(Kind::NoStatus),
                0x80 => Ok(()),
                0x01 | 0x81 => Err(Kind::Compressed),
                _ => Err(Kind::BadFrame),
            };
            assert_eq!(kind.map(|_| ()), expected, "{flags:#x}");
        }
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
        for (body, kind, message) in cases {
            assert_eq!(failure(body, 8), (kind, message.into()), "{body:?}");
            // what follows does not change it, nor does the way in which the body ended
            let more = [body, b"\x80\0\0\0\x0egrpc-status: 0"].concat();
            for end in [BodyEnd::Complete, BodyEnd::Failed, BodyEnd::Deadline] {
                let failure = read_frames(&more, end, 8).unwrap_err();
                assert_eq!(failure.kind, kind, "{body:?} {end:?}");
            }
        }
    }

    #[test]
    fn the_limits_themselves_are_within_the_limits() {
        let mut body = Vec::from(b"\0\0\0\0\x0812345678\x80\0\0\x40\0");
        body.resize(body.len() + MAX_TRAILERS_LEN, b'x');
        assert_eq!(frames(&body).message, Some(&b"12345678"[..]));
    }

    #[test]
    fn a_limit_for_messages_is_none_for_trailers() {
        for max_message_len in [0, MAX_TRAILERS_LEN * 4] {
            let expected = "expected trailers of at most 16384 bytes, got 16385";
            assert_eq!(
                failure(b"\x80\0\0\x40\x01", max_message_len),
                (Kind::TooLarge, expected.into())
            );
        }
    }

    #[test]
    fn the_largest_length_without_a_limit_is_only_too_few_bytes() {
        let expected = "expected a message of 4294967295 bytes, got 3";
        assert_eq!(
            failure(b"\0\xFF\xFF\xFF\xFFabc", usize::MAX),
            (Kind::Truncated, expected.into())
        );
    }
}
