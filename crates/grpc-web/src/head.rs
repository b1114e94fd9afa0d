//! The HTTP headers of a response.

use crate::ascii::{same_name, trim_ows};
use crate::content_type::ContentType;
use crate::status_fields::StatusFields;

/// The response headers that [`read_response`](crate::read_response) uses. If iterating over all
/// headers is slow, the caller may look up only these.
pub const RESPONSE_HEADERS: [&str; 4] = [
    "content-type",
    "grpc-status",
    "grpc-message",
    "grpc-retry-pushback-ms",
];

#[derive(Debug, Default)]
pub(crate) struct Head<'a> {
    pub(crate) content_type: Option<ContentType>,
    /// The last `content-type` as received.
    pub(crate) content_type_value: &'a [u8],
    pub(crate) fields: StatusFields<'a>,
}

impl<'a> Head<'a> {
    pub(crate) fn add(&mut self, name: &str, value: &'a str) {
        let (name, value) = (name.as_bytes(), trim_ows(value.as_bytes()));
        if same_name(name, b"content-type") {
            let content_type = ContentType::of(value);
            self.content_type = match self.content_type {
                // With two media types for one body, the type is unknown.
                Some(first) if first != content_type => Some(ContentType::Other),
                _ => Some(content_type),
            };
            self.content_type_value = value;
        } else {
            self.fields.add(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Head;
    use crate::content_type::ContentType;
    use crate::status_fields::GrpcStatus;
    use crate::{Code, Pushback};

    fn head<'a>(headers: &[(&str, &'a str)]) -> Head<'a> {
        let mut head = Head::default();
        for (name, value) in headers {
            head.add(name, value);
        }
        head
    }

    #[test]
    fn names_are_matched_whole_and_in_any_case() {
        let head = head(&[
            ("Content-Type", "application/grpc-web"),
            ("GRPC-STATUS", " 5 "),
            ("Grpc-Message", " not%20here "),
            ("gRPC-Retry-Pushback-Ms", " 20"),
            ("x-grpc-status", "0"),
            ("grpc-status-details-bin", "AA"),
            ("grpc-messages", "no"),
        ]);
        assert_eq!(head.content_type, Some(ContentType::GrpcWeb));
        assert_eq!(head.fields.status, GrpcStatus::Valid(Code::NotFound));
        assert_eq!(head.fields.message(), "not here");
        assert_eq!(head.fields.pushback, Some(Pushback::RetryAfterMs(20)));
    }

    #[test]
    fn repeated_headers_count_together() {
        let grpc_web = ("content-type", "application/grpc-web");
        let same = head(&[grpc_web, ("content-type", "application/grpc-web+proto")]);
        assert_eq!(same.content_type, Some(ContentType::GrpcWeb));
        let unlike = head(&[grpc_web, ("content-type", "text/html"), grpc_web]);
        assert_eq!(unlike.content_type, Some(ContentType::Other));
        let fields = head(&[
            ("grpc-status", "0"),
            ("grpc-status", "5"),
            ("grpc-message", "a"),
            ("grpc-message", "b"),
            ("grpc-retry-pushback-ms", "1"),
            ("grpc-retry-pushback-ms", "1"),
        ])
        .fields;
        let conflict = GrpcStatus::Conflicting(Code::Ok, Code::NotFound);
        assert_eq!(fields.status, conflict);
        assert_eq!(fields.message(), "a", "the first counts");
        assert_eq!(fields.pushback, Some(Pushback::Stop));
    }
}
