//! One metric and its series.

use std::collections::BTreeMap;

use crate::activity::Activity;
use crate::buckets::Buckets;
use crate::check::{Kind, MAX_HELP_LEN};
use crate::reason::{Reason, Rejection};

/// A label set in the order of its names: the key of a series.
pub(crate) type Labels = BTreeMap<String, String>;

/// Which push this is, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// Numbers pushes from 1 on.
    pub(crate) version: u64,
    /// The slot of [`Activity`] that is under way.
    pub(crate) slot: u64,
}

/// All that one metric name holds.
#[derive(Debug)]
pub(crate) struct Family {
    /// Numbers metrics in the order of their arrival.
    pub(crate) id: usize,
    /// The last push that changed the metric itself, and not only its series.
    pub(crate) changed: u64,
    pub(crate) kind: Kind,
    /// The first help that was given. Scrapes cannot show two, and the first is as good as any.
    pub(crate) help: String,
    /// The label names that every series has, but those marked as overflow.
    label_names: Option<Vec<String>>,
    pub(crate) series: BTreeMap<Labels, Series>,
}

/// One label set's value.
#[derive(Debug)]
pub(crate) struct Series {
    /// Numbers series in the order of their arrival.
    pub(crate) id: usize,
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
    pub(crate) fn new(id: usize, kind: Kind, version: u64) -> Self {
        Self {
            id,
            changed: version,
            kind,
            help: String::new(),
            label_names: None,
            series: BTreeMap::new(),
        }
    }

    /// Checks what can only be told by looking at what is already there.
    pub(crate) fn admits(&self, kind: Kind, labels: &Labels) -> Result<(), Rejection> {
        if self.kind != kind {
            return Err(Rejection::new(
                Reason::TypeConflict,
                format!(
                    "expected a {}, which this name has been so far, found a {}",
                    self.kind.as_str(),
                    kind.as_str()
                ),
            ));
        }
        match &self.label_names {
            Some(expected) if !is_overflow(labels) && !labels.keys().eq(expected) => {
                Err(Rejection::new(
                    Reason::LabelConflict,
                    format!(
                        "expected the label names {expected:?}, which this metric has had so far, found {:?}",
                        labels.keys().collect::<Vec<_>>()
                    ),
                ))
            }
            _ => Ok(()),
        }
    }

    /// Takes over what the first accepted sample settles for those that follow.
    pub(crate) fn pin(&mut self, help: Option<&str>, labels: &Labels, version: u64) {
        if self.help.is_empty()
            && let Some(help) = help
        {
            self.changed = version;
            let cut = help.floor_char_boundary(MAX_HELP_LEN);
            help.get(..cut)
                .unwrap_or_default()
                .clone_into(&mut self.help);
        }
        if self.label_names.is_none() && !is_overflow(labels) {
            self.label_names = Some(labels.keys().cloned().collect());
        }
    }
}

/// The series that a sender folds label sets into once a metric has too many of them. Its names are
/// not the metric's own, and may come with labels that the sender adds to everything.
pub(crate) fn is_overflow(labels: &Labels) -> bool {
    labels.get("overflow").is_some_and(|value| value == "true")
}

impl Series {
    pub(crate) fn new(id: usize, kind: Kind, buckets: &Buckets, slot: u64) -> Self {
        let value = match kind {
            Kind::Counter => Value::Counter(0.0),
            Kind::Histogram => Value::Histogram {
                buckets: vec![0; buckets.bounds().len().saturating_add(1)].into(),
                sum: 0.0,
                count: 0,
            },
        };
        Self {
            id,
            changed: 0,
            value,
            activity: Activity::new(slot),
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
        Ok(())
    }
}
