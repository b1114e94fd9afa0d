//! The buffer of samples that wait for a push: counters added up by series, observations kept one
//! by one.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use crate::limits::MAX_BATCH_BYTES;
use crate::proto::{Entry, Metric};
use crate::sample::{Sample, Series};

/// Buffered entries. Each has a sequence number, by which it can be looked up.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    entries: VecDeque<Held>,
    /// The encoded size of all entries.
    bytes: usize,
    /// The number of entries ever removed, which is the sequence number of the oldest entry.
    removed: u64,
}

#[derive(Debug)]
struct Held {
    entry: Entry,
    /// In a PushRequest.
    bytes: usize,
}

/// The sum of the increments would not be finite.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SumOverflow;

/// Entries taken out of the buffer: the contents of one push.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Taken {
    pub(crate) entries: Vec<Entry>,
    /// The sequence number of the first of them.
    pub(crate) first: u64,
}

impl Buffer {
    /// How many entries are buffered.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is buffered.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many bytes of encoded Metrics are buffered.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The sequence number of the oldest entry, or of the next one if there is none.
    pub(crate) fn first_sequence(&self) -> u64 {
        self.removed
    }

    /// The sequence number that the next new entry gets.
    pub(crate) fn next_sequence(&self) -> u64 {
        self.removed
            .saturating_add(u64::try_from(self.entries.len()).unwrap_or(u64::MAX))
    }

    /// Adds an increment to the entry with this sequence number. Returns `false` if that entry is
    /// no longer buffered or belongs to another series.
    pub(crate) fn fold(
        &mut self,
        sequence: u64,
        sample: &Sample<'_>,
        help: Option<&str>,
    ) -> Result<bool, SumOverflow> {
        let held = self
            .index(sequence)
            .and_then(|index| self.entries.get_mut(index));
        let held = held.filter(|held| is_of(&held.entry.series.metric, sample.series(), help));
        let Some(Held { entry, .. }) = held else {
            return Ok(false);
        };
        let sum = entry.value + sample.value();
        if !sum.is_finite() {
            return Err(SumOverflow);
        }
        entry.value = sum;
        Ok(true)
    }

    /// A new entry for a sample, and its bytes in a PushRequest. It shares the series of the entry
    /// with this sequence number, if that is buffered and alike.
    pub(crate) fn entry_of(
        &self,
        sequence: Option<u64>,
        sample: &Sample<'_>,
        help: Option<&str>,
    ) -> (Entry, usize) {
        let index = sequence.and_then(|sequence| self.index(sequence));
        let held = index.and_then(|index| self.entries.get(index));
        match held.filter(|held| is_alike(&held.entry.series.metric, sample.series(), help)) {
            Some(Held { entry, bytes }) => {
                let series = Rc::clone(&entry.series);
                let value = sample.value();
                (Entry { series, value }, *bytes)
            }
            None => {
                let entry = Entry::from(metric_of(sample, help));
                let bytes = entry.len_in_request();
                (entry, bytes)
            }
        }
    }

    /// Adds an entry of its own, and returns its sequence number.
    pub(crate) fn append(&mut self, entry: Entry, bytes: usize) -> u64 {
        let sequence = self.next_sequence();
        self.bytes = self.bytes.saturating_add(bytes);
        self.entries.push_back(Held { entry, bytes });
        sequence
    }

    fn index(&self, sequence: u64) -> Option<usize> {
        usize::try_from(sequence.checked_sub(self.removed)?).ok()
    }

    /// Takes the oldest entries: at most `most` of them, and at most the bytes of one batch.
    pub(crate) fn take(&mut self, most: usize) -> Taken {
        let first = self.removed;
        let mut bytes = 0usize;
        let within = |held: &&Held| {
            bytes = bytes.saturating_add(held.bytes);
            bytes <= MAX_BATCH_BYTES
        };
        let count = self.entries.iter().take(most).take_while(within).count();
        let taken = self.entries.drain(..count.min(self.entries.len()));
        let mut entries = Vec::with_capacity(count);
        for Held { entry, bytes } in taken {
            self.bytes = self.bytes.saturating_sub(bytes);
            self.removed = self.removed.saturating_add(1);
            entries.push(entry);
        }
        Taken { entries, first }
    }
}

/// Makes the Metric for one sample. `help` is the metric's help, which may differ from the
/// sample's.
fn metric_of(sample: &Sample<'_>, help: Option<&str>) -> Metric {
    let series = sample.series();
    // Inserted one by one: `collect` also sorts, which adds 5 kB of Wasm.
    let mut labels = BTreeMap::new();
    for (name, value) in series.labels().iter() {
        labels.insert(name.to_owned(), value.to_owned());
    }
    Metric {
        name: series.name().to_owned(),
        help: help.map(str::to_owned),
        r#type: series.kind() as i32,
        labels,
        value: sample.value(),
    }
}

/// Whether a Metric belongs to this series and has this help. The name determines the type.
fn is_of(metric: &Metric, series: &Series<'_>, help: Option<&str>) -> bool {
    let labels = metric.labels.iter().map(|(n, v)| (n.as_str(), v.as_str()));
    metric.name == series.name()
        && metric.help.as_deref() == help
        && labels
            .filter(|(_, value)| !value.is_empty())
            .eq(series.labels().identity())
}

/// Whether a Metric is what [`metric_of`] makes of this series and help: also its empty labels.
fn is_alike(metric: &Metric, series: &Series<'_>, help: Option<&str>) -> bool {
    let labels = metric.labels.iter().map(|(n, v)| (n.as_str(), v.as_str()));
    metric.name == series.name()
        && metric.help.as_deref() == help
        && labels.eq(series.labels().iter())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{Kind, Labels, TrustedLabels, Value};

    fn series(route: &str) -> Series<'_> {
        static NONE: std::sync::LazyLock<TrustedLabels> =
            std::sync::LazyLock::new(TrustedLabels::default);
        let given = Value::Object(vec![("route".into(), route.into())]);
        let labels = Labels::new(given, &NONE).unwrap();
        Series::new(Kind::Counter, "n", labels, None).unwrap()
    }

    fn append(buffer: &mut Buffer, route: &str, value: f64) -> u64 {
        let series = series(route);
        let sample = Sample::new(&series, value).unwrap();
        let (entry, bytes) = buffer.entry_of(buffer.next_sequence().checked_sub(1), &sample, None);
        buffer.append(entry, bytes)
    }

    fn fold(
        buffer: &mut Buffer,
        sequence: u64,
        route: &str,
        value: f64,
    ) -> Result<bool, SumOverflow> {
        let series = series(route);
        buffer.fold(sequence, &Sample::new(&series, value).unwrap(), None)
    }

    fn rows(taken: &Taken) -> Vec<(&str, f64)> {
        let rows = taken.entries.iter();
        rows.map(|e| (e.series.metric.labels["route"].as_str(), e.value))
            .collect()
    }

    #[test]
    fn an_increment_goes_to_the_entry_of_its_series_as_long_as_that_is_buffered() {
        let mut buffer = Buffer::default();
        for route in ["/a", "/b", "/c"] {
            append(&mut buffer, route, 1.0);
        }
        assert_eq!(fold(&mut buffer, 1, "/b", 2.5), Ok(true));
        assert_eq!(
            fold(&mut buffer, 1, "/a", 2.5),
            Ok(false),
            "another series'"
        );
        assert_eq!(fold(&mut buffer, 7, "/a", 2.5), Ok(false), "none yet");
        let taken = buffer.take(2);
        assert_eq!(
            (rows(&taken), taken.first),
            (vec![("/a", 1.0), ("/b", 3.5)], 0)
        );
        assert_eq!(fold(&mut buffer, 1, "/b", 1.0), Ok(false), "gone");
        assert_eq!(fold(&mut buffer, 2, "/c", 1.0), Ok(true));
        assert_eq!(append(&mut buffer, "/b", 1.0), 3);
        let taken = buffer.take(9);
        assert_eq!(
            (rows(&taken), taken.first),
            (vec![("/c", 2.0), ("/b", 1.0)], 2)
        );
        assert_eq!((buffer.bytes(), buffer.is_empty()), (0, true));
        assert_eq!(
            buffer.take(9),
            Taken {
                entries: vec![],
                first: 4
            }
        );
    }

    #[test]
    fn an_empty_label_is_the_same_as_none_and_another_help_is_not() {
        let mut buffer = Buffer::default();
        append(&mut buffer, "", 1.0);
        let none = TrustedLabels::default();
        let labels = Labels::new(Value::Undefined, &none).unwrap();
        let series = Series::new(Kind::Counter, "n", labels, None).unwrap();
        let sample = Sample::new(&series, 1.0).unwrap();
        assert_eq!(buffer.fold(0, &sample, None), Ok(true));
        assert_eq!(buffer.fold(0, &sample, Some("help")), Ok(false));
    }

    #[test]
    fn entries_of_one_series_share_its_encoding_and_those_of_others_do_not() {
        let mut buffer = Buffer::default();
        for (route, value) in [("/a", 1.0), ("/a", 2.0), ("/b", 3.0)] {
            append(&mut buffer, route, value);
        }
        let taken = buffer.take(9);
        assert_eq!(rows(&taken), [("/a", 1.0), ("/a", 2.0), ("/b", 3.0)]);
        let [a, same, b] = &taken.entries[..] else {
            panic!("three entries")
        };
        assert!(Rc::ptr_eq(&a.series, &same.series));
        assert!(!Rc::ptr_eq(&a.series, &b.series));
    }

    #[test]
    fn a_sum_that_would_be_infinite_is_refused_and_the_old_one_stays() {
        let mut buffer = Buffer::default();
        append(&mut buffer, "/a", f64::MAX);
        assert_eq!(fold(&mut buffer, 0, "/a", f64::MAX), Err(SumOverflow));
        assert_eq!(rows(&buffer.take(9)), [("/a", f64::MAX)]);
    }

    #[test]
    fn a_batch_stays_within_its_bytes() {
        let mut buffer = Buffer::default();
        let long = "x".repeat(1000);
        for _ in 0..2_500 {
            append(&mut buffer, &long, 0.0);
        }
        let held = buffer.bytes();
        let mut batches = 0;
        while !buffer.is_empty() {
            let taken = buffer.take(usize::MAX);
            assert!(crate::proto::frame(&taken.entries).len() <= MAX_BATCH_BYTES + 5);
            batches += 1;
        }
        assert_eq!(batches, held.div_ceil(MAX_BATCH_BYTES));
    }
}
