//! An independent reader of PushRequests: the protocol buffers wire format, decoded by hand.

use std::collections::BTreeMap;

/// The identity of a series.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Series {
    pub(crate) name: String,
    /// 1 for a counter, 3 for a histogram.
    pub(crate) kind: u64,
    pub(crate) labels: BTreeMap<String, String>,
}

/// One Metric of a push.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Metric {
    pub(crate) series: Series,
    pub(crate) help: Option<String>,
    pub(crate) value: f64,
}

/// The Metrics of one length-prefixed PushRequest. Panics for any other bytes.
pub(crate) fn decode(body: &[u8]) -> Vec<Metric> {
    let (&[flags, a, b, c, d], message) = body.split_first_chunk::<5>().expect("a frame header");
    assert_eq!(flags, 0, "a data frame, not compressed");
    let length = u32::from_be_bytes([a, b, c, d]) as usize;
    assert_eq!(length, message.len(), "one frame, and nothing behind it");
    fields(message)
        .map(|(number, field)| {
            assert_eq!(number, 1, "PushRequest.metrics");
            metric(field.bytes())
        })
        .collect()
}

fn metric(message: &[u8]) -> Metric {
    let mut metric = Metric {
        series: Series {
            name: String::new(),
            kind: 0,
            labels: BTreeMap::new(),
        },
        help: None,
        value: 0.0,
    };
    for (number, field) in fields(message) {
        match number {
            1 => metric.series.name = field.text(),
            2 => metric.help = Some(field.text()),
            3 => metric.series.kind = field.varint(),
            4 => {
                let (name, value) = label(field.bytes());
                let before = metric.series.labels.insert(name, value);
                assert_eq!(before, None, "a label twice");
            }
            5 => metric.value = field.double(),
            other => panic!("field {other} of Metric"),
        }
    }
    metric
}

fn label(entry: &[u8]) -> (String, String) {
    let (mut name, mut value) = (String::new(), String::new());
    for (number, field) in fields(entry) {
        match number {
            1 => name = field.text(),
            2 => value = field.text(),
            other => panic!("field {other} of a map entry"),
        }
    }
    (name, value)
}

enum Field<'a> {
    Varint(u64),
    Fixed64([u8; 8]),
    Bytes(&'a [u8]),
}

impl Field<'_> {
    fn varint(&self) -> u64 {
        let Self::Varint(value) = self else {
            panic!("expected a varint")
        };
        *value
    }

    fn double(&self) -> f64 {
        let Self::Fixed64(bytes) = self else {
            panic!("expected a double")
        };
        f64::from_le_bytes(*bytes)
    }

    fn bytes(&self) -> &[u8] {
        let Self::Bytes(bytes) = self else {
            panic!("expected bytes")
        };
        bytes
    }

    fn text(&self) -> String {
        String::from_utf8(self.bytes().to_vec()).expect("a string is UTF-8")
    }
}

fn fields(mut rest: &[u8]) -> impl Iterator<Item = (u64, Field<'_>)> {
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let key = varint(&mut rest);
        let field = match key & 7 {
            0 => Field::Varint(varint(&mut rest)),
            1 => {
                let (bytes, behind) = rest.split_first_chunk::<8>().expect("eight bytes");
                rest = behind;
                Field::Fixed64(*bytes)
            }
            2 => {
                let length = varint(&mut rest) as usize;
                let (bytes, behind) = rest.split_at(length);
                rest = behind;
                Field::Bytes(bytes)
            }
            other => panic!("wire type {other}"),
        };
        Some((key >> 3, field))
    })
}

fn varint(rest: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, behind) = rest.split_first().expect("a varint ends");
        *rest = behind;
        value |= u64::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            return value;
        }
    }
    panic!("a varint of more than ten bytes")
}
