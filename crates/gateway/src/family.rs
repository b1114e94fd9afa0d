//! One metric and its series.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::activity::Activity;
use crate::buckets::Buckets;
use crate::check::{Kind, MAX_HELP_LEN};
use crate::labels::{LabelSlice, Labels};
use crate::reason::{Reason, Rejection};

/// The number and the time of a push.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// The number of the push, from 1.
    pub(crate) version: u64,
    /// The current slot of [`Activity`].
    pub(crate) slot: u64,
    /// Milliseconds since the Unix epoch.
    pub(crate) now_ms: u64,
}

/// Everything under one metric name.
#[derive(Debug)]
pub(crate) struct Family {
    /// The name with the prefix.
    pub(crate) name: Arc<str>,
    /// The push that created it.
    pub(crate) born: u64,
    /// The last push that changed the metric itself, and not only its series.
    pub(crate) changed: u64,
    pub(crate) kind: Kind,
    /// The first help that was sent. A scrape can show only one help.
    pub(crate) help: String,
    /// The bounds, for a histogram.
    pub(crate) buckets: Buckets,
    /// The label names that its series have or omit, sorted. Overflow series may have other names.
    label_names: Vec<Box<str>>,
    /// The places of its series, in the order of their labels.
    pub(crate) series: BTreeMap<Arc<Labels>, usize>,
}

/// The value of one label set.
#[derive(Debug)]
pub(crate) struct Series {
    /// The place of its metric.
    pub(crate) family: usize,
    pub(crate) labels: Arc<Labels>,
    /// The hash of name and labels.
    pub(crate) hash: u64,
    pub(crate) created_ms: u64,
    /// The time of the last addition.
    pub(crate) touched_ms: u64,
    /// The last push that added to it.
    pub(crate) changed: u64,
    pub(crate) value: Value,
    /// Increments of a counter, or the number of observations of a histogram.
    pub(crate) activity: Activity,
}

/// The sum so far.
#[derive(Debug)]
pub(crate) enum Value {
    Counter(f64),
    Histogram {
        /// One more than the number of bounds. Each entry counts its own bucket only.
        buckets: Box<[u64]>,
        sum: f64,
        count: u64,
    },
}

impl Family {
    pub(crate) fn new(name: &str, kind: Kind, buckets: Buckets, version: u64) -> Self {
        Self {
            name: name.into(),
            born: version,
            changed: version,
            kind,
            help: String::new(),
            buckets,
            label_names: Vec::new(),
            series: BTreeMap::new(),
        }
    }

    /// Checks that the type matches: a name has one type.
    pub(crate) fn admits_kind(&self, kind: Kind) -> Result<(), Rejection> {
        if self.kind == kind {
            return Ok(());
        }
        Err(Rejection::new(
            Reason::TypeConflict,
            format!(
                "expected a {}, which this name has been so far, found a {}",
                self.kind.as_str(),
                kind.as_str()
            ),
        ))
    }

    /// Checks the label names. A label set may omit known names, because a missing label is the
    /// same as an empty one. It may also add names, because the earlier series then omit those. A
    /// set that does both belongs to another metric.
    pub(crate) fn admits_labels(&self, labels: &LabelSlice<'_>) -> Result<(), Rejection> {
        if is_overflow(labels) || self.label_names.is_empty() {
            return Ok(());
        }
        let adds = labels.iter().any(|(name, _)| !self.has(name));
        let found = |name: &str| labels.binary_search_by_key(&name, |(name, _)| name).is_ok();
        if !adds || self.label_names.iter().all(|name| found(name)) {
            return Ok(());
        }
        Err(Rejection::new(
            Reason::LabelConflict,
            format!(
                "expected some of the label names {:?}, which this metric has had so far, or all of them and more, found {:?}",
                self.label_names,
                labels.iter().map(|(name, _)| name).collect::<Vec<_>>()
            ),
        ))
    }

    fn has(&self, name: &str) -> bool {
        self.label_names
            .binary_search_by(|known| known.as_ref().cmp(name))
            .is_ok()
    }

    /// Keeps the first help that is sent.
    pub(crate) fn take_help(&mut self, help: &str, version: u64) {
        if help.is_empty() || !self.help.is_empty() {
            return;
        }
        self.changed = version;
        let cut = help.floor_char_boundary(MAX_HELP_LEN);
        help.get(..cut)
            .unwrap_or_default()
            .clone_into(&mut self.help);
    }

    /// Adds the label names of a new series.
    pub(crate) fn take_labels(&mut self, labels: &LabelSlice<'_>) {
        if is_overflow(labels) || labels.len() <= self.label_names.len() {
            return;
        }
        self.label_names = labels.iter().map(|(name, _)| (*name).into()).collect();
    }
}

/// Whether this is the series into which a sender folds the label sets beyond its limit. Its label
/// names need not be the metric's own, and may include the sender's trusted labels.
fn is_overflow(labels: &LabelSlice<'_>) -> bool {
    labels.contains(&("overflow", "true"))
}

impl Series {
    pub(crate) fn new(
        family: usize,
        labels: &LabelSlice<'_>,
        hash: u64,
        kind: Kind,
        buckets: &Buckets,
        moment: Moment,
    ) -> Self {
        let value = match kind {
            Kind::Counter => Value::Counter(0.0),
            Kind::Histogram => Value::Histogram {
                buckets: vec![0; buckets.bounds().len().saturating_add(1)].into(),
                sum: 0.0,
                count: 0,
            },
        };
        Self {
            family,
            labels: Arc::new(Labels::new(labels)),
            hash,
            created_ms: moment.now_ms,
            touched_ms: moment.now_ms,
            changed: 0,
            value,
            activity: Activity::new(moment.slot),
        }
    }

    /// Adds an increment or an observation, or changes nothing.
    pub(crate) fn add(
        &mut self,
        amount: f64,
        bounds: &Buckets,
        moment: Moment,
    ) -> Result<(), Rejection> {
        let total = match &mut self.value {
            Value::Counter(total) => total,
            Value::Histogram { sum, .. } => sum,
        };
        let next = *total + amount;
        // Finite numbers can add up to infinity, and an infinite sum stays infinite.
        if !next.is_finite() {
            return Err(Rejection::new(
                Reason::BadValue,
                format!("expected a sum that stays finite, found {total:e} + {amount:e}"),
            ));
        }
        *total = next;
        let mut added = amount;
        if let Value::Histogram { buckets, count, .. } = &mut self.value {
            *count = count.saturating_add(1);
            if let Some(bucket) = buckets.get_mut(bounds.index_of(amount)) {
                *bucket = bucket.saturating_add(1);
            }
            added = 1.0;
        }
        self.activity.add(moment.slot, added);
        self.changed = moment.version;
        self.touched_ms = moment.now_ms;
        Ok(())
    }
}
