//! Detects repeats of a push by the `x-push-id` in its metadata.

use std::fmt;
use std::num::NonZeroUsize;

use lru::LruCache;

use crate::answer::Answer;

/// Most bytes in an id: enough for two UUIDs and a prefix.
const MAX_LEN: usize = 128;

/// The sender's id for one push. A repeat of the push has the same id.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PushId(Box<str>);

impl PushId {
    /// # Errors
    ///
    /// [`BadPushId`] when the id is empty, too long, or not visible ASCII. The gateway must not
    /// accept such a push without its id, because a repeat would be counted twice.
    pub fn new(bytes: &[u8]) -> Result<Self, BadPushId> {
        if bytes.is_empty() || bytes.len() > MAX_LEN {
            return Err(BadPushId(format!(
                "expected an x-push-id of 1 to {MAX_LEN} bytes, found {}",
                bytes.len()
            )));
        }
        match std::str::from_utf8(bytes) {
            Ok(id) if bytes.iter().all(u8::is_ascii_graphic) => Ok(Self(id.into())),
            _ => Err(BadPushId(
                "expected an x-push-id of visible ASCII, found other bytes".to_owned(),
            )),
        }
    }

    /// The id as it was sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An illegal `x-push-id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadPushId(String);

impl fmt::Display for BadPushId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadPushId {}

/// The answers to the latest pushes with an id. The least recently used answer is forgotten first.
#[derive(Debug)]
pub(crate) struct Dedupe(Option<LruCache<PushId, Remembered>>);

/// An answer, and the request that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Remembered {
    /// A hash of the request: the same id with different Metrics is not a repeat.
    pub(crate) request: u64,
    pub(crate) answer: Answer,
}

impl Dedupe {
    /// Remembers up to `entries` answers; with 0, none.
    pub(crate) fn new(entries: usize) -> Self {
        // `LruCache::new` would allocate all entries at once.
        Self(NonZeroUsize::new(entries).map(|bound| {
            let mut cache = LruCache::unbounded();
            cache.resize(bound);
            cache
        }))
    }

    pub(crate) fn get(&mut self, id: &PushId) -> Option<Remembered> {
        self.0.as_mut()?.get(id).cloned()
    }

    pub(crate) fn remember(&mut self, id: PushId, remembered: Remembered) {
        if let Some(cache) = &mut self.0 {
            cache.put(id, remembered);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> PushId {
        PushId::new(text.as_bytes()).unwrap()
    }

    fn remembered(accepted: u64) -> Remembered {
        Remembered {
            request: accepted,
            answer: Answer {
                accepted,
                ..Answer::default()
            },
        }
    }

    #[test]
    fn the_least_recently_used_answer_is_forgotten_first() {
        let mut dedupe = Dedupe::new(2);
        dedupe.remember(id("a"), remembered(1));
        dedupe.remember(id("b"), remembered(2));
        assert_eq!(dedupe.get(&id("a")), Some(remembered(1)));
        dedupe.remember(id("c"), remembered(3));
        assert_eq!(dedupe.get(&id("a")), Some(remembered(1)));
        assert_eq!(dedupe.get(&id("b")), None);
        assert_eq!(dedupe.get(&id("c")), Some(remembered(3)));
    }

    #[test]
    fn with_no_entries_nothing_is_remembered() {
        let mut dedupe = Dedupe::new(0);
        dedupe.remember(id("a"), remembered(1));
        assert_eq!(dedupe.get(&id("a")), None);
    }

    #[test]
    fn an_id_that_cannot_be_remembered_is_refused() {
        let error = |bytes: &[u8]| PushId::new(bytes).unwrap_err().to_string();
        assert_eq!(
            error(b""),
            "expected an x-push-id of 1 to 128 bytes, found 0"
        );
        assert_eq!(
            error(&[b'a'; 129]),
            "expected an x-push-id of 1 to 128 bytes, found 129"
        );
        for bytes in [&b"a b"[..], b"\xff", "ü".as_bytes(), b"a\n"] {
            assert_eq!(
                error(bytes),
                "expected an x-push-id of visible ASCII, found other bytes",
                "{bytes:?}"
            );
        }
        assert_eq!(id("018f-7b.c_~").as_str(), "018f-7b.c_~");
    }
}
