//! What samples looked like before: the key of a series by the bytes in which a caller wrote it.
//!
//! Most samples are of a series that was sampled before, written in the same way. Those bytes were
//! found legal then, and they have the same key now, so they need not be checked, sorted and encoded
//! again: a sample costs a fifth of what its first one did. Nothing depends on what is remembered
//! here, and what does not fit is checked like a first one.

use std::hash::{BuildHasher as _, Hasher as _};

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use crate::labels::TrustedLabels;
use crate::sample::Kind;

/// Most spellings that are remembered.
const MAX_SPELLINGS: usize = 16_384;
/// Most bytes that they take, keys included.
const MAX_BYTES: usize = 4 << 20;
/// Most sets of trusted labels, which are as many as there are callers.
const MAX_CALLERS: usize = 64;

/// How a caller wrote a sample, all but its value: the same parts mean the same type, series and help.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spelling<'a> {
    pub(crate) kind: Kind,
    /// What `labels` are: nothing, an object's properties, names and values in turn, or lengths.
    pub(crate) form: u8,
    /// The name; of a brief sample all of its text.
    pub(crate) name: &'a [u8],
    pub(crate) help: &'a [u8],
    /// How many of the encoded labels count.
    pub(crate) count: usize,
    /// The labels, encoded; of a brief sample the lengths of what is in its text.
    pub(crate) labels: &'a [u8],
}

/// The spellings that are remembered.
#[derive(Debug)]
pub(crate) struct Spellings {
    table: HashTable<usize>,
    known: Vec<Known>,
    /// Of each its name, help and labels, then its key.
    bytes: Vec<u8>,
    callers: Vec<TrustedLabels>,
    /// Whose sample was the last: a call carries many, all of one caller.
    last_caller: usize,
    hasher: FixedState,
    /// The state of the help texts that the keys have in them.
    helps: u64,
    /// Samples that were not found since nothing fits in any more.
    misses: usize,
}

/// Caller, type, form of the labels and how many there are, and the lengths of name and help.
type Traits = (u8, Kind, u8, usize, usize, usize);

/// What is known of a spelling.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    hash: u64,
    traits: Traits,
    start: usize,
    key: usize,
    end: usize,
    /// The hash of the key.
    pub(crate) key_hash: u64,
    /// The entry that last took such a sample; it may be gone.
    pub(crate) sequence: u64,
}

/// A spelling that is not remembered yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unknown<'a> {
    hash: u64,
    caller: u8,
    spelling: Spelling<'a>,
}

impl Spellings {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            table: HashTable::new(),
            known: Vec::new(),
            bytes: Vec::new(),
            callers: Vec::new(),
            last_caller: 0,
            hasher: FixedState::with_seed(seed),
            helps: 0,
            misses: 0,
        }
    }

    /// Looks for a spelling: its number, for [`Spellings::key`], and what is known of it. `helps`
    /// changes when a help text does.
    ///
    /// # Errors
    ///
    /// It is not remembered, and can be under what is given; not at all under `None`.
    pub(crate) fn find<'a>(
        &mut self,
        spelling: Spelling<'a>,
        trusted: &TrustedLabels,
        helps: u64,
    ) -> Result<(usize, Known), Option<Unknown<'a>>> {
        if self.helps != helps {
            self.helps = helps;
            self.clear();
        }
        let Some(caller) = self.caller(trusted) else {
            return Err(None);
        };
        let Spelling {
            kind,
            form,
            name,
            help,
            count,
            labels,
        } = spelling;
        let traits = (caller, kind, form, count, name.len(), help.len());
        let mut hasher = self.hasher.build_hasher();
        hasher.write_u32(u32::from_le_bytes([caller, kind as u8, form, 0]));
        for part in [name, help, labels] {
            hasher.write(part);
        }
        let hash = hasher.finish();
        let same = |&index: &usize| {
            self.known.get(index).is_some_and(|known| {
                let bytes = self.bytes.get(known.start..known.key).unwrap_or_default();
                known.hash == hash
                    && known.traits == traits
                    && is_joined(bytes, [name, help, labels])
            })
        };
        match self.table.find(hash, same) {
            Some(&index) => match self.known.get(index) {
                Some(known) => Ok((index, *known)),
                None => Err(None),
            },
            None => Err(Some(Unknown {
                hash,
                caller,
                spelling,
            })),
        }
    }

    /// The canonical key of a spelling's series.
    pub(crate) fn key(&self, index: usize) -> &[u8] {
        self.known
            .get(index)
            .and_then(|known| self.bytes.get(known.key..known.end))
            .unwrap_or_default()
    }

    /// Remembers a spelling, and returns its number.
    pub(crate) fn remember(
        &mut self,
        unknown: Unknown<'_>,
        key: &[u8],
        key_hash: u64,
    ) -> Option<usize> {
        let Unknown {
            hash,
            caller,
            spelling,
        } = unknown;
        let Spelling {
            kind,
            form,
            name,
            help,
            count,
            labels,
        } = spelling;
        let len = [name, help, labels, key]
            .iter()
            .fold(self.bytes.len(), |len, part| len.saturating_add(part.len()));
        if self.known.len() >= MAX_SPELLINGS || len > MAX_BYTES {
            // Series come and go: what is remembered may be of no use any more.
            self.misses = self.misses.saturating_add(1);
            if self.misses < MAX_SPELLINGS {
                return None;
            }
            self.clear();
        }
        let start = self.bytes.len();
        for part in [name, help, labels] {
            self.bytes.extend_from_slice(part);
        }
        let key_start = self.bytes.len();
        self.bytes.extend_from_slice(key);
        let index = self.known.len();
        self.known.push(Known {
            hash,
            traits: (caller, kind, form, count, name.len(), help.len()),
            start,
            key: key_start,
            end: self.bytes.len(),
            key_hash,
            sequence: u64::MAX,
        });
        let known = &self.known;
        self.table
            .insert_unique(hash, index, |&i| known.get(i).map_or(0, |s| s.hash));
        Some(index)
    }

    /// Notes the entry that took a sample in this spelling.
    pub(crate) fn note_sequence(&mut self, index: usize, sequence: u64) {
        if let Some(known) = self.known.get_mut(index) {
            known.sequence = sequence;
        }
    }

    fn clear(&mut self) {
        self.table.clear();
        self.known.clear();
        self.bytes.clear();
        self.misses = 0;
    }

    /// Tells sets of trusted labels apart.
    fn caller(&mut self, trusted: &TrustedLabels) -> Option<u8> {
        if self.callers.get(self.last_caller) != Some(trusted) {
            self.last_caller = match self.callers.iter().position(|known| known == trusted) {
                Some(index) => index,
                None if self.callers.len() < MAX_CALLERS => {
                    self.callers.push(trusted.clone());
                    self.callers.len().saturating_sub(1)
                }
                None => return None,
            };
        }
        u8::try_from(self.last_caller).ok()
    }
}

fn is_joined(mut bytes: &[u8], parts: [&[u8]; 3]) -> bool {
    for part in parts {
        match bytes.split_at_checked(part.len()) {
            Some((head, rest)) if is_same(head, part) => bytes = rest,
            _ => return false,
        }
    }
    bytes.is_empty()
}

/// Compares eight bytes at a time: in Wasm `==` goes byte by byte, and this is most of a lookup.
fn is_same(a: &[u8], b: &[u8]) -> bool {
    let (a_words, a_rest) = a.as_chunks::<8>();
    let (b_words, b_rest) = b.as_chunks::<8>();
    let mut words = a_words.iter().zip(b_words);
    a.len() == b.len()
        && words.all(|(a, b)| u64::from_le_bytes(*a) == u64::from_le_bytes(*b))
        && a_rest.iter().zip(b_rest).all(|(a, b)| a == b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Draft;
    use crate::value::{Reader, encode};

    fn bytes(route: &str) -> Vec<u8> {
        let mut out = Vec::new();
        encode::text(&mut out, "a_total");
        encode::number(&mut out, 1.0);
        encode::labels(&mut out, &[("route", route)]);
        out
    }

    /// Whether the spelling was known; if not, it is remembered with itself as the key.
    fn known(spellings: &mut Spellings, kind: Kind, route: &str, trusted: &TrustedLabels) -> bool {
        let bytes = bytes(route);
        let draft = Draft::from_arguments(kind, Reader::new(&bytes)).unwrap();
        match spellings.find(draft.spelling().unwrap(), trusted, 0) {
            Ok((index, _)) => {
                assert_eq!(spellings.key(index), bytes);
                true
            }
            Err(unknown) => {
                spellings.remember(unknown.unwrap(), &bytes, 1);
                false
            }
        }
    }

    #[test]
    fn a_spelling_is_known_by_type_labels_and_caller() {
        let mut spellings = Spellings::new(1);
        let none = TrustedLabels::default();
        let mut trusted = Vec::new();
        encode::labels(&mut trusted, &[("worker", "a")]);
        let (trusted, _) = TrustedLabels::new(Reader::new(&trusted).value().unwrap());
        for again in [false, true] {
            for (kind, route, trusted) in [
                (Kind::Counter, "/a", &none),
                (Kind::Counter, "/b", &none),
                (Kind::Histogram, "/a", &none),
                (Kind::Counter, "/a", &trusted),
            ] {
                assert_eq!(
                    known(&mut spellings, kind, route, trusted),
                    again,
                    "{kind:?} {route}"
                );
            }
        }
    }

    #[test]
    fn the_same_bytes_are_two_spellings_when_not_as_many_labels_count() {
        let mut spellings = Spellings::new(1);
        let trusted = TrustedLabels::default();
        let mut one = Vec::new();
        encode::text(&mut one, "a_total");
        let head = one.len();
        encode::labels(&mut one, &[("route", "/")]);
        let mut none = one.clone();
        none[head + 1] = 0; // the count, after the tag; no codec writes such
        let draft = |bytes| Draft::from_arguments(Kind::Counter, Reader::new(bytes)).unwrap();
        let spelling = draft(&none).spelling().unwrap();
        let unknown = spellings.find(spelling, &trusted, 0).unwrap_err().unwrap();
        spellings.remember(unknown, b"key", 1);
        let other = draft(&one);
        assert!(
            spellings
                .find(other.spelling().unwrap(), &trusted, 0)
                .is_err()
        );
    }

    #[test]
    fn a_new_help_text_makes_all_keys_unknown() {
        let mut spellings = Spellings::new(1);
        let none = TrustedLabels::default();
        known(&mut spellings, Kind::Counter, "/a", &none);
        let bytes = bytes("/a");
        let draft = Draft::from_arguments(Kind::Counter, Reader::new(&bytes)).unwrap();
        let spelling = draft.spelling().unwrap();
        assert!(spellings.find(spelling, &none, 0).is_ok());
        assert!(spellings.find(spelling, &none, 1).is_err());
    }

    #[test]
    fn memory_is_bounded_and_series_that_are_gone_make_room_in_the_end() {
        let mut spellings = Spellings::new(1);
        let none = TrustedLabels::default();
        let mut series = 0;
        let mut forgotten = 0;
        while forgotten < 2 {
            let before = spellings.known.len();
            assert!(!known(
                &mut spellings,
                Kind::Counter,
                &series.to_string(),
                &none
            ));
            series += 1;
            forgotten += u32::from(spellings.known.len() < before);
            assert!(spellings.known.len() <= MAX_SPELLINGS && spellings.bytes.len() <= MAX_BYTES);
        }
        assert!(series > 2 * MAX_SPELLINGS);
    }
}
