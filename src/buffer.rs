//! What waits to be pushed: counters folded by series, observations one by one, as wire bytes.
//!
//! Entries lie one behind the other as the `metrics` of a PushRequest, so taking a batch copies
//! nothing but its end: adding up a counter changes eight bytes in place.

use std::hash::BuildHasher as _;

use foldhash::fast::FixedState;
use grpc_web_unary::FRAME_HEADER_LEN;
use hashbrown::HashTable;

use crate::limits::{MAX_BATCH_BYTES, MAX_BUFFERED_BYTES};
use crate::sample::Kind;
use crate::wire::{VALUE_LEN, metric_len, put_metric};

/// Buffered entries, bounded in number and bytes.
#[derive(Debug)]
pub struct Buffer {
    /// Room for a frame header, then the entries.
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    /// Counters by their key, as indices into `entries`.
    counters: HashTable<usize>,
    hasher: FixedState,
    /// How many entries were ever removed: an entry's sequence number less its index.
    removed: u64,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    /// Where the entry ends in `bytes`; its value is the last eight.
    end: usize,
    /// Where its key starts: behind the field tag and the length.
    key: usize,
    hash: u64,
    kind: Kind,
}

/// Why a sample could not be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// It would need a new entry, beyond the bound in number or bytes.
    Entries,
    /// The folded sum would not be finite.
    Sum,
}

/// Entries that were taken out: the body of one push.
#[derive(Debug, Default, PartialEq)]
pub struct Taken {
    /// One length-prefixed message: a frame header and the PushRequest.
    pub body: Vec<u8>,
    /// How many Metrics it holds.
    pub metrics: usize,
    /// The sequence number of the first of them.
    pub first: u64,
}

impl Buffer {
    /// An empty buffer. `seed` keeps label values from being chosen to collide.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            bytes: vec![0; FRAME_HEADER_LEN],
            entries: Vec::new(),
            counters: HashTable::new(),
            hasher: FixedState::with_seed(seed),
            removed: 0,
        }
    }

    /// How many entries are buffered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is buffered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many bytes of encoded Metrics are buffered.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        self.bytes.len().saturating_sub(FRAME_HEADER_LEN)
    }

    /// The sequence number of the oldest entry, or of the next one if there is none.
    #[must_use]
    pub fn first_sequence(&self) -> u64 {
        self.removed
    }

    /// The sequence number that the next new entry gets.
    #[must_use]
    pub fn next_sequence(&self) -> u64 {
        self.removed
            .saturating_add(u64::try_from(self.entries.len()).unwrap_or(u64::MAX))
    }

    /// The hash of a key, for [`Buffer::fold`] and [`Buffer::append`].
    #[must_use]
    pub fn hash(&self, key: &[u8]) -> u64 {
        self.hasher.hash_one(key)
    }

    /// Adds `increment` to the counter with this key, if it is buffered.
    ///
    /// # Errors
    ///
    /// [`Full::Sum`] when the sum would not be finite; nothing has changed then.
    pub fn fold(&mut self, hash: u64, key: &[u8], increment: f64) -> Result<Option<u64>, Full> {
        let Self {
            bytes,
            entries,
            counters,
            ..
        } = self;
        let same_key = |&index: &usize| {
            entries
                .get(index)
                .is_some_and(|entry| entry.hash == hash && entry.key_in(bytes) == Some(key))
        };
        match counters.find(hash, same_key) {
            Some(&index) => self.add_to(index, increment),
            None => Ok(None),
        }
    }

    /// As [`Buffer::fold`], for the counter with this sequence number, if it is still buffered.
    ///
    /// # Errors
    ///
    /// As [`Buffer::fold`].
    pub fn fold_at(&mut self, sequence: u64, increment: f64) -> Result<Option<u64>, Full> {
        match sequence.checked_sub(self.removed).map(usize::try_from) {
            Some(Ok(index)) => self.add_to(index, increment),
            _ => Ok(None),
        }
    }

    fn add_to(&mut self, index: usize, increment: f64) -> Result<Option<u64>, Full> {
        let Self { bytes, entries, .. } = self;
        let value = entries.get(index).and_then(|entry| {
            let start = entry.end.checked_sub(size_of::<f64>())?;
            bytes.get_mut(start..entry.end)?.first_chunk_mut::<8>()
        });
        let Some(value) = value else { return Ok(None) };
        let sum = f64::from_le_bytes(*value) + increment;
        if !sum.is_finite() {
            return Err(Full::Sum);
        }
        *value = sum.to_le_bytes();
        Ok(Some(
            self.removed
                .saturating_add(u64::try_from(index).unwrap_or(u64::MAX)),
        ))
    }

    /// Adds an entry of its own. `most` bounds the entries.
    ///
    /// # Errors
    ///
    /// [`Full::Entries`] when there is no room.
    pub fn append(
        &mut self,
        hash: u64,
        kind: Kind,
        key: &[u8],
        value: f64,
        most: usize,
    ) -> Result<u64, Full> {
        let len = metric_len(key.len());
        if self.entries.len() >= most || self.byte_len().saturating_add(len) > MAX_BUFFERED_BYTES {
            return Err(Full::Entries);
        }
        let sequence = self.next_sequence();
        put_metric(&mut self.bytes, key, value);
        let end = self.bytes.len();
        let key = end.saturating_sub(VALUE_LEN).saturating_sub(key.len());
        let index = self.entries.len();
        self.entries.push(Entry {
            end,
            key,
            hash,
            kind,
        });
        if kind == Kind::Counter {
            let entries = &self.entries;
            self.counters
                .insert_unique(hash, index, |&i| entries.get(i).map_or(0, |e| e.hash));
        }
        Ok(sequence)
    }

    /// Takes the oldest entries: at most `most` of them, and at most a batch's bytes.
    pub fn take(&mut self, most: usize) -> Taken {
        let first = self.removed;
        let within_bytes = self
            .entries
            .partition_point(|entry| entry.end.saturating_sub(FRAME_HEADER_LEN) <= MAX_BATCH_BYTES);
        let count = self.entries.len().min(most).min(within_bytes.max(1));
        let Some(end) = count
            .checked_sub(1)
            .and_then(|last| self.entries.get(last))
            .map(|e| e.end)
        else {
            return Taken {
                first,
                ..Taken::default()
            };
        };
        let rest = self.bytes.get(end..).unwrap_or_default();
        let mut remaining = Vec::with_capacity(rest.len().saturating_add(1024));
        remaining.resize(FRAME_HEADER_LEN, 0);
        remaining.extend_from_slice(rest);
        let mut body = std::mem::replace(&mut self.bytes, remaining);
        body.truncate(end);
        set_frame_header(&mut body);
        self.removed = self
            .removed
            .saturating_add(u64::try_from(count).unwrap_or(u64::MAX));

        self.entries.drain(..count);
        self.counters.clear();
        let shift = end.saturating_sub(FRAME_HEADER_LEN);
        for entry in &mut self.entries {
            entry.end = entry.end.saturating_sub(shift);
            entry.key = entry.key.saturating_sub(shift);
        }
        let entries = &self.entries;
        for (index, entry) in entries
            .iter()
            .enumerate()
            .filter(|(_, e)| e.kind == Kind::Counter)
        {
            self.counters
                .insert_unique(entry.hash, index, |&i| entries.get(i).map_or(0, |e| e.hash));
        }
        Taken {
            body,
            metrics: count,
            first,
        }
    }
}

impl Entry {
    fn key_in<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        bytes.get(self.key..self.end.checked_sub(VALUE_LEN)?)
    }
}

/// Fills in the frame header that stands before `body`'s message.
pub(crate) fn set_frame_header(body: &mut [u8]) {
    let len = u32::try_from(body.len().saturating_sub(FRAME_HEADER_LEN)).unwrap_or(u32::MAX);
    if let Some(header) = body.first_chunk_mut::<FRAME_HEADER_LEN>() {
        *header = grpc_web_unary::frame_header(len);
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::labels::Labels;
    use crate::proto::PushRequest;
    use crate::sample::Sample;
    use crate::value::Value;
    use crate::wire::put_key;

    fn key(kind: Kind, name: &str, route: &str) -> Vec<u8> {
        let mut labels = Labels::default();
        labels.push("route", Value::Text(route)).unwrap();
        labels.finish().unwrap();
        let mut key = Vec::new();
        put_key(
            &mut key,
            &Sample::new(kind, name, 1.0, &labels, None).unwrap(),
            None,
        );
        key
    }

    #[derive(Debug, PartialEq)]
    enum Added {
        Folded,
        Appended,
    }

    fn add(
        buffer: &mut Buffer,
        kind: Kind,
        route: &str,
        value: f64,
        most: usize,
    ) -> Result<Added, Full> {
        let key = key(kind, "n", route);
        let hash = buffer.hash(&key);
        if kind == Kind::Counter && buffer.fold(hash, &key, value)?.is_some() {
            return Ok(Added::Folded);
        }
        buffer
            .append(hash, kind, &key, value, most)
            .map(|_| Added::Appended)
    }

    fn decode(taken: &Taken) -> Vec<(String, f64)> {
        let (header, message) = taken.body.split_first_chunk::<5>().unwrap();
        assert_eq!(header, &grpc_web_unary::frame_header(message.len() as u32));
        let request = PushRequest::decode(message).unwrap();
        assert_eq!(request.metrics.len(), taken.metrics);
        request
            .metrics
            .into_iter()
            .map(|m| (m.labels["route"].clone(), m.value))
            .collect()
    }

    fn rows(rows: &[(&str, f64)]) -> Vec<(String, f64)> {
        rows.iter()
            .map(|&(route, value)| (route.to_owned(), value))
            .collect()
    }

    #[test]
    fn counters_fold_by_series_and_observations_stay_apart_in_order() {
        let mut buffer = Buffer::new(1);
        assert_eq!(
            add(&mut buffer, Kind::Counter, "/a", 1.0, 9),
            Ok(Added::Appended)
        );
        assert_eq!(
            add(&mut buffer, Kind::Histogram, "/a", 7.0, 9),
            Ok(Added::Appended)
        );
        assert_eq!(
            add(&mut buffer, Kind::Counter, "/b", 1.0, 9),
            Ok(Added::Appended)
        );
        assert_eq!(
            add(&mut buffer, Kind::Histogram, "/a", 8.0, 9),
            Ok(Added::Appended)
        );
        assert_eq!(
            add(&mut buffer, Kind::Counter, "/a", 2.5, 9),
            Ok(Added::Folded)
        );
        let taken = buffer.take(100);
        assert_eq!(
            decode(&taken),
            rows(&[("/a", 3.5), ("/a", 7.0), ("/b", 1.0), ("/a", 8.0)])
        );
        assert!(buffer.is_empty());
        assert_eq!(buffer.byte_len(), 0);
    }

    #[test]
    fn what_is_left_after_a_partial_take_goes_on_folding() {
        let mut buffer = Buffer::new(1);
        for route in ["/a", "/b", "/c", "/d"] {
            add(&mut buffer, Kind::Counter, route, 1.0, 9).unwrap();
        }
        let taken = buffer.take(2);
        assert_eq!(
            (decode(&taken), taken.first),
            (rows(&[("/a", 1.0), ("/b", 1.0)]), 0)
        );
        assert_eq!(
            add(&mut buffer, Kind::Counter, "/d", 1.0, 9),
            Ok(Added::Folded)
        );
        assert_eq!(
            add(&mut buffer, Kind::Counter, "/a", 5.0, 9),
            Ok(Added::Appended)
        );
        let taken = buffer.take(9);
        assert_eq!(
            decode(&taken),
            rows(&[("/c", 1.0), ("/d", 2.0), ("/a", 5.0)])
        );
        assert_eq!(taken.first, 2);
        assert_eq!(buffer.take(9).metrics, 0);
    }

    #[test]
    fn a_full_buffer_refuses_new_entries_and_goes_on_adding_up() {
        let mut buffer = Buffer::new(1);
        add(&mut buffer, Kind::Counter, "/a", 1.0, 2).unwrap();
        add(&mut buffer, Kind::Counter, "/b", 1.0, 2).unwrap();
        assert_eq!(
            add(&mut buffer, Kind::Counter, "/c", 1.0, 2),
            Err(Full::Entries)
        );
        assert_eq!(
            add(&mut buffer, Kind::Histogram, "/a", 1.0, 2),
            Err(Full::Entries)
        );
        assert_eq!(
            add(&mut buffer, Kind::Counter, "/a", 1.0, 2),
            Ok(Added::Folded)
        );
    }

    #[test]
    fn the_buffer_is_bounded_in_bytes_too_and_batches_stay_within_theirs() {
        let mut buffer = Buffer::new(1);
        let mut added = 0;
        while add(
            &mut buffer,
            Kind::Counter,
            &format!("/{added}/{}", "x".repeat(1000)),
            1.0,
            usize::MAX,
        )
        .is_ok()
        {
            added += 1;
        }
        assert!(buffer.byte_len() <= MAX_BUFFERED_BYTES);
        assert!(added > 3_000, "{added}");
        let mut taken = 0;
        while !buffer.is_empty() {
            let batch = buffer.take(usize::MAX);
            assert!(batch.body.len() <= MAX_BATCH_BYTES + FRAME_HEADER_LEN);
            taken += batch.metrics;
        }
        assert_eq!(taken, added);
    }

    #[test]
    fn a_sum_that_would_be_infinite_is_refused_and_the_old_one_stays() {
        let mut buffer = Buffer::new(1);
        add(&mut buffer, Kind::Counter, "/a", f64::MAX, 9).unwrap();
        assert_eq!(
            add(&mut buffer, Kind::Counter, "/a", f64::MAX, 9),
            Err(Full::Sum)
        );
        assert_eq!(decode(&buffer.take(9)), rows(&[("/a", f64::MAX)]));
    }
}
