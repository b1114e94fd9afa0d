//! The messages that prost generates from `proto/`. Private: callers meet a [`crate::sample::Sample`].
#![allow(
    unreachable_pub,
    missing_docs,
    clippy::all,
    clippy::pedantic,
    dead_code,
    reason = "generated code; the Worker writes requests by hand and only the tests build them"
)]

include!(concat!(env!("OUT_DIR"), "/marqo.metrics.v1.rs"));
