//! A decoded `PushRequest` without copies: names, help and labels are borrowed from the message.

use std::hash::{BuildHasher, Hash as _, Hasher as _};

use prost::Message as _;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

use crate::labels::LabelSlice;
use crate::proto::{Metric, PushRequest};

/// Most labels held for one Metric, before duplicate names are merged. This is more than a Metric
/// may have, so further labels are only counted.
const MAX_HELD_LABELS: usize = 128;

/// The Metrics of a push.
#[derive(Debug, Default)]
pub struct Push<'a> {
    samples: Vec<Sample<'a>>,
    /// The labels of all samples, in order.
    labels: Vec<(&'a str, &'a str)>,
}

/// One Metric, as it was sent.
#[derive(Debug, Default)]
pub(crate) struct Sample<'a> {
    pub(crate) name: &'a str,
    pub(crate) help: &'a str,
    /// The `MetricType`, if it is valid.
    pub(crate) kind: i32,
    pub(crate) value: f64,
    /// The number of labels beyond the limit, which are not held.
    pub(crate) labels_beyond: usize,
    labels_start: usize,
    labels_end: usize,
}

impl<'a> Push<'a> {
    /// Decodes a message without copying it.
    ///
    /// # Errors
    ///
    /// prost's error for a message that is not a `PushRequest`.
    pub fn decode(message: &'a [u8]) -> Result<Self, String> {
        let mut push = Self::default();
        if push.read(Reader(message)).is_some() {
            return Ok(push);
        }
        // The sender needs a clear error, and prost's is the best one.
        Err(match PushRequest::decode(message) {
            Err(error) => error.to_string(),
            Ok(_) => "failed to decode Protobuf message".to_owned(),
        })
    }

    pub(crate) fn samples(&self) -> impl Iterator<Item = (&Sample<'a>, &LabelSlice<'a>)> {
        self.samples.iter().map(|sample| {
            let labels = self.labels.get(sample.labels_start..sample.labels_end);
            (sample, labels.unwrap_or_default())
        })
    }

    /// The same for equal pushes, whatever the order of their labels on the wire.
    pub(crate) fn fingerprint(&self, state: &impl BuildHasher) -> u64 {
        let mut hasher = state.build_hasher();
        for (sample, labels) in self.samples() {
            sample.name.hash(&mut hasher);
            sample.help.hash(&mut hasher);
            hasher.write_i32(sample.kind);
            hasher.write_u64(sample.value.to_bits());
            labels.hash(&mut hasher);
        }
        hasher.finish()
    }

    fn read(&mut self, mut reader: Reader<'a>) -> Option<()> {
        while !reader.is_empty() {
            match reader.key()? {
                (1, WireType::LengthDelimited) => {
                    let metric = reader.bytes()?;
                    self.read_metric(Reader(metric))?;
                }
                (1, _) => return None,
                unknown => reader.skip(unknown)?,
            }
        }
        Some(())
    }

    fn read_metric(&mut self, mut reader: Reader<'a>) -> Option<()> {
        let mut sample = self.start();
        while !reader.is_empty() {
            match reader.key()? {
                (1, WireType::LengthDelimited) => sample.name = reader.text()?,
                (2, WireType::LengthDelimited) => sample.help = reader.text()?,
                (3, WireType::Varint) => sample.kind = reader.int32()?,
                (4, WireType::LengthDelimited) => {
                    let label = Reader(reader.bytes()?).label()?;
                    self.hold_label(&mut sample, label);
                }
                (5, WireType::SixtyFourBit) => sample.value = reader.double()?,
                (1..=5, _) => return None,
                unknown => reader.skip(unknown)?,
            }
        }
        self.finish(sample);
        Some(())
    }

    fn start(&self) -> Sample<'a> {
        Sample {
            labels_start: self.labels.len(),
            ..Sample::default()
        }
    }

    fn hold_label(&mut self, sample: &mut Sample<'a>, label: (&'a str, &'a str)) {
        let held = |push: &Self| push.labels.len().saturating_sub(sample.labels_start);
        if held(self) >= MAX_HELD_LABELS {
            self.sort_labels(sample.labels_start);
            if held(self) >= MAX_HELD_LABELS {
                sample.labels_beyond = sample.labels_beyond.saturating_add(1);
                return;
            }
        }
        self.labels.push(label);
    }

    fn finish(&mut self, mut sample: Sample<'a>) {
        self.sort_labels(sample.labels_start);
        sample.labels_end = self.labels.len();
        self.samples.push(sample);
    }

    /// Sorts by name and removes duplicates. The last value of a name wins, as in any protobuf map.
    fn sort_labels(&mut self, start: usize) {
        let Some(labels) = self.labels.get_mut(start..) else {
            return;
        };
        if labels.is_sorted_by(|(one, _), (next, _)| one < next) {
            return;
        }
        labels.sort_by_key(|(name, _)| *name);
        let mut sorted = self.labels.split_off(start);
        sorted.dedup_by(|next, one| {
            let same = next.0 == one.0;
            if same {
                one.1 = next.1;
            }
            same
        });
        self.labels.append(&mut sorted);
    }
}

impl<'a> From<&'a [Metric]> for Push<'a> {
    fn from(metrics: &'a [Metric]) -> Self {
        let mut push = Self::default();
        for metric in metrics {
            let mut sample = push.start();
            sample.name = &metric.name;
            sample.help = metric.help.as_deref().unwrap_or_default();
            sample.kind = metric.r#type;
            sample.value = metric.value;
            for (name, value) in &metric.labels {
                push.hold_label(&mut sample, (name, value));
            }
            push.finish(sample);
        }
        push
    }
}

/// prost's primitives on a slice, so that decoded values are kept without a copy.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn key(&mut self) -> Option<(u32, WireType)> {
        decode_key(&mut self.0).ok()
    }

    fn skip(&mut self, (tag, wire_type): (u32, WireType)) -> Option<()> {
        skip_field(wire_type, tag, &mut self.0, DecodeContext::default()).ok()
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(decode_varint(&mut self.0).ok()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(bytes)
    }

    fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    #[allow(
        clippy::cast_possible_truncation,
        reason = "protobuf's rule for an int32 that is sent as more"
    )]
    fn int32(&mut self) -> Option<i32> {
        Some(decode_varint(&mut self.0).ok()? as i32)
    }

    fn double(&mut self) -> Option<f64> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(f64::from_le_bytes(*bytes))
    }

    fn label(mut self) -> Option<(&'a str, &'a str)> {
        let (mut name, mut value) = ("", "");
        while !self.is_empty() {
            match self.key()? {
                (1, WireType::LengthDelimited) => name = self.text()?,
                (2, WireType::LengthDelimited) => value = self.text()?,
                (1 | 2, _) => return None,
                unknown => self.skip(unknown)?,
            }
        }
        Some((name, value))
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;

    use super::*;

    fn metric() -> impl Strategy<Value = Metric> {
        let labels = btree_map("[a-c]{0,2}", ".{0,4}", 0..4);
        let help = proptest::option::of(".{0,4}");
        (".{0,6}", help, any::<i32>(), labels, any::<u64>()).prop_map(
            |(name, help, kind, labels, bits)| Metric {
                name,
                help,
                r#type: kind,
                labels,
                value: f64::from_bits(bits),
            },
        )
    }

    /// The result of either decoder in a comparable form; NaN as its bits.
    fn described(push: &Push<'_>) -> Vec<String> {
        let describe = |(sample, labels): (&Sample<'_>, &LabelSlice<'_>)| {
            let Sample {
                name, help, kind, ..
            } = sample;
            let bits = sample.value.to_bits();
            format!("{name:?} {help:?} {kind} {bits:x} {labels:?}")
        };
        push.samples().map(describe).collect()
    }

    fn agrees_with_prost(message: &[u8]) {
        match (Push::decode(message), PushRequest::decode(message)) {
            (Ok(ours), Ok(theirs)) => assert_eq!(
                described(&ours),
                described(&Push::from(&theirs.metrics[..]))
            ),
            (Err(ours), Err(theirs)) => assert_eq!(ours, theirs.to_string()),
            (ours, theirs) => panic!("{ours:?} is not {theirs:?}"),
        }
    }

    proptest! {
        #[test]
        fn a_message_is_read_as_prost_reads_it(metrics in vec(metric(), 0..4)) {
            agrees_with_prost(&PushRequest { metrics }.encode_to_vec());
        }

        #[test]
        fn a_message_with_a_wrong_byte_is_read_as_prost_reads_it(
            metrics in vec(metric(), 1..3), place: prop::sample::Index, byte: u8, cut: bool,
        ) {
            let mut message = PushRequest { metrics }.encode_to_vec();
            let place = place.index(message.len());
            message[place] = byte;
            if cut {
                message.truncate(place);
            }
            agrees_with_prost(&message);
        }

        #[test]
        fn any_bytes_are_read_as_prost_reads_them(message in vec(any::<u8>(), 0..40)) {
            agrees_with_prost(&message);
        }
    }

    fn label_field(name: &str, value: &str) -> Vec<u8> {
        let metric = Metric {
            labels: [(name.to_owned(), value.to_owned())].into(),
            ..Metric::default()
        };
        metric.encode_to_vec()
    }

    fn message(metric: &[u8]) -> Vec<u8> {
        let mut message = vec![0x0A];
        prost::encoding::encode_varint(metric.len() as u64, &mut message);
        message.extend_from_slice(metric);
        message
    }

    #[test]
    fn the_last_value_of_a_repeated_label_wins() {
        let metric = [("b", "1"), ("a", "2"), ("b", "3")].map(|(n, v)| label_field(n, v));
        let message = message(&metric.concat());
        agrees_with_prost(&message);
        let push = Push::decode(&message).unwrap();
        let (_, labels) = push.samples().next().unwrap();
        assert_eq!(labels, [("a", "2"), ("b", "3")]);
    }

    // A label takes two bytes on the wire and 32 in memory.
    #[test]
    fn a_flood_of_labels_is_not_held() {
        let same = message(&label_field("", "").repeat(10_000));
        let push = Push::decode(&same).unwrap();
        assert_eq!(push.labels, [("", "")]);
        assert!(push.labels.capacity() <= 2 * MAX_HELD_LABELS);

        let many: Vec<u8> = (0..1000)
            .flat_map(|n| label_field(&n.to_string(), ""))
            .collect();
        let many = message(&many);
        let push = Push::decode(&many).unwrap();
        let (sample, labels) = push.samples().next().unwrap();
        assert_eq!((labels.len(), sample.labels_beyond), (128, 872));
    }

    #[test]
    fn a_fingerprint_tells_pushes_apart_by_everything_in_them() {
        let state = foldhash::fast::FixedState::default();
        let print = |metric: &Metric| Push::from(std::slice::from_ref(metric)).fingerprint(&state);
        let first = Metric {
            name: "x".to_owned(),
            value: 1.0,
            ..Metric::default()
        };
        assert_eq!(print(&first), print(&first.clone()));
        for other in [
            Metric {
                name: "y".to_owned(),
                ..first.clone()
            },
            Metric {
                help: Some("h".to_owned()),
                ..first.clone()
            },
            Metric {
                r#type: 1,
                ..first.clone()
            },
            Metric {
                value: 2.0,
                ..first.clone()
            },
            Metric {
                labels: [("a".to_owned(), "b".to_owned())].into(),
                ..first.clone()
            },
        ] {
            assert_ne!(print(&first), print(&other), "{other:?}");
        }
    }
}
