//! Arguments of `incr` and `observe`, as the codec writes them.

use metrics_gateway_worker::args::Draft;
use metrics_gateway_worker::labels::TrustedLabels;
use metrics_gateway_worker::refusal::Refusal;
use metrics_gateway_worker::sample::Kind;
use metrics_gateway_worker::value::{Reader, encode};

/// One call of `incr` or `observe`.
#[derive(Debug)]
pub(crate) struct Call {
    kind: Kind,
    pub(crate) bytes: Vec<u8>,
}

impl Call {
    /// `incr(name, labels)`, or `observe(name, 12.5, labels)`.
    pub(crate) fn new(kind: Kind, name: &str, labels: &[(String, String)]) -> Self {
        let mut bytes = Vec::new();
        encode::text(&mut bytes, name);
        if kind == Kind::Histogram {
            encode::number(&mut bytes, 12.5);
        }
        put_labels(&mut bytes, labels);
        Self { kind, bytes }
    }

    pub(crate) fn draft(&self) -> Result<Draft<'_>, Refusal<'_>> {
        Draft::from_arguments(self.kind, Reader::new(&self.bytes))
    }
}

/// One call for each of `count` series, in no order that a cache could foresee.
///
/// No metric has more than 1,000 series, and there are at most 10,000 of them: the default limits
/// let them all in.
pub(crate) fn calls(kind: Kind, count: usize) -> Vec<Call> {
    calls_with(kind, count, |route, status| [route, status])
}

/// The same series in the same order, written in another way.
pub(crate) fn calls_respelled(kind: Kind, count: usize) -> Vec<Call> {
    calls_with(kind, count, |route, status| [status, route])
}

fn calls_with(
    kind: Kind,
    count: usize,
    labels: impl Fn((String, String), (String, String)) -> [(String, String); 2],
) -> Vec<Call> {
    // A prime that divides none of the counts: each series comes once.
    const STEP: usize = 7_919;
    let call = |place: usize| {
        let series = place * STEP % count;
        let route = ("route".to_owned(), format!("/products/{}", series % 1_000));
        let status = ("status".to_owned(), "200".to_owned());
        let name = format!("requests_{}", series / 1_000);
        Call::new(kind, &name, &labels(route, status))
    };
    (0..count).map(call).collect()
}

/// `count` labels, sorted by name.
pub(crate) fn labels(count: usize) -> Vec<(String, String)> {
    (0..count)
        .map(|i| (format!("label_{i:02}"), format!("value-of-{i:02}")))
        .collect()
}

/// What a caller's binding would vouch for with these labels.
pub(crate) fn trusted(labels: &[(String, String)]) -> TrustedLabels {
    let mut bytes = Vec::new();
    put_labels(&mut bytes, labels);
    let value = Reader::new(&bytes).value().expect("an object");
    let (trusted, slip) = TrustedLabels::new(value);
    assert_eq!(slip, None);
    trusted
}

pub(crate) fn put_labels(bytes: &mut Vec<u8>, labels: &[(String, String)]) {
    let pairs: Vec<_> = labels.iter().map(|(n, v)| (&**n, &**v)).collect();
    encode::labels(bytes, &pairs);
}
