//! A scrape in pieces. It locks the gateway for one piece at a time, so pushes continue between
//! pieces, and it copies only the text of one piece.
//!
//! Each series shows one moment, and a histogram's lines are consistent. A scrape of a single piece
//! shows one moment as a whole. A longer scrape includes pushes that arrive meanwhile, for the
//! series that it has not written yet.

use std::ops::Bound;
use std::sync::Arc;

use crate::family::{Family, Series, Value};
use crate::gateway::Gateway;
use crate::labels::Labels;
use crate::registry::Registry;

use super::Format;
use super::own::write_own;
use super::write::{Header, Writer};

/// The size of a piece in bytes: some hundred microseconds of work.
const PIECE_LEN: usize = 32 * 1024;

/// One `GET /metrics`.
#[derive(Debug)]
pub(crate) struct Scrape {
    format: Format,
    at: Position,
}

/// The last part that was written.
#[derive(Debug)]
enum Position {
    Start,
    Series {
        family: Arc<str>,
        /// Identifies the family, because another one may have taken the same name.
        born: u64,
        labels: Arc<Labels>,
    },
    End,
}

impl Scrape {
    pub(crate) fn new(format: Format) -> Self {
        Self {
            format,
            at: Position::Start,
        }
    }

    /// Writes the next piece; `None` after the last.
    pub(crate) fn next(&mut self, gateway: &Gateway) -> Option<String> {
        let mut out = Writer::new(self.format, PIECE_LEN.saturating_add(PIECE_LEN / 2));
        let registry = &gateway.registry;
        self.at = match &self.at {
            Position::Start => write_families(registry, Bound::Unbounded, &mut out),
            Position::Series {
                family: name,
                born,
                labels,
            } => {
                let same = registry
                    .families_from(Bound::Included(name))
                    .next()
                    .filter(|(_, family)| family.name == *name && family.born == *born);
                let rest = same.and_then(|(_, family)| {
                    write_series(registry, family, Bound::Excluded(labels), &mut out)
                });
                rest.unwrap_or_else(|| write_families(registry, Bound::Excluded(name), &mut out))
            }
            Position::End => return None,
        };
        if matches!(self.at, Position::End) {
            write_own(gateway, &mut out);
            out.end();
        }
        Some(out.text)
    }
}

fn write_families(registry: &Registry, start: Bound<&str>, out: &mut Writer) -> Position {
    for (_, family) in registry.families_from(start) {
        out.header(header(registry, family, out.format));
        if let Some(full) = write_series(registry, family, Bound::Unbounded, out) {
            return full;
        }
    }
    Position::End
}

/// Writes the series of a metric. Returns its position when the piece is full.
fn write_series(
    registry: &Registry,
    family: &Family,
    start: Bound<&Labels>,
    out: &mut Writer,
) -> Option<Position> {
    let created = created_name(registry, family, out.format);
    for (_, series) in registry.series_from(family, start) {
        write_one(family, series, created, out);
        if out.text.len() >= PIECE_LEN {
            return Some(Position::Series {
                family: family.name.clone(),
                born: family.born,
                labels: series.labels.clone(),
            });
        }
    }
    None
}

fn write_one(family: &Family, series: &Series, created: Option<&str>, out: &mut Writer) {
    out.labels(series.labels.iter());
    match &series.value {
        Value::Counter(total) => out.sample(&family.name, "", total),
        Value::Histogram {
            buckets,
            sum,
            count,
        } => out.histogram(&family.name, &family.buckets, buckets, *sum, *count),
    }
    if let Some(name) = created {
        out.created(name, series.created_ms);
    }
}

fn header<'a>(registry: &Registry, family: &'a Family, format: Format) -> Header<'a> {
    let header = Header {
        name: &family.name,
        help: &family.help,
        kind: family.kind.as_str(),
    };
    Header::new(format, header, |name| registry.has_family(name))
}

/// The name to which `_created` is added, unless the result is the name of another metric. Only
/// OpenMetrics has `_created`, and only for metrics with a known type.
fn created_name<'a>(registry: &Registry, family: &'a Family, format: Format) -> Option<&'a str> {
    let Header { name, kind, .. } = header(registry, family, format);
    let created = format == Format::OpenMetrics
        && kind != "unknown"
        && !registry.has_family(&format!("{name}_created"));
    created.then_some(name)
}
