//! Which series this isolate has sent: one type and one help per name, and a limit on label sets.
//!
//! A series is known by a 64-bit hash of its canonical key, so the guard's own memory is bounded
//! by [`MAX_SERIES`] small entries whatever the labels hold.

use std::hash::BuildHasher as _;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use crate::limits::{MAX_METRICS, MAX_SERIES};
use crate::sample::Kind;

/// The metrics and series seen since the isolate started.
#[derive(Debug)]
pub struct SeriesGuard {
    metrics: Vec<Metric>,
    by_name: HashTable<usize>,
    /// Hashes of the keys of known series.
    known: HashTable<u64>,
    hasher: FixedState,
    helps: u64,
}

#[derive(Debug)]
struct Metric {
    name: Box<str>,
    kind: Kind,
    help: Option<Box<str>>,
    series: usize,
    overflowed: u64,
}

/// A metric's number in the guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricId(usize);

impl MetricId {
    /// The number: metrics are counted from 0 in the order in which they came.
    #[must_use]
    pub fn index(self) -> usize {
        self.0
    }
}

/// Why a metric cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conflict {
    /// The name is pinned to this other type.
    Type(Kind),
    /// Too many names.
    TooManyMetrics,
}

/// Whether a series may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It is known, or there was room for it.
    Admitted,
    /// Its metric has as many series as it may: fold it into the overflow series.
    Overflow {
        /// Whether this is the metric's first such sample.
        first: bool,
    },
}

impl SeriesGuard {
    /// A guard that knows nothing yet. `seed` keeps names from being chosen to collide.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            metrics: Vec::new(),
            by_name: HashTable::new(),
            known: HashTable::new(),
            hasher: FixedState::with_seed(seed),
            helps: 0,
        }
    }

    /// How often a metric that was known got its help: what is sent of it has changed since.
    #[must_use]
    pub fn helps(&self) -> u64 {
        self.helps
    }

    /// Finds the metric, pinning its type when it is new and its help when that is.
    ///
    /// # Errors
    ///
    /// The name belongs to a metric of the other type, or there are too many names.
    pub fn pin(
        &mut self,
        name: &str,
        kind: Kind,
        help: Option<&str>,
    ) -> Result<MetricId, Conflict> {
        let Self {
            metrics,
            by_name,
            hasher,
            helps,
            ..
        } = self;
        let hash = hasher.hash_one(name);
        let same_name = |&index: &usize| metrics.get(index).is_some_and(|m| &*m.name == name);
        if let Some(&index) = by_name.find(hash, same_name) {
            if let Some(metric) = metrics.get_mut(index) {
                if metric.kind != kind {
                    return Err(Conflict::Type(metric.kind));
                }
                if let (None, Some(help)) = (&metric.help, help) {
                    metric.help = Some(help.into());
                    *helps = helps.saturating_add(1);
                }
            }
            return Ok(MetricId(index));
        }
        if metrics.len() >= MAX_METRICS {
            return Err(Conflict::TooManyMetrics);
        }
        let index = metrics.len();
        metrics.push(Metric {
            name: name.into(),
            kind,
            help: help.map(Into::into),
            series: 0,
            overflowed: 0,
        });
        by_name.insert_unique(hash, index, |&i| {
            metrics.get(i).map_or(0, |m| hasher.hash_one(&*m.name))
        });
        Ok(MetricId(index))
    }

    /// The metric's pinned help.
    #[must_use]
    pub fn help(&self, metric: MetricId) -> Option<&str> {
        self.metrics
            .get(metric.0)
            .and_then(|metric| metric.help.as_deref())
    }

    /// The hash of a series: of its metric and of the part of its key that tells it apart.
    #[must_use]
    pub fn hash(&self, metric: MetricId, labels: &[u8]) -> u64 {
        self.hasher.hash_one((metric.0, labels))
    }

    /// Asks whether the series with this hash may be sent; `most` bounds the metric's.
    pub fn admit(&mut self, metric: MetricId, series: u64, most: usize) -> Admission {
        if self.known.find(series, |&known| known == series).is_some() {
            return Admission::Admitted;
        }
        let Some(metric) = self.metrics.get_mut(metric.0) else {
            return Admission::Admitted;
        };
        if metric.series >= most || self.known.len() >= MAX_SERIES {
            let first = metric.overflowed == 0;
            metric.overflowed = metric.overflowed.saturating_add(1);
            return Admission::Overflow { first };
        }
        metric.series = metric.series.saturating_add(1);
        self.known.insert_unique(series, series, |&known| known);
        Admission::Admitted
    }

    /// Each metric that overflowed, and how many of its samples were folded so far.
    pub fn overflowed(&self) -> impl Iterator<Item = (MetricId, u64)> {
        let metrics = self.metrics.iter().enumerate();
        metrics
            .filter(|(_, m)| m.overflowed > 0)
            .map(|(i, m)| (MetricId(i), m.overflowed))
    }

    /// The metric's name.
    #[must_use]
    pub fn name(&self, metric: MetricId) -> &str {
        self.metrics
            .get(metric.0)
            .map_or("", |metric| &*metric.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_first_type_and_its_first_help() {
        let mut guard = SeriesGuard::new(1);
        let id = guard.pin("a", Kind::Counter, None).unwrap();
        assert_eq!(guard.help(id), None);
        assert_eq!(guard.pin("a", Kind::Counter, Some("first")), Ok(id));
        assert_eq!(guard.pin("a", Kind::Counter, Some("second")), Ok(id));
        assert_eq!(guard.help(id), Some("first"));
        assert_eq!(
            guard.pin("a", Kind::Histogram, None),
            Err(Conflict::Type(Kind::Counter))
        );
    }

    #[test]
    fn label_sets_beyond_the_limit_overflow_and_known_ones_never_do() {
        let mut guard = SeriesGuard::new(1);
        let id = guard.pin("a", Kind::Counter, None).unwrap();
        assert_eq!(guard.admit(id, 1, 2), Admission::Admitted);
        assert_eq!(guard.admit(id, 2, 2), Admission::Admitted);
        assert_eq!(guard.admit(id, 3, 2), Admission::Overflow { first: true });
        assert_eq!(guard.admit(id, 4, 2), Admission::Overflow { first: false });
        // Many samples of a known series are still one series.
        for _ in 0..100 {
            assert_eq!(guard.admit(id, 1, 2), Admission::Admitted);
        }
        let other = guard.pin("b", Kind::Counter, None).unwrap();
        assert_eq!(guard.admit(other, 5, 2), Admission::Admitted);
        assert_eq!(guard.overflowed().collect::<Vec<_>>(), [(id, 2)]);
        assert_eq!(guard.name(id), "a");
    }

    #[test]
    fn names_and_series_are_bounded_over_all_metrics() {
        let mut guard = SeriesGuard::new(1);
        for i in 0..MAX_METRICS {
            guard.pin(&format!("m{i}"), Kind::Counter, None).unwrap();
        }
        assert_eq!(
            guard.pin("one_more", Kind::Counter, None),
            Err(Conflict::TooManyMetrics)
        );
        let id = guard.pin("m0", Kind::Counter, None).unwrap();
        for series in 0..MAX_SERIES as u64 {
            assert_eq!(guard.admit(id, series, usize::MAX), Admission::Admitted);
        }
        assert!(matches!(
            guard.admit(id, u64::MAX, usize::MAX),
            Admission::Overflow { .. }
        ));
    }
}
