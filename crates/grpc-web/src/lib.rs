//! The client side of a unary [gRPC-Web] call, as a protocol: headers and bytes in, values out.
//!
//! # In scope
//!
//! - The headers and the framing of a request with one protobuf message
//!   ([`request_headers`], [`frame_header`]).
//! - The outcome of the call from the HTTP status, the headers and the body of the response, read
//!   piece by piece and with a bound on memory ([`UnaryDecoder`]). Every rule links to the
//!   paragraph it comes from.
//! - The errors that a Cloudflare Workers VPC binding reports instead of the service
//!   ([`ProxyError`]), and whether the request can have reached the service.
//!
//! # Out of scope
//!
//! - I/O, clocks, retries: the caller fetches, keeps the deadline and decides on retries.
//! - Protobuf: a message is bytes.
//! - Streaming calls, compressed messages and base64 (`application/grpc-web-text`). These are
//!   refused, never misread; see [`UnaryDecoder`].
//!
//! # What to rely on
//!
//! - **OK means OK.** It requires HTTP status 200, a gRPC-Web body, exactly one message, a complete
//!   trailers frame and an explicit `grpc-status` of 0. A response with a missing, incomplete or
//!   contradictory part is an error that names the fault.
//! - **No panic, no unbounded memory**, for any input.
//! - **Deterministic**: the same bytes give the same [`Reply`], however they are divided into
//!   pieces. There is no clock, no randomness and no global state. The crate is `no_std` and has no
//!   dependencies.
//!
//! # Example
//!
//! ```
//! use grpc_web_unary::{BodyEnd, Code, Flow, Source, UnaryDecoder, frame_header, request_headers};
//!
//! // The request: POST /package.Service/Method with these headers and this body.
//! let message = [0x08, 0x01];
//! let headers: Vec<_> = request_headers("grpc-rust-example/1.0", Some(5_000)).collect();
//! let body = [&frame_header(message.len() as u32)[..], &message].concat();
//! assert_eq!(headers[0].0, "content-type");
//! assert_eq!(body, [0, 0, 0, 0, 2, 0x08, 0x01]);
//!
//! // The response, in the pieces in which it arrives.
//! let headers = [("content-type", "application/grpc-web+proto")];
//! let mut decoder = UnaryDecoder::new(200, headers, 64 * 1024);
//! for chunk in [&b"\0\0\0\0\x02\x08"[..], b"\x07\x80\0\0\0\x0f", b"grpc-status:0\r\n"] {
//!     if decoder.push(chunk) == Flow::Stop {
//!         break;
//!     }
//! }
//! let reply = decoder.finish(BodyEnd::Complete);
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
mod body;
mod code;
mod content_type;
mod decoder;
pub mod frame;
mod head;
mod http_status;
mod outcome;
mod page;
pub mod percent;
mod proxy_error;
mod pushback;
mod reply;
mod request;
mod status_field;
mod text;
mod timeout;
pub mod trailers;

pub use code::Code;
pub use decoder::{BodyEnd, Flow, UnaryDecoder};
pub use frame::{FRAME_HEADER_LEN, frame_header};
pub use head::RESPONSE_HEADERS;
pub use http_status::code_of_http_status;
pub use percent::MAX_STATUS_MESSAGE_LEN;
pub use proxy_error::ProxyError;
pub use pushback::Pushback;
pub use reply::{Kind, Reply, Source, Status};
pub use request::{CONTENT_TYPE, request_headers};
pub use timeout::encode_timeout;
pub use trailers::MAX_TRAILERS_LEN;
