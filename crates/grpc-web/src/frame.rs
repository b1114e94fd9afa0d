//! The five-byte header before every message and before the trailers.
//!
//! A [length-prefixed message][framing] is one byte of flags, the payload's length as a big-endian
//! 32-bit number, and the payload. gRPC-Web [adds][web] one flag: the top bit marks the trailers,
//! which come last.
//!
//! [framing]: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests
//! [web]: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md#protocol-differences-vs-grpc-over-http2

/// The length of a frame header in bytes.
pub const FRAME_HEADER_LEN: usize = 5;

/// If set, the payload is compressed. This client never asks for that.
pub const FLAG_COMPRESSED: u8 = 0x01;

/// If set, the payload is the trailers. Otherwise it is a message.
pub const FLAG_TRAILERS: u8 = 0x80;

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

/// The content of a frame, according to its flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// An uncompressed message.
    Message,
    /// Uncompressed trailers.
    Trailers,
    /// A compressed message (`0x01`) or compressed trailers (`0x81`).
    Compressed,
    /// A flag is set that the protocol does not define.
    Undefined,
}

/// A parsed frame header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// The flags byte.
    pub flags: u8,
    /// The payload's length in bytes.
    pub len: u32,
}

impl FrameHeader {
    /// Parses the five bytes. Any five bytes are a frame header, but its [`kind`](Self::kind) may
    /// be an invalid one.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; FRAME_HEADER_LEN]) -> Self {
        let [flags, a, b, c, d] = bytes;
        Self {
            flags,
            len: u32::from_be_bytes([a, b, c, d]),
        }
    }

    /// The kind that the flags give.
    #[must_use]
    pub const fn kind(self) -> FrameKind {
        match self.flags {
            0 => FrameKind::Message,
            FLAG_TRAILERS => FrameKind::Trailers,
            FLAG_COMPRESSED | 0x81 => FrameKind::Compressed,
            _ => FrameKind::Undefined,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{FrameHeader, FrameKind, frame_header};

    #[test]
    fn a_frame_header_has_exact_bytes_and_reads_back() {
        for (len, bytes) in [
            (0, [0, 0, 0, 0, 0]),
            (1, [0, 0, 0, 0, 1]),
            (0x0102_0304, [0, 1, 2, 3, 4]),
            (u32::MAX, [0, 255, 255, 255, 255]),
        ] {
            assert_eq!(frame_header(len), bytes);
            assert_eq!(
                FrameHeader::from_bytes(bytes),
                FrameHeader { flags: 0, len }
            );
        }
    }

    #[test]
    fn only_four_values_of_the_flags_byte_are_defined() {
        for flags in 0..=255u8 {
            let expected = match flags {
                0x00 => FrameKind::Message,
                0x80 => FrameKind::Trailers,
                0x01 | 0x81 => FrameKind::Compressed,
                _ => FrameKind::Undefined,
            };
            assert_eq!(FrameHeader { flags, len: 0 }.kind(), expected, "{flags:#x}");
        }
    }
}
