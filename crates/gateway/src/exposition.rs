//! `GET /metrics`: all metrics as text, written in pieces.

mod accept;
mod own;
mod scrape;
mod write;

pub(crate) use accept::Format;
pub(crate) use scrape::Scrape;
