//! Limits log lines when every push of a busy sender breaks the same rule.

use std::collections::HashMap;

/// The shortest time between two lines about one subject.
const EVERY_MS: u64 = 10_000;

/// The number of subjects remembered, and so the most lines within [`EVERY_MS`].
const MAX_KEYS: usize = 500;

/// Allows one line per key and interval. The next line gives the number of suppressed lines.
#[derive(Debug, Default)]
pub(crate) struct Limiter {
    keys: HashMap<(String, &'static str), Held>,
    /// Suppressed because there were too many keys to remember.
    beyond: u64,
}

#[derive(Debug)]
struct Held {
    logged_at_ms: u64,
    held_back: u64,
}

impl Limiter {
    /// Whether a line about `name` and `reason` may be written now, and if so, how many suppressed
    /// lines it represents in addition.
    pub(crate) fn admit(&mut self, name: &str, reason: &'static str, now_ms: u64) -> Option<u64> {
        let key = (name.to_owned(), reason);
        if let Some(held) = self.keys.get_mut(&key) {
            if now_ms.saturating_sub(held.logged_at_ms) < EVERY_MS {
                held.held_back = held.held_back.saturating_add(1);
                return None;
            }
            held.logged_at_ms = now_ms;
            return Some(std::mem::take(&mut held.held_back));
        }
        if self.keys.len() >= MAX_KEYS {
            self.forget_old(now_ms);
        }
        if self.keys.len() >= MAX_KEYS {
            self.beyond = self.beyond.saturating_add(1);
            return None;
        }
        let held = Held {
            logged_at_ms: now_ms,
            held_back: 0,
        };
        self.keys.insert(key, held);
        Some(std::mem::take(&mut self.beyond))
    }

    fn forget_old(&mut self, now_ms: u64) {
        let mut forgotten = 0_u64;
        self.keys.retain(|_, held| {
            let recent = now_ms.saturating_sub(held.logged_at_ms) < EVERY_MS;
            if !recent {
                forgotten = forgotten.saturating_add(held.held_back);
            }
            recent
        });
        self.beyond = self.beyond.saturating_add(forgotten);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_per_subject_and_interval_counts_the_suppressed_lines() {
        let mut limiter = Limiter::default();
        assert_eq!(limiter.admit("a", "bad_type", 0), Some(0));
        assert_eq!(limiter.admit("a", "bad_type", 1), None);
        assert_eq!(limiter.admit("a", "bad_type", 9_999), None);
        assert_eq!(limiter.admit("a", "bad_value", 9_999), Some(0));
        assert_eq!(limiter.admit("b", "bad_type", 9_999), Some(0));
        assert_eq!(limiter.admit("a", "bad_type", 10_000), Some(2));
        assert_eq!(limiter.admit("a", "bad_type", 10_001), None);
    }

    #[test]
    fn the_limiter_stays_small_and_counts_lines_of_forgotten_subjects() {
        let mut limiter = Limiter::default();
        for n in 0..MAX_KEYS {
            assert_eq!(limiter.admit(&n.to_string(), "bad_name", 0), Some(0));
        }
        assert_eq!(limiter.admit("0", "bad_name", 1), None);
        assert_eq!(limiter.admit("one more", "bad_name", 1), None);
        assert_eq!(limiter.keys.len(), MAX_KEYS);
        // Later the old keys expire. The new line represents both suppressed lines.
        assert_eq!(limiter.admit("one more", "bad_name", 10_000), Some(2));
        assert_eq!(limiter.keys.len(), 1);
    }
}
