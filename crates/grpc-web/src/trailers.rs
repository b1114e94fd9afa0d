//! The block of trailers at the end of a response body.

use crate::ascii::{same_name, trim_ows};
use crate::status_fields::StatusFields;
use alloc::vec::Vec;

/// The largest trailers frame that is read, in bytes.
///
/// The protocol [suggests 8 KiB][limits] as a limit for trailers. This limit is twice that, the
/// same as Node's for all headers together. `grpc-status-details-bin` can be long, and a status
/// that is not read leaves the outcome unknown.
///
/// [limits]: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#responses
pub const MAX_TRAILERS_LEN: usize = 16 * 1024;

/// The trailers of a response: fields in the form of an [HTTP/1 header block][web], as received in
/// the body.
///
/// Lines end with CRLF or LF, and the last line needs no end. The first colon of a line ends the
/// name. Blanks around the value are ignored, and a name may be in any case. Three kinds of lines
/// are skipped: lines without a name, lines that begin with a blank (a folded value, [removed from
/// HTTP][fold]), and empty lines. Broken metadata must not lose the status. The parser never
/// searches inside a value, so a message cannot forge a status.
///
/// [web]: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md#protocol-differences-vs-grpc-over-http2
/// [fold]: https://www.rfc-editor.org/rfc/rfc9112#section-5.2
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trailers(Vec<u8>);

impl Trailers {
    /// The payload of a trailers frame.
    #[must_use]
    pub const fn from_block(block: Vec<u8>) -> Self {
        Self(block)
    }

    /// The fields in order, as name and value. The name keeps its case.
    ///
    /// ```
    /// use grpc_web_unary::trailers::Trailers;
    ///
    /// let trailers = Trailers::from_block(b"grpc-status: 0\r\nX-Shard:7\r\n".to_vec());
    /// let fields: Vec<_> = trailers.fields().collect();
    /// assert_eq!(fields, [(&b"grpc-status"[..], &b"0"[..]), (b"X-Shard", b"7")]);
    /// ```
    pub fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.0.split(|&b| b == b'\n').filter_map(|line| {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let colon = line.iter().position(|&b| b == b':')?;
            let (name, value) = line.split_at_checked(colon)?;
            // A name is one word. A line with a blank before the colon is a folded value, or not a
            // field.
            if name.is_empty() || name.iter().any(u8::is_ascii_whitespace) {
                return None;
            }
            Some((name, trim_ows(value.get(1..)?)))
        })
    }

    /// The values of every field with this name, in order. Case does not matter.
    pub fn get_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.fields()
            .filter(move |(n, _)| same_name(n, name.as_bytes()))
            .map(|(_, value)| value)
    }

    pub(crate) fn status_fields(&self) -> StatusFields<'_> {
        let mut fields = StatusFields::default();
        for (name, value) in self.fields() {
            fields.add(name, value);
        }
        fields
    }
}

#[cfg(test)]
mod tests {
    use super::Trailers;
    use crate::Code;
    use crate::status_fields::GrpcStatus;
    use alloc::vec::Vec;

    fn block(bytes: &[u8]) -> Trailers {
        Trailers::from_block(bytes.to_vec())
    }

    fn fields(bytes: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
        block(bytes)
            .fields()
            .map(|(n, v)| (n.to_vec(), v.to_vec()))
            .collect()
    }

    #[test]
    fn the_last_line_end_may_be_missing_and_a_line_feed_is_enough() {
        for bytes in [
            &b"grpc-status: 9\r\ngrpc-message: no\r\n"[..],
            b"grpc-status: 9\r\ngrpc-message: no",
            b"grpc-status:9\ngrpc-message:no\n",
            b"GRPC-Status: \t9 \t\r\ngRPC-mEssage:no\r\n\r\n",
            b"\r\n\r\ngrpc-status: 9\n\ngrpc-message: no\r",
        ] {
            let trailers = block(bytes);
            let fields = trailers.status_fields();
            assert_eq!(fields.status, GrpcStatus::Valid(Code::FailedPrecondition));
            assert_eq!(fields.message(), "no", "{bytes:?}");
        }
    }

    #[test]
    fn a_status_is_matched_by_its_whole_name_and_never_inside_a_value() {
        for bytes in [
            &b"x-grpc-status: 0\r\n"[..],
            b"grpc-status-details-bin: 0\r\n",
            b"grpc-message: grpc-status: 0\r\n",
            b"grpc-message: a\r grpc-status: 0\r\n",
            b"grpc-message: a\rgrpc-status: 0\r\n",
            b"grpc-message: a\r\n grpc-status: 0\r\n",
            b"grpc-message: a\r\n\tgrpc-status: 0\r\n",
            b"grpc-status : 0\r\n",
            b"\0grpc-status: 0\r\n",
            b"grpc-status; 0\r\n",
            b"grpc-status 0\r\n",
            b": grpc-status: 0\r\n",
            b"",
            b"\r\n",
        ] {
            let trailers = block(bytes);
            let status = trailers.status_fields().status;
            assert_eq!(status, GrpcStatus::Absent, "{bytes:?}");
        }
    }

    #[test]
    fn lines_that_are_no_fields_do_not_hide_a_status() {
        let trailers = block(b"no colon here\r\n:\r\n: v\r\n\xFF\xFE\0\r\ngrpc-status: 0\r\n");
        let status = trailers.status_fields().status;
        assert_eq!(status, GrpcStatus::Valid(Code::Ok));
    }

    #[test]
    fn fields_keep_their_order_their_case_and_their_duplicates() {
        assert_eq!(
            fields(b"X-A: 1\r\nx-a:2\r\nb:c:d\r\nempty:\r\n"),
            [
                (b"X-A".to_vec(), b"1".to_vec()),
                (b"x-a".to_vec(), b"2".to_vec()),
                (b"b".to_vec(), b"c:d".to_vec()),
                (b"empty".to_vec(), b"".to_vec()),
            ]
        );
        // a folded value, a blank before the colon, and no name
        assert_eq!(fields(b"a: b\r\n c: d\r\ne : f\r\n:g\r\nh\r\n").len(), 1);
        let trailers = block(b"X-A: 1\r\nx-a:2\r\n");
        assert_eq!(trailers.get_all("x-A").collect::<Vec<_>>(), [b"1", b"2"]);
        let trailers = block(b"grpc-message: a\r\nGrpc-Message: b\r\n");
        assert_eq!(trailers.status_fields().message(), "a", "the first counts");
    }
}
