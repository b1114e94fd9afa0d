//! The aggregation: adds counters, observes histograms, and refuses Metrics that break a rule.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, Hash as _, Hasher as _};
use std::ops::Bound;
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use slab::Slab;

use crate::applied::Applied;
use crate::bucket_rules::BucketRules;
use crate::check::{Kind, check, check_known};
use crate::family::{Family, Moment, Series};
use crate::labels::{LabelSlice, Labels};
use crate::push::{Push, Sample};
use crate::reason::{Reason, Rejection};

/// All pushed metrics.
#[derive(Debug)]
pub(crate) struct Registry {
    prefix: String,
    rules: BucketRules,
    max_series: usize,
    hashing: RandomState,
    families: Slab<Family>,
    /// The places of families, by their names with the prefix.
    names: BTreeMap<Arc<str>, usize>,
    /// Boxed, so that growing moves pointers only: a push must not wait while megabytes are copied.
    series: Slab<Box<Series>>,
    /// The places of series, by the hash of name and labels.
    index: HashTable<usize>,
}

impl Registry {
    pub(crate) fn new(prefix: String, rules: BucketRules, max_series: usize) -> Self {
        Self {
            prefix,
            rules,
            max_series,
            hashing: RandomState::default(),
            families: Slab::new(),
            names: BTreeMap::new(),
            series: Slab::new(),
            index: HashTable::new(),
        }
    }

    /// Applies each Metric separately: a refused Metric does not affect the others.
    pub(crate) fn apply(&mut self, push: &Push<'_>, moment: Moment) -> Applied {
        let mut applied = Applied::default();
        for (sample, labels) in push.samples() {
            match self.apply_one(sample, labels, moment) {
                Ok(()) => applied.accepted = applied.accepted.saturating_add(1),
                Err(rejection) => applied.refuse(sample.name, rejection),
            }
        }
        applied
    }

    fn apply_one(
        &mut self,
        sample: &Sample<'_>,
        labels: &LabelSlice<'_>,
        moment: Moment,
    ) -> Result<(), Rejection> {
        // To Prometheus an empty label is no label. Its name is checked all the same.
        if labels.iter().any(|(_, value)| value.is_empty()) {
            check(sample, labels, &self.prefix)?;
            let labels: Vec<_> = labels
                .iter()
                .filter(|(_, value)| !value.is_empty())
                .copied()
                .collect();
            return self.add(sample, &labels, moment);
        }
        self.add(sample, labels, moment)
    }

    fn add(
        &mut self,
        sample: &Sample<'_>,
        labels: &LabelSlice<'_>,
        moment: Moment,
    ) -> Result<(), Rejection> {
        let hash = self.hash(sample.name, labels);
        if let Some(id) = self.find(hash, sample.name, labels) {
            return self.add_to(id, sample, moment);
        }
        let kind = check(sample, labels, &self.prefix)?;
        self.add_new(sample, labels, hash, kind, moment)
    }

    fn add_to(&mut self, id: usize, sample: &Sample<'_>, moment: Moment) -> Result<(), Rejection> {
        // An earlier sample with the same name and labels passed the checks.
        let kind = check_known(sample)?;
        let Some(series) = self.series.get_mut(id) else {
            return Ok(());
        };
        let Some(family) = self.families.get_mut(series.family) else {
            return Ok(());
        };
        family.admits_kind(kind)?;
        series.add(sample.value, &family.buckets, moment)?;
        family.take_help(sample.help, moment.version);
        Ok(())
    }

    /// Adds a series for a checked sample.
    fn add_new(
        &mut self,
        sample: &Sample<'_>,
        labels: &LabelSlice<'_>,
        hash: u64,
        kind: Kind,
        moment: Moment,
    ) -> Result<(), Rejection> {
        let name = format!("{}{}", self.prefix, sample.name);
        let known = self.names.get(name.as_str()).copied();
        let mut made = None;
        let family = match known.and_then(|id| self.families.get(id)) {
            Some(family) => {
                family.admits_kind(kind)?;
                family.admits_labels(labels)?;
                family
            }
            None => {
                let buckets = self.rules.of(sample.name).clone();
                made.insert(Family::new(&name, kind, buckets, moment.version))
            }
        };
        if self.series.len() >= self.max_series {
            return Err(Rejection::new(
                Reason::SeriesLimit,
                format!(
                    "expected at most {} series, found a new label set",
                    self.max_series
                ),
            ));
        }
        // The value is added before the series is stored, so a refused Metric leaves no series
        // behind.
        let place = known.unwrap_or_else(|| self.families.vacant_key());
        let mut series = Series::new(place, labels, hash, kind, &family.buckets, moment);
        series.add(sample.value, &family.buckets, moment)?;

        if let Some(family) = made {
            self.names.insert(family.name.clone(), place);
            self.families.insert(family);
        }
        let labels_kept = series.labels.clone();
        let id = self.series.insert(Box::new(series));
        if let Some(family) = self.families.get_mut(place) {
            family.take_help(sample.help, moment.version);
            family.take_labels(labels);
            family.series.insert(labels_kept, id);
        }
        let hash_of = |id: &usize| self.series.get(*id).map_or(0, |series| series.hash);
        self.index.insert_unique(hash, id, hash_of);
        Ok(())
    }

    fn hash(&self, name: &str, labels: &LabelSlice<'_>) -> u64 {
        let mut hasher = self.hashing.build_hasher();
        name.hash(&mut hasher);
        for (name, value) in labels {
            name.hash(&mut hasher);
            value.hash(&mut hasher);
        }
        hasher.finish()
    }

    fn find(&self, hash: u64, name: &str, labels: &LabelSlice<'_>) -> Option<usize> {
        let same = |id: &usize| {
            self.series.get(*id).is_some_and(|series| {
                series.hash == hash
                    && series.labels.are(labels)
                    && self.families.get(series.family).is_some_and(|family| {
                        family.name.strip_prefix(self.prefix.as_str()) == Some(name)
                    })
            })
        };
        self.index.find(hash, same).copied()
    }

    /// Removes series without an addition since `before_ms`, among the `count` places from `from`
    /// on. Returns the number removed, and whether more places follow.
    pub(crate) fn expire(&mut self, before_ms: u64, from: usize, count: usize) -> (u64, bool) {
        let end = from.saturating_add(count);
        let mut expired = 0_u64;
        for id in from..end.min(self.series.capacity()) {
            let series = self.series.get(id);
            if series.is_some_and(|series| series.touched_ms < before_ms) {
                self.forget(id);
                expired = expired.saturating_add(1);
            }
        }
        (expired, end < self.series.capacity())
    }

    fn forget(&mut self, id: usize) {
        let Some(series) = self.series.try_remove(id) else {
            return;
        };
        if let Ok(entry) = self.index.find_entry(series.hash, |other| *other == id) {
            entry.remove();
        }
        let Some(family) = self.families.get_mut(series.family) else {
            return;
        };
        family.series.remove(&series.labels);
        // No series is left that would fix the type and the label names.
        if family.series.is_empty() {
            self.names.remove(&family.name);
            self.families.remove(series.family);
        }
    }

    /// Metrics in the order of their names, each with its number.
    pub(crate) fn families(&self) -> impl Iterator<Item = (usize, &Family)> {
        self.families_from(Bound::Unbounded)
    }

    /// Metrics from a name on.
    pub(crate) fn families_from(
        &self,
        start: Bound<&str>,
    ) -> impl Iterator<Item = (usize, &Family)> {
        self.names
            .range::<str, _>((start, Bound::Unbounded))
            .filter_map(|(_, id)| Some((*id, self.families.get(*id)?)))
    }

    /// The series of a metric from a label set on, in the order of their labels, each with its
    /// number.
    pub(crate) fn series_from<'a>(
        &'a self,
        family: &'a Family,
        start: Bound<&Labels>,
    ) -> impl Iterator<Item = (usize, &'a Series)> {
        family
            .series
            .range::<Labels, _>((start, Bound::Unbounded))
            .filter_map(|(_, id)| Some((*id, self.series.get(*id)?.as_ref())))
    }

    pub(crate) fn has_family(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }

    pub(crate) fn series(&self) -> usize {
        self.series.len()
    }

    pub(crate) fn max_series(&self) -> usize {
        self.max_series
    }
}
