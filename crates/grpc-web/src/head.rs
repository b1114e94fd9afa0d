//! The information in the HTTP headers of a response.

use crate::Pushback;
use crate::ascii::{same_name, trim_ows};
use crate::content_type::ContentType;
use crate::percent;
use crate::status_field::StatusField;
use crate::text::Text;
use alloc::string::String;

/// The response headers that [`UnaryDecoder::new`](crate::UnaryDecoder::new) reads. If iterating
/// over all headers is slow, the caller may look up only these.
pub const RESPONSE_HEADERS: [&str; 4] = [
    "content-type",
    "grpc-status",
    "grpc-message",
    "grpc-retry-pushback-ms",
];

/// The most characters of a `content-type` that are shown.
const SHOWN: usize = 100;

/// The parts of the headers that are kept. Each field is read once, so the memory does not grow
/// with the number or the length of the headers.
#[derive(Debug, Default)]
pub(crate) struct Head {
    pub(crate) content_type: Option<ContentType>,
    /// The value as received, made printable and cut short.
    pub(crate) shown_content_type: String,
    pub(crate) status: StatusField,
    pub(crate) message: Option<String>,
    pub(crate) pushback: Option<Pushback>,
}

impl Head {
    pub(crate) fn add(&mut self, name: &str, value: &str) {
        let is = |known: &str| same_name(name.as_bytes(), known.as_bytes());
        let value = trim_ows(value.as_bytes());
        if is("content-type") {
            let content_type = ContentType::of(value);
            self.content_type = match self.content_type {
                // With two media types for one body, the type is unknown.
                Some(first) if first != content_type => Some(ContentType::Other),
                _ => Some(content_type),
            };
            let shown = Text::default().quoted(value, SHOWN);
            self.shown_content_type = shown.into_string();
        } else if is("grpc-status") {
            self.status.add(value);
        } else if is("grpc-message") {
            self.message.get_or_insert_with(|| percent::decode(value));
        } else if is("grpc-retry-pushback-ms") {
            Pushback::add(&mut self.pushback, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Head;
    use crate::content_type::ContentType;
    use crate::status_field::StatusField;
    use crate::{Code, Pushback};

    fn head(headers: &[(&str, &str)]) -> Head {
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
        assert_eq!(head.status, StatusField::Valid(Code::NotFound));
        assert_eq!(head.message.as_deref(), Some("not here"));
        assert_eq!(head.pushback, Some(Pushback::RetryAfterMs(20)));
    }

    #[test]
    fn repeated_headers_count_together() {
        let grpc_web = ("content-type", "application/grpc-web");
        let same = head(&[grpc_web, ("content-type", "application/grpc-web+proto")]);
        assert_eq!(same.content_type, Some(ContentType::GrpcWeb));
        let unlike = head(&[grpc_web, ("content-type", "text/html"), grpc_web]);
        assert_eq!(unlike.content_type, Some(ContentType::Other));
        let status = head(&[("grpc-status", "0"), ("grpc-status", "5")]).status;
        assert_eq!(status, StatusField::Conflicting(Code::Ok, Code::NotFound));
        let message = head(&[("grpc-message", "a"), ("grpc-message", "b")]).message;
        assert_eq!(message.as_deref(), Some("a"));
        let pushback = head(&[
            ("grpc-retry-pushback-ms", "1"),
            ("grpc-retry-pushback-ms", "1"),
        ])
        .pushback;
        assert_eq!(pushback, Some(Pushback::Stop));
    }

    #[test]
    fn long_values_are_not_kept() {
        let long = "x".repeat(1 << 20);
        let head = head(&[
            ("content-type", &long),
            ("grpc-status", &long),
            ("grpc-message", &long),
            ("x-other", &long),
        ]);
        assert!(head.shown_content_type.capacity() < 1024);
        assert!(head.message.is_some_and(|m| m.capacity() < 4096));
        match head.status {
            StatusField::Bad(shown) => assert!(shown.capacity() < 256),
            other => panic!("expected a bad status, got {other:?}"),
        }
    }
}
