//! Label sets, which identify series.

use std::cmp::Ordering;
use std::fmt;

use serde::ser::{Serialize, SerializeMap as _, Serializer};

/// Labels as names and values, borrowed from the message.
///
/// In this crate they are sorted by name, and each name occurs once.
pub(crate) type LabelSlice<'a> = [(&'a str, &'a str)];

/// Stored labels, in the order of their names: one text and the ends of its parts. This avoids two
/// allocations for each label of a series.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Labels {
    text: Box<str>,
    /// The ends of name, value, name, value, and so on.
    ends: Box<[u32]>,
}

impl Labels {
    pub(crate) fn new(labels: &LabelSlice<'_>) -> Self {
        let mut text = String::new();
        let mut ends = Vec::with_capacity(labels.len().saturating_mul(2));
        for part in labels.iter().flat_map(|(name, value)| [name, value]) {
            text.push_str(part);
            // Names, values and their number are limited, so the sum fits.
            ends.push(u32::try_from(text.len()).unwrap_or(u32::MAX));
        }
        Self {
            text: text.into(),
            ends: ends.into(),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut start = 0;
        let mut part = move |end: u32| {
            let end = usize::try_from(end).unwrap_or(usize::MAX);
            let part = self.text.get(start..end).unwrap_or_default();
            start = end;
            part
        };
        self.ends.chunks_exact(2).map(move |ends| match ends {
            [name, value] => (part(*name), part(*value)),
            _ => ("", ""),
        })
    }

    /// Whether the labels are the same.
    pub(crate) fn are(&self, labels: &LabelSlice<'_>) -> bool {
        self.ends.len() == labels.len().saturating_mul(2) && self.iter().eq(labels.iter().copied())
    }
}

impl Ord for Labels {
    fn cmp(&self, other: &Self) -> Ordering {
        self.iter().cmp(other.iter())
    }
}

impl PartialOrd for Labels {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.iter() {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_come_out_as_they_went_in_and_sort_by_name_and_value() {
        let sets: [&LabelSlice<'_>; 6] = [
            &[],
            &[("a", "")],
            &[("a", "1")],
            &[("a", "1"), ("b", "ü\0")],
            &[("a", "12")],
            &[("ab", "1")],
        ];
        for (place, one) in sets.iter().enumerate() {
            let labels = Labels::new(one);
            assert!(labels.iter().eq(one.iter().copied()), "{labels:?}");
            for (other_place, other) in sets.iter().enumerate() {
                assert_eq!(labels.are(other), place == other_place);
                assert_eq!(labels.cmp(&Labels::new(other)), place.cmp(&other_place));
            }
        }
    }

    // As one text these are equal.
    #[test]
    fn names_and_values_with_the_same_text_are_different_labels() {
        let one = Labels::new(&[("a", "bc")]);
        assert!(!one.are(&[("ab", "c")]));
        assert_ne!(one, Labels::new(&[("ab", "c")]));
    }
}
