//! The forms of samples while they wait and in a call.

use std::sync::Arc;

use crate::json::{NUMBER_LEN, text_len};
use crate::limits::{MAX_BYTES_PER_CALL, MAX_BYTES_PER_SAMPLE};
use crate::problem::Problem;
use crate::series::{Kind, Series};

/// More bytes than the punctuation of a row, `,["",1[],null,""]`, and a value need.
const NUMBER_AND_PUNCTUATION: usize = 48;

/// One sample.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) series: Arc<Series>,
    pub(crate) kind: Kind,
    pub(crate) value: f64,
    pub(crate) help: Option<Arc<str>>,
    /// Most bytes of this sample in the packed form, in its own row.
    pub(crate) bytes: usize,
}

impl Entry {
    /// # Errors
    ///
    /// If the packed form cannot carry the sample: its value is not finite, or it has too much
    /// text.
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

    /// Whether the reporter accepts the value. Keep an increment that the reporter will refuse in
    /// its own row. Added to a valid one, it would go unnoticed.
    pub(crate) fn has_good_value(&self) -> bool {
        self.kind == Kind::Histogram || self.value >= 0.0
    }
}

/// Most bytes of a row with one value in the packed form.
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

/// The samples of one series in one call: an increment, or observations in the order in which they
/// were recorded.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) first: Entry,
    /// The values of the further samples, which differ from the first only in the value.
    pub(crate) more: Vec<f64>,
}

impl Row {
    /// Most bytes of this row in the packed form.
    pub(crate) fn bytes(&self) -> usize {
        let more = self.more.len().saturating_mul(NUMBER_LEN);
        self.first.bytes.saturating_add(more)
    }

    /// The values, in the order in which they were recorded.
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

/// The content of one `record` call.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) rows: Vec<Row>,
    /// Number of values in all rows.
    pub(crate) samples: usize,
    /// Most bytes of all rows in the packed form.
    pub(crate) bytes: usize,
}

impl Call {
    /// Adds a later sample's help to a row without help, if there is room for it.
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

    /// Reserves room for one more sample, if there is room.
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
