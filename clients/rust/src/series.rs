//! What tells one series from another: the name and the labels.

/// What a metric is, as the wire numbers it.
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

/// A metric's name with its labels, which are sorted by name and have each name once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Series {
    pub(crate) name: Box<str>,
    pub(crate) labels: LabelPairs,
}

/// Label names and values, sorted by name.
pub(crate) type LabelPairs = Vec<(Box<str>, Box<str>)>;
