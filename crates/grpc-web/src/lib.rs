//! The client side of a unary [gRPC-Web] call, as a protocol: headers and bytes in, values out.
//!
//! # In scope
//!
//! - The headers and the framing of a request with one protobuf message
//!   ([`request_headers`], [`frame_header`]).
//! - The outcome of the call from the HTTP status, the headers and the body of the response
//!   ([`read_response`]). Every rule links to the paragraph it comes from.
//! - The errors that a Cloudflare Workers VPC binding reports instead of the service
//!   ([`ProxyError`]). Each one says whether the request can have reached the service.
//!
//! # Out of scope
//!
//! - I/O, clocks, retries: the caller fetches, bounds the body, keeps the deadline and decides on
//!   retries.
//! - Protobuf: a message is bytes.
//! - Streaming calls, compressed messages and base64 (`application/grpc-web-text`). These are
//!   refused, never misread; see [`read_response`].
//!
//! # What to rely on
//!
//! - **OK means OK.** It requires HTTP status 200, a gRPC-Web body, exactly one message, a complete
//!   trailers frame and an explicit `grpc-status` of 0. A response with a missing, incomplete or
//!   contradictory part is an error that names the fault.
//! - **No panic, no unbounded memory**, for any input. A [`Reply`] holds at most one message and
//!   the trailers within their limits, and a short text.
//! - **Deterministic**: the same response gives the same [`Reply`]. There is no clock, no
//!   randomness and no global state. The crate is `no_std` and has no dependencies.
//!
//! # Example
//!
//! ```
//! use grpc_web_unary::{BodyEnd, Code, Source, frame_header, read_response, request_headers};
//!
//! // The request: POST /package.Service/Method with these headers and this body.
//! let message = [0x08, 0x01];
//! let headers: Vec<_> = request_headers("grpc-rust-example/1.0", Some(5_000)).collect();
//! let body = [&frame_header(message.len() as u32)[..], &message].concat();
//! assert_eq!(headers[0].0, "content-type");
//! assert_eq!(body, [0, 0, 0, 0, 2, 0x08, 0x01]);
//!
//! // The response.
//! let headers = [("content-type", "application/grpc-web+proto")];
//! let body = b"\0\0\0\0\x02\x08\x07\x80\0\0\0\x0fgrpc-status:0\r\n";
//! let reply = read_response(200, headers, body, BodyEnd::Complete, 64 * 1024);
//! assert_eq!(reply.status.code, Code::Ok);
//! assert_eq!(reply.source, Source::Trailers);
//! assert_eq!(reply.message.as_deref(), Some(&[0x08, 0x07][..]));
//! ```
//!
//! [gRPC-Web]: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod ascii;
mod code;
mod content_type;
mod frame;
mod head;
mod http_status;
mod page;
pub mod percent;
mod proxy_error;
mod pushback;
mod reply;
mod request;
mod response;
mod status_fields;
mod text;
mod timeout;
pub mod trailers;

pub use code::Code;
pub use frame::{BodyEnd, FRAME_HEADER_LEN, frame_header};
pub use head::RESPONSE_HEADERS;
pub use percent::MAX_STATUS_MESSAGE_LEN;
pub use proxy_error::ProxyError;
pub use pushback::Pushback;
pub use reply::{Kind, Reply, Source, Status};
pub use request::request_headers;
pub use response::read_response;
pub use timeout::encode_timeout;
pub use trailers::MAX_TRAILERS_LEN;
