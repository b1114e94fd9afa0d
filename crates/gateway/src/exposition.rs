//! `GET /metrics`: everything as text, written a piece at a time.

mod accept;
mod own;
mod scrape;
mod write;

pub(crate) use accept::Format;
pub(crate) use scrape::Scrape;
