//! The series that this isolate has seen: one type and one help per name, a limit on label sets,
//! and the entry of each series' last sample.
//!
//! A series is identified by a 64-bit hash, so [`MAX_SERIES`] small entries bound the memory,
//! whatever the labels hold.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash as _, Hasher as _};
use std::rc::Rc;

use foldhash::fast::FixedState;

use crate::limits::{MAX_METRICS, MAX_SERIES};
use crate::sample::{Kind, Reason, Refusal, Series};

/// The metrics and series seen since the instance started.
#[derive(Debug)]
pub(crate) struct SeriesIndex {
    metrics: Vec<Metric>,
    by_name: HashMap<Rc<str>, usize, FixedState>,
    /// For each series' hash, the sequence number of the entry that took its last sample.
    entries: HashMap<u64, u64, FixedState>,
    /// Seeded, so that a sender cannot choose names and labels that collide.
    hasher: FixedState,
}

#[derive(Debug)]
struct Metric {
    name: Rc<str>,
    kind: Kind,
    help: Option<Box<str>>,
    series: usize,
    overflowed: u64,
}

/// The index's answer about one sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Admission {
    metric: usize,
    /// The series, to pass to [`SeriesIndex::note_entry`].
    pub(crate) series: u64,
    /// The entry that took the last sample of the series.
    pub(crate) entry: Option<u64>,
    /// The metric has reached its limit of series: fold the sample into the overflow series.
    pub(crate) overflow: bool,
    /// With the metric's first folded sample, the limit that was reached.
    pub(crate) first_overflow: Option<usize>,
}

impl SeriesIndex {
    /// Makes an empty index. `seed` is random.
    pub(crate) fn new(seed: u64) -> Self {
        let hasher = FixedState::with_seed(seed);
        Self {
            metrics: Vec::new(),
            by_name: HashMap::with_hasher(hasher.clone()),
            entries: HashMap::with_hasher(hasher.clone()),
            hasher,
        }
    }

    /// Records the metric's type and help when they are new, and checks whether the series may be
    /// sent. `most` limits the metric's series.
    ///
    /// # Errors
    ///
    /// The name already has the other type, or the limit of names is reached.
    pub(crate) fn admit(&mut self, series: &Series<'_>, most: usize) -> Result<Admission, Refusal> {
        let index = self.pin(series)?;
        let hash = self.hash(series);
        let known = self.entries.get(&hash).copied();
        let mut admission = Admission {
            metric: index,
            series: hash,
            entry: known,
            overflow: false,
            first_overflow: None,
        };
        if known.is_none()
            && let Some(metric) = self.metrics.get_mut(index)
        {
            if metric.series >= most || self.entries.len() >= MAX_SERIES {
                admission.overflow = true;
                let limit = if metric.series >= most {
                    most
                } else {
                    MAX_SERIES
                };
                admission.first_overflow = (metric.overflowed == 0).then_some(limit);
                metric.overflowed = metric.overflowed.saturating_add(1);
            } else {
                metric.series = metric.series.saturating_add(1);
                // No entry has this number.
                self.entries.insert(hash, u64::MAX);
            }
        }
        Ok(admission)
    }

    /// Admits the overflow series instead of a series that was not admitted.
    pub(crate) fn fold(&self, admission: Admission, overflow: &Series<'_>) -> Admission {
        let series = self.hash(overflow);
        Admission {
            series,
            entry: self.entries.get(&series).copied(),
            ..admission
        }
    }

    /// Records the entry that took a sample of a series.
    pub(crate) fn note_entry(&mut self, series: u64, entry: u64) {
        self.entries.insert(series, entry);
    }

    /// The recorded help of the metric of an admitted sample.
    pub(crate) fn help(&self, admission: Admission) -> Option<&str> {
        let metric = self.metrics.get(admission.metric);
        metric.and_then(|metric| metric.help.as_deref())
    }

    fn pin(&mut self, series: &Series<'_>) -> Result<usize, Refusal> {
        let name = series.name();
        if let Some(&index) = self.by_name.get(name) {
            if let Some(metric) = self.metrics.get_mut(index) {
                if metric.kind != series.kind() {
                    let detail = match metric.kind {
                        Kind::Counter => "is a counter in this isolate, got a histogram",
                        Kind::Histogram => "is a histogram in this isolate, got a counter",
                    };
                    return Err(Refusal::new(Reason::TypeConflict, detail).of(name));
                }
                if metric.help.is_none() {
                    metric.help = series.help().map(Into::into);
                }
            }
            return Ok(index);
        }
        if self.metrics.len() >= MAX_METRICS {
            let detail = "expected at most 2000 metric names in one isolate, got more";
            return Err(Refusal::new(Reason::TooManyMetrics, detail).of(name));
        }
        let index = self.metrics.len();
        let name: Rc<str> = name.into();
        self.by_name.insert(Rc::clone(&name), index);
        self.metrics.push(Metric {
            name,
            kind: series.kind(),
            help: series.help().map(Into::into),
            series: 0,
            overflowed: 0,
        });
        Ok(index)
    }

    fn hash(&self, series: &Series<'_>) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        series.name().hash(&mut hasher);
        for label in series.labels().identity() {
            label.hash(&mut hasher);
        }
        hasher.finish()
    }

    /// Name of each metric that overflowed, and how many of its samples were folded so far.
    pub(crate) fn overflowed(&self) -> impl Iterator<Item = (&str, u64)> {
        let overflowed = self.metrics.iter().filter(|metric| metric.overflowed > 0);
        overflowed.map(|metric| (&*metric.name, metric.overflowed))
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::sample::{Labels, TrustedLabels, Value};

    fn series(kind: Kind, name: &str, route: &str, help: Option<&'static str>) -> Series<'static> {
        static NONE: std::sync::LazyLock<TrustedLabels> =
            std::sync::LazyLock::new(TrustedLabels::default);
        let route = Value::Text(Cow::Owned(route.to_owned()));
        let labels = Labels::new(Value::Object(vec![("route".into(), route)]), &NONE).unwrap();
        Series::new(kind, name.to_owned(), labels, help.map(Cow::Borrowed)).unwrap()
    }

    fn counter(name: &str, route: &str) -> Series<'static> {
        series(Kind::Counter, name, route, None)
    }

    #[test]
    fn a_name_keeps_its_first_type_and_its_first_help() {
        let mut index = SeriesIndex::new(1);
        let first = index.admit(&counter("a", "/"), 9).unwrap();
        assert_eq!(index.help(first), None);
        for help in ["h", "other"] {
            let series = series(Kind::Counter, "a", "/", Some(help));
            let admission = index.admit(&series, 9).unwrap();
            assert_eq!(index.help(admission), Some("h"));
        }
        let histogram = series(Kind::Histogram, "a", "/", None);
        let refusal = index.admit(&histogram, 9).unwrap_err();
        assert_eq!(refusal.reason, Reason::TypeConflict);
        assert!(refusal.message().contains("is a counter in this isolate"));
    }

    #[test]
    fn a_series_beyond_the_limit_overflows_and_known_ones_do_not() {
        let mut index = SeriesIndex::new(1);
        let admit = |index: &mut SeriesIndex, name, route| {
            let admission = index.admit(&counter(name, route), 2).unwrap();
            (admission.overflow, admission.first_overflow)
        };
        assert_eq!(admit(&mut index, "a", "/1"), (false, None));
        assert_eq!(admit(&mut index, "a", ""), (false, None));
        assert_eq!(admit(&mut index, "a", "/2"), (true, Some(2)));
        assert_eq!(admit(&mut index, "a", "/3"), (true, None));
        assert_eq!(admit(&mut index, "a", "/1"), (false, None));
        assert_eq!(admit(&mut index, "b", "/2"), (false, None));
        assert_eq!(index.overflowed().collect::<Vec<_>>(), [("a", 2)]);
    }

    #[test]
    fn the_entry_of_a_series_is_found_again() {
        let mut index = SeriesIndex::new(1);
        let admission = index.admit(&counter("a", "/"), 9).unwrap();
        index.note_entry(admission.series, 5);
        let entry = index.admit(&counter("a", "/"), 9).unwrap().entry;
        assert_eq!(entry, Some(5));
        let empty = index.admit(&counter("a", ""), 9).unwrap().series;
        let none = TrustedLabels::default();
        let labels = Labels::new(Value::Undefined, &none).unwrap();
        let without = Series::new(Kind::Counter, "a", labels, None).unwrap();
        assert_eq!(index.admit(&without, 9).unwrap().series, empty);
    }

    #[test]
    fn names_and_series_are_bounded() {
        let mut index = SeriesIndex::new(1);
        for i in 0..MAX_METRICS {
            index.admit(&counter(&format!("m{i}"), "/"), 1).unwrap();
        }
        let refusal = index.admit(&counter("one_more", "/"), 1).unwrap_err();
        assert_eq!(refusal.reason, Reason::TooManyMetrics);
        for i in 0..MAX_SERIES {
            let _ = index.admit(&counter("m0", &i.to_string()), usize::MAX);
        }
        assert_eq!(index.entries.len(), MAX_SERIES);
        // The log names the limit of the isolate, and not the metric's own.
        let most = usize::MAX;
        let beyond = index.admit(&counter("m1", "more"), most).unwrap();
        assert_eq!(beyond.first_overflow, Some(MAX_SERIES));
        let beyond = index.admit(&counter("m0", "more"), most).unwrap();
        assert!(beyond.overflow);
    }
}
