//! One metric and its series.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::activity::Activity;
use crate::buckets::Buckets;
use crate::check::{Kind, MAX_HELP_LEN};
use crate::labels::{LabelSlice, Labels};
use crate::reason::{Reason, Rejection};

/// Which push this is, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// Numbers pushes from 1 on.
    pub(crate) version: u64,
    /// The slot of [`Activity`] that is under way.
    pub(crate) slot: u64,
    /// Milliseconds since the Unix epoch.
    pub(crate) now_ms: u64,
}

/// All that one metric name holds.
#[derive(Debug)]
pub(crate) struct Family {
    /// With the prefix.
    pub(crate) name: Arc<str>,
    /// The push that it came with.
    pub(crate) born: u64,
    /// The last push that changed the metric itself, and not only its series.
    pub(crate) changed: u64,
    pub(crate) kind: Kind,
    /// The first help that was given. Scrapes cannot show two, and the first is as good as any.
    pub(crate) help: String,
    /// A histogram's.
    pub(crate) buckets: Buckets,
    /// The label names that its series have or leave out, sorted; those marked as overflow have
    /// others.
    label_names: Vec<Box<str>>,
    /// Where its series are, in the order of their labels.
    pub(crate) series: BTreeMap<Arc<Labels>, usize>,
}

/// One label set's value.
#[derive(Debug)]
pub(crate) struct Series {
    /// Where its metric is.
    pub(crate) family: usize,
    pub(crate) labels: Arc<Labels>,
    /// Of name and labels.
    pub(crate) hash: u64,
    pub(crate) created_ms: u64,
    /// When something was added last.
    pub(crate) touched_ms: u64,
    /// The last push that added to it.
    pub(crate) changed: u64,
    pub(crate) value: Value,
    /// Increments of a counter, number of observations of a histogram.
    pub(crate) activity: Activity,
}

/// What has been added up.
#[derive(Debug)]
pub(crate) enum Value {
    Counter(f64),
    Histogram {
        /// One more than there are bounds; each counts its own observations only.
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

    /// One name, one type.
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

    /// Label sets may leave names out, since a label that is missing is an empty one; and they may
    /// add names, since the series so far then leave those out. A set that does both is another
    /// metric's.
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

    /// Takes over the first help that comes.
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

    /// Takes over the label names of a new series.
    pub(crate) fn take_labels(&mut self, labels: &LabelSlice<'_>) {
        if is_overflow(labels) || labels.len() <= self.label_names.len() {
            return;
        }
        self.label_names = labels.iter().map(|(name, _)| (*name).into()).collect();
    }
}

/// The series that a sender folds label sets into once a metric has too many of them. Its names are
/// not the metric's own, and may come with labels that the sender adds to everything.
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

    /// Adds an increment or an observation, or leaves everything as it was.
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
        // Finite numbers can add up to infinity, and an infinite sum never recovers.
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
