//! The meaning of a response's `content-type`.

use crate::ascii::{same_name, strip_prefix, trim_ows};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContentType {
    /// `application/grpc-web`, bare or `+proto`: frames that this client can read.
    GrpcWeb,
    /// gRPC-Web with another codec (`+json`) or in base64 (`application/grpc-web-text`).
    OtherCodec,
    /// Plain `application/grpc`: its status is in HTTP trailers, which `fetch` does not expose.
    Grpc,
    /// `text/plain`: a message from a proxy or the platform.
    Plain,
    /// Any other text, usually an error page.
    Text,
    /// Any other type, or none.
    Other,
}

impl ContentType {
    /// Media types are [case-insensitive and may have parameters][media-type].
    ///
    /// [media-type]: https://www.rfc-editor.org/rfc/rfc9110#section-8.3.1
    pub(crate) fn of(value: &[u8]) -> Self {
        let essence = value.split(|&b| b == b';').next().unwrap_or_default();
        let essence = trim_ows(essence);
        if let Some(rest) = strip_prefix(essence, "application/grpc-web") {
            return match *rest {
                [] => Self::GrpcWeb,
                _ if same_name(rest, b"+proto") => Self::GrpcWeb,
                [b'+' | b'-', ..] => Self::OtherCodec,
                _ => Self::Other,
            };
        }
        if let Some(rest) = strip_prefix(essence, "application/grpc") {
            return match *rest {
                [] | [b'+', ..] => Self::Grpc,
                _ => Self::Other,
            };
        }
        if same_name(essence, b"text/plain") {
            return Self::Plain;
        }
        let is_text = strip_prefix(essence, "text/").is_some()
            || same_name(essence, b"application/json")
            || same_name(essence, b"application/problem+json");
        if is_text { Self::Text } else { Self::Other }
    }
}

#[cfg(test)]
mod tests {
    use super::ContentType;

    #[test]
    fn media_types_are_told_apart_without_regard_to_case_or_parameters() {
        use ContentType::{Grpc, GrpcWeb, Other, OtherCodec, Plain, Text};
        let cases = [
            ("application/grpc-web", GrpcWeb),
            ("application/grpc-web+proto", GrpcWeb),
            ("Application/gRPC-Web+Proto", GrpcWeb),
            ("application/grpc-web+proto; charset=utf-8", GrpcWeb),
            ("application/grpc-web ;x", GrpcWeb),
            (" \tapplication/grpc-web+proto\t", GrpcWeb),
            ("application/grpc-web+json", OtherCodec),
            ("application/grpc-web+protobuf", OtherCodec),
            ("application/grpc-web-text", OtherCodec),
            ("application/grpc-web-text+proto", OtherCodec),
            ("application/grpc-web-text-base64", OtherCodec),
            ("application/grpc-webby", Other),
            ("application/grpc", Grpc),
            ("application/grpc+proto", Grpc),
            ("application/grpcx", Other),
            ("text/plain;charset=UTF-8", Plain),
            ("text/html", Text),
            ("application/json", Text),
            ("application/problem+json; charset=utf-8", Text),
            ("image/jpeg", Other),
            // two values that a fetch API joined
            ("application/grpc-web, application/grpc-web", Other),
            ("", Other),
            (";", Other),
            ("application/grpc-we\u{e9}", Other),
        ];
        for (value, expected) in cases {
            assert_eq!(ContentType::of(value.as_bytes()), expected, "{value}");
        }
    }
}
