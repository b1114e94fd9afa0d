//! The aggregation: counters are added, histograms observed, and what breaks a rule is refused.

use std::collections::BTreeMap;

use crate::buckets::Buckets;
use crate::check::{MAX_NAME_LEN, check};
use crate::family::{Family, Moment, Series, is_overflow};
use crate::proto::{Metric, PushRequest};
use crate::reason::{Reason, Rejection, shorten};

/// Kinds of refused Metrics of one push that are kept with name and message; the rest are only
/// counted.
const MAX_EXAMPLES: usize = 20;

/// Every metric that was pushed, by its name with the prefix.
#[derive(Debug)]
pub(crate) struct Registry {
    prefix: String,
    buckets: Buckets,
    max_series: usize,
    series: usize,
    families: BTreeMap<String, Family>,
}

/// What became of a push: each of its Metrics was either applied or refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Metrics that were added up.
    pub accepted: u64,
    /// Metrics that were not, by reason.
    pub rejected: BTreeMap<Reason, u64>,
    /// The refused, those alike in name and reason as one, in the order of the request. Only the
    /// first few kinds.
    pub examples: Vec<Rejected>,
}

/// Refused Metrics of a push that are alike in name and reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Their name as it was sent, cut if it is too long to be one.
    pub name: String,
    /// Why; the message is the first one's.
    pub rejection: Rejection,
    /// How many.
    pub count: u64,
}

impl Applied {
    /// Metrics that were refused, whatever the reason.
    #[must_use]
    pub fn rejected_total(&self) -> u64 {
        self.rejected
            .values()
            .fold(0, |sum, count| sum.saturating_add(*count))
    }

    fn refuse(&mut self, name: String, rejection: Rejection) {
        let count = self.rejected.entry(rejection.reason).or_default();
        *count = count.saturating_add(1);
        let mut seen = self.examples.iter_mut();
        if let Some(alike) =
            seen.find(|seen| seen.rejection.reason == rejection.reason && seen.name == name)
        {
            alike.count = alike.count.saturating_add(1);
        } else if self.examples.len() < MAX_EXAMPLES {
            self.examples.push(Rejected {
                name,
                rejection,
                count: 1,
            });
        }
    }
}

impl Registry {
    pub(crate) fn new(prefix: String, buckets: Buckets, max_series: usize) -> Self {
        Self {
            prefix,
            buckets,
            max_series,
            series: 0,
            families: BTreeMap::new(),
        }
    }

    /// Applies every Metric on its own: one that is refused leaves the others as they are.
    pub(crate) fn apply(&mut self, request: PushRequest, moment: Moment) -> Applied {
        let mut applied = Applied::default();
        for metric in request.metrics {
            let name = shorten(&metric.name, MAX_NAME_LEN);
            match self.apply_one(metric, moment) {
                Ok(()) => applied.accepted = applied.accepted.saturating_add(1),
                Err(rejection) => applied.refuse(name, rejection),
            }
        }
        applied
    }

    fn apply_one(&mut self, mut metric: Metric, moment: Moment) -> Result<(), Rejection> {
        let kind = check(&metric, &self.prefix)?;
        let name = format!("{}{}", self.prefix, metric.name);
        if is_overflow(&metric.labels) {
            // To Prometheus an empty label is no label, so these would be one series twice. Other
            // series cannot clash like that: they all have the same names.
            metric.labels.retain(|_, value| !value.is_empty());
        }
        let help = metric.help.as_deref().filter(|help| !help.is_empty());

        if let Some(family) = self.families.get_mut(&name) {
            family.admits(kind, &metric.labels)?;
            if let Some(series) = family.series.get_mut(&metric.labels) {
                series.add(metric.value, &self.buckets, moment)?;
                family.pin(help, &metric.labels, moment.version);
                return Ok(());
            }
        }

        if self.series >= self.max_series {
            return Err(Rejection::new(
                Reason::SeriesLimit,
                format!(
                    "expected at most {} series, found a new label set",
                    self.max_series
                ),
            ));
        }
        // Added to before it is kept: nothing is left behind by a Metric that is refused.
        let mut series = Series::new(self.series, kind, &self.buckets, moment.slot);
        series.add(metric.value, &self.buckets, moment)?;
        self.series = self.series.saturating_add(1);
        let next_id = self.families.len();
        let family = self
            .families
            .entry(name)
            .or_insert_with(|| Family::new(next_id, kind, moment.version));
        family.pin(help, &metric.labels, moment.version);
        family.series.insert(metric.labels, series);
        Ok(())
    }

    pub(crate) fn families(&self) -> impl Iterator<Item = (&str, &Family)> {
        self.families
            .iter()
            .map(|(name, family)| (name.as_str(), family))
    }

    pub(crate) fn buckets(&self) -> &Buckets {
        &self.buckets
    }

    pub(crate) fn series(&self) -> usize {
        self.series
    }

    pub(crate) fn max_series(&self) -> usize {
        self.max_series
    }
}
