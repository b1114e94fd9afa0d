//! The gateway's own metrics. They have no prefix, so they cannot be mistaken for pushed ones.

use crate::code::code_name;
use crate::gateway::Gateway;

use super::write::{Header, Writer};

pub(super) fn write_own(gateway: &Gateway, out: &mut Writer) {
    let ledger = &gateway.ledger;
    let pushes = ledger
        .pushes
        .iter()
        .map(|(code, count)| (Some(("code", code_name(*code))), *count));
    let rejected = ledger
        .rejected
        .iter()
        .map(|(reason, count)| (Some(("reason", reason.as_str())), *count));
    let one = |count: u64| std::iter::once((None, count));
    let held = |count: usize| one(u64::try_from(count).unwrap_or(u64::MAX));
    write(
        out,
        "metrics_gateway_pushes_total",
        "Pushes answered, by gRPC status code.",
        pushes,
    );
    write(
        out,
        "metrics_gateway_metrics_accepted_total",
        "Metrics of pushes that were applied.",
        one(ledger.accepted),
    );
    write(
        out,
        "metrics_gateway_metrics_rejected_total",
        "Metrics of pushes that were refused, by reason.",
        rejected,
    );
    write(
        out,
        "metrics_gateway_dedupe_hits_total",
        "Pushes that repeated an x-push-id and were answered from memory.",
        one(ledger.dedupe_hits),
    );
    write(
        out,
        "metrics_gateway_series_expired_total",
        "Label sets forgotten because nothing was added to them for so long.",
        one(ledger.expired),
    );
    write(
        out,
        "metrics_gateway_series",
        "Label sets held; a histogram's counts once.",
        held(gateway.registry.series()),
    );
    write(
        out,
        "metrics_gateway_series_limit",
        "Label sets that can be held.",
        held(gateway.registry.max_series()),
    );
}

type Label = Option<(&'static str, &'static str)>;

fn write(
    out: &mut Writer,
    name: &'static str,
    help: &'static str,
    series: impl Iterator<Item = (Label, u64)>,
) {
    let kind = if name.ends_with("_total") {
        "counter"
    } else {
        "gauge"
    };
    let header = Header::new(out.format, Header { name, help, kind }, |_| false);
    out.header(header);
    for (label, count) in series {
        out.labels(label.into_iter());
        out.sample(name, "", count);
    }
}
