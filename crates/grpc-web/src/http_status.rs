//! Maps an HTTP status to a gRPC code, for responses without a `grpc-status`.

use crate::Code;

/// The code for an HTTP status when the response has no `grpc-status`.
///
/// This is the [published table][table], with one difference: 431 is UNKNOWN here, as in grpc-go,
/// tonic and connect-es, and INTERNAL in the table. The connectrpc conformance suite accepts both.
/// 200 is UNKNOWN too, because a successful call has a `grpc-status`.
///
/// [table]: https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md
pub(crate) const fn code_of_http_status(http_status: u16) -> Code {
    match http_status {
        400 => Code::Internal,
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 => Code::Unimplemented,
        429 | 502 | 503 | 504 => Code::Unavailable,
        _ => Code::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::code_of_http_status;
    use crate::Code;

    #[test]
    fn no_http_status_at_all_maps_to_ok() {
        for http_status in 0..=u16::MAX {
            assert_ne!(code_of_http_status(http_status), Code::Ok, "{http_status}");
        }
    }

    #[test]
    fn the_published_rows_map_as_published_and_the_rest_to_unknown() {
        let rows = [
            (400, Code::Internal),
            (401, Code::Unauthenticated),
            (403, Code::PermissionDenied),
            (404, Code::Unimplemented),
            (429, Code::Unavailable),
            (502, Code::Unavailable),
            (503, Code::Unavailable),
            (504, Code::Unavailable),
        ];
        for http_status in 0..=u16::MAX {
            let expected = rows
                .iter()
                .find(|(s, _)| *s == http_status)
                .map_or(Code::Unknown, |(_, code)| *code);
            assert_eq!(code_of_http_status(http_status), expected, "{http_status}");
        }
    }
}
