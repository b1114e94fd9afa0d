//! The identity of a series: its name and labels.

/// A metric's type, with its number on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Counter = 1,
    Histogram = 3,
}

impl Kind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Histogram => "histogram",
        }
    }
}

/// A metric's name and labels. The labels are sorted by name, and each name appears once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Series {
    pub(crate) name: Box<str>,
    pub(crate) labels: LabelPairs,
}

/// Label names and values, sorted by name.
pub(crate) type LabelPairs = Vec<(Box<str>, Box<str>)>;
