//! Samples as they wait, and as they travel.

use std::sync::Arc;

use crate::json::{NUMBER_LEN, text_len};
use crate::limits::{MAX_BYTES_PER_CALL, MAX_BYTES_PER_SAMPLE};
use crate::problem::Problem;
use crate::series::{Kind, Series};

/// More than the punctuation of a row takes, `,["",1[],null,""]`, and a value.
const NUMBER_AND_PUNCTUATION: usize = 48;

/// One sample.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) series: Arc<Series>,
    pub(crate) kind: Kind,
    pub(crate) value: f64,
    pub(crate) help: Option<Arc<str>>,
    /// Most bytes that this takes in the packed form, in a row of its own.
    pub(crate) bytes: usize,
}

impl Entry {
    /// # Errors
    ///
    /// When the packed form can't carry it: a value that is not finite, or too much text.
    pub(crate) fn new(
        series: Series,
        kind: Kind,
        value: f64,
        help: Option<Arc<str>>,
    ) -> Result<Self, Problem> {
        if !value.is_finite() {
            return Err(Problem::NotFinite(value));
        }
        let bytes = packed_len(&series, help.as_deref());
        if bytes > MAX_BYTES_PER_SAMPLE {
            return Err(Problem::TooLong);
        }
        Ok(Self {
            series: Arc::new(series),
            kind,
            value,
            help,
            bytes,
        })
    }

    /// Whether the reporter will take it, as far as its value goes. An increment that it will refuse
    /// must stay alone: added to a good one it would hide in it.
    pub(crate) fn has_good_value(&self) -> bool {
        self.kind == Kind::Histogram || self.value >= 0.0
    }
}

/// Most bytes that a row with one value can take in the packed form.
fn packed_len(series: &Series, help: Option<&str>) -> usize {
    let labels = series
        .labels
        .iter()
        .flat_map(|(name, value)| [name, value])
        .map(|text| text_len(text).saturating_add(1));
    NUMBER_AND_PUNCTUATION
        .saturating_add(text_len(&series.name))
        .saturating_add(help.map_or(0, text_len))
        .saturating_add(labels.sum())
}

/// The samples of one series in one call: an increment, or observations in the order they came.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) first: Entry,
    /// Values of those that differ from the first in nothing else.
    pub(crate) more: Vec<f64>,
}

impl Row {
    /// Most bytes that this takes in the packed form.
    pub(crate) fn bytes(&self) -> usize {
        let more = self.more.len().saturating_mul(NUMBER_LEN);
        self.first.bytes.saturating_add(more)
    }

    /// The values, in the order they came.
    pub(crate) fn values(&self) -> impl Iterator<Item = f64> {
        std::iter::once(self.first.value).chain(self.more.iter().copied())
    }

    /// The samples, one by one.
    #[cfg(any(feature = "facade", test, not(target_family = "wasm")))]
    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry> {
        self.values().map(|value| Entry {
            value,
            ..self.first.clone()
        })
    }
}

impl From<Entry> for Row {
    fn from(first: Entry) -> Self {
        let more = Vec::new();
        Self { first, more }
    }
}

/// What one `record` call carries.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) rows: Vec<Row>,
    /// Values in all rows.
    pub(crate) samples: usize,
    /// Most bytes of all rows in the packed form.
    pub(crate) bytes: usize,
}

impl Call {
    /// Gives a row that has no help the one that came with a later sample, if there is room for it.
    pub(crate) fn describe(&mut self, row: usize, later: &Entry) {
        let Some(Row { first, .. }) = self.rows.get_mut(row) else {
            return;
        };
        let bytes = self
            .bytes
            .saturating_add(later.bytes.saturating_sub(first.bytes));
        if first.help.is_none() && later.help.is_some() && bytes <= MAX_BYTES_PER_CALL {
            self.bytes = bytes;
            first.bytes = later.bytes;
            first.help.clone_from(&later.help);
        }
    }

    /// Makes it larger by one sample, if it may be.
    pub(crate) fn take_room(&mut self, bytes: usize, max_samples: usize) -> bool {
        let bytes = self.bytes.saturating_add(bytes);
        let room = self.samples < max_samples && bytes <= MAX_BYTES_PER_CALL;
        if room {
            self.samples = self.samples.saturating_add(1);
            self.bytes = bytes;
        }
        room
    }
}
