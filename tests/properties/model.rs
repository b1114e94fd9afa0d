//! A simple second implementation of the reporter, with lists in place of bytes and hashes.

use std::collections::{BTreeMap, BTreeSet};

use metrics_gateway_worker::config::Config;
use metrics_gateway_worker::sample::{Kind, Reason};

use crate::samples::{HUGE, Spec, map};
use crate::wire::{Metric, Series};

/// The state of one metric.
#[derive(Debug)]
struct Pinned {
    kind: Kind,
    help: Option<String>,
    series: BTreeSet<BTreeMap<String, String>>,
}

/// How a sample was accepted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Taken {
    /// Added to the entry with this sequence number.
    Folded(u64),
    /// A new entry with this sequence number.
    Appended(u64),
}

/// The labels that identify a series: an empty value is the same as no label.
fn identity(labels: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut labels = labels.clone();
    labels.retain(|_, value| !value.is_empty());
    labels
}

/// A series without its empty labels.
fn key(series: &Series) -> Series {
    Series {
        labels: identity(&series.labels),
        ..series.clone()
    }
}

/// Buffered entries, known metrics, and every accepted sample.
#[derive(Debug, Default)]
pub(crate) struct Model {
    metrics: BTreeMap<&'static str, Pinned>,
    pub(crate) buffer: Vec<Metric>,
    removed: u64,
    pub(crate) taken: Totals,
}

impl Model {
    /// Checks a sample, and returns a Metric for that sample alone.
    pub(crate) fn check(
        &mut self,
        spec: &Spec,
        trusted: &BTreeMap<String, String>,
        config: &Config,
    ) -> Result<Metric, Reason> {
        if let Some(reason) = spec.refused() {
            return Err(reason);
        }
        let pinned = self.metrics.entry(spec.name).or_insert_with(|| Pinned {
            kind: spec.kind,
            help: None,
            series: BTreeSet::new(),
        });
        if pinned.kind != spec.kind {
            return Err(Reason::TypeConflict);
        }
        if pinned.help.is_none() {
            pinned.help = spec.help.map(Into::into);
        }
        let mut labels = map(spec.labels);
        labels.extend(trusted.clone());
        let identity = identity(&labels);
        if !pinned.series.contains(&identity) {
            if pinned.series.len() < config.max_series_per_metric {
                pinned.series.insert(identity);
            } else {
                labels = trusted.clone();
                labels.insert("overflow".into(), "true".into());
            }
        }
        Ok(Metric {
            series: Series {
                name: spec.name.into(),
                kind: spec.kind as u64,
                labels,
            },
            help: pinned.help.clone(),
            value: spec.value,
        })
    }

    /// Adds a checked sample to the buffer. `room` is the number of entries that the buffer may
    /// hold.
    pub(crate) fn add(&mut self, metric: Metric, room: usize) -> Result<Taken, Reason> {
        let key = key(&metric.series);
        let same = |other: &Metric| self::key(&other.series) == key && other.help == metric.help;
        if metric.series.kind == Kind::Counter as u64
            && let Some(index) = self.buffer.iter().position(same)
        {
            let sum = self.buffer[index].value + metric.value;
            if !sum.is_finite() {
                return Err(Reason::SumOverflow);
            }
            self.taken.note(&metric);
            self.buffer[index].value = sum;
            return Ok(Taken::Folded(self.removed + index as u64));
        }
        if self.buffer.len() >= room {
            return Err(Reason::BufferFull);
        }
        self.taken.note(&metric);
        self.buffer.push(metric);
        Ok(Taken::Appended(self.removed + self.buffer.len() as u64 - 1))
    }

    /// Takes the oldest entries, with the sequence number of the first.
    pub(crate) fn take(&mut self, most: usize) -> (u64, Vec<Metric>) {
        let first = self.removed;
        let count = self.buffer.len().min(most);
        self.removed += count as u64;
        (first, self.buffer.drain(..count).collect())
    }

    /// The sequence number of the oldest entry.
    pub(crate) fn first(&self) -> u64 {
        self.removed
    }
}

/// For each series, the sum and the number of its samples.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Totals(pub(crate) BTreeMap<Series, (i64, u64)>);

impl Totals {
    /// Adds a Metric, and returns the new total of its series.
    pub(crate) fn note(&mut self, metric: &Metric) -> (i64, u64) {
        let total = self.0.entry(key(&metric.series)).or_default();
        total.0 += units(metric);
        total.1 += u64::from(metric.series.kind == Kind::Histogram as u64);
        *total
    }

    /// Adds the gateway's counts, which never exceed the accepted samples.
    pub(crate) fn add(&mut self, metric: &Metric, taken: &Self) {
        let (sum, observations) = self.note(metric);
        let most = taken
            .0
            .get(&key(&metric.series))
            .copied()
            .unwrap_or_default();
        assert!(observations <= most.1, "over-counted: {metric:?}");
        // Observations may be negative, so only their number can be compared here.
        let counter = metric.series.kind == Kind::Counter as u64;
        assert!(!counter || sum <= most.0, "over-counted: {metric:?}");
    }
}

/// The value as a whole number, so that sums are exact: halves, and the largest number.
fn units(metric: &Metric) -> i64 {
    let unit = if metric.series.name == HUGE {
        f64::MAX
    } else {
        0.5
    };
    let units = metric.value / unit;
    assert_eq!(units, units.trunc(), "{metric:?}");
    units as i64
}
