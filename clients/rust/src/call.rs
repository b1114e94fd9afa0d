//! One call to the reporter, and the outcome for its samples.

use std::collections::HashMap;

use crate::ledger::Settlement;
use crate::number::whole;
use crate::platform::{Answer, Platform};
use crate::row::{Call, Row};
use crate::rules;
use crate::series::Kind;
use crate::signal::first_of;
use crate::warn::{clip, clip_error, warn};

/// Sends one call and returns the outcome for its samples. Logs a warning on failure.
pub(crate) async fn call_reporter(
    platform: &dyn Platform,
    call: &Call,
    timeout_ms: u32,
) -> Settlement {
    let answering = platform.record(&call.rows);
    match first_of(answering, platform.sleep(timeout_ms)).await {
        Some(Answer::Answered(taken)) => answered(call, taken),
        Some(Answer::Nonsense) => {
            let why = format!("expected a number from 0 to {} as its answer", call.samples);
            unknown(call, &why)
        }
        Some(Answer::NotSent(why)) => {
            let hint = never_called(&why).unwrap_or_default();
            dropped(call, &why, hint)
        }
        Some(Answer::Failed(why)) => failed(call, &why),
        None => unknown(call, &format!("no answer within {timeout_ms} ms")),
    }
}

/// Older versions report it for a call that arrived.
const OLD_WRANGLER: &str = " (in local development a wrangler older than 4.156 may say so at the \
    first call, although it arrived: update wrangler)";

fn answered(call: &Call, taken: f64) -> Settlement {
    let Some(taken) = whole(taken).filter(|&taken| taken <= call.samples) else {
        let why = format!("expected a number from 0 to {}, got {taken}", call.samples);
        return unknown(call, &why);
    };
    let refused = call.samples.saturating_sub(taken);
    if refused > 0 {
        let found = refusals(call);
        warn_refused(&found);
        if found.is_empty() {
            warn(
                "refused",
                "",
                &format!(
                    "the reporter took {taken} of {} samples, among them {}: its log says why",
                    call.samples,
                    some_names(call),
                ),
            );
        }
    }
    Settlement {
        taken,
        refused,
        ..Settlement::default()
    }
}

/// Handles an error after the call was made.
fn failed(call: &Call, why: &str) -> Settlement {
    if let Some(hint) = never_called(why) {
        return dropped(call, why, hint);
    }
    // With REJECT_INVALID the reporter takes the valid samples, and throws an error that describes
    // the first invalid one.
    if let Some(message) = why.strip_prefix("TypeError: ") {
        let mut found = refusals(call);
        if found.is_empty() {
            found = named_in(call, message);
        }
        warn_refused(&found);
        let refused: usize = found.iter().map(|refused| refused.samples).sum();
        if refused > 0 {
            return Settlement {
                taken: call.samples.saturating_sub(refused),
                refused,
                ..Settlement::default()
            };
        }
    }
    unknown(call, why)
}

/// Returns advice for an error which proves that no reporter was called, and `None` for any other
/// error.
fn never_called(why: &str) -> Option<&'static str> {
    const OTHER_ENTRYPOINT: [&str; 3] = [
        "does not implement the method",
        "does not export an entrypoint named",
        "has no such entrypoint",
    ];
    if OTHER_ENTRYPOINT.iter().any(|text| why.contains(text)) {
        return Some("; the binding needs entrypoint = \"MetricsReporter\"");
    }
    // The runtime has RPC since this date, or with the compatibility flag `rpc`.
    if why.contains(".record is not a function") {
        return Some(
            "; the binding needs entrypoint = \"MetricsReporter\" and a compatibility_date from \
             2024-04-03 on",
        );
    }
    if why.to_ascii_lowercase().contains("too many subrequests") {
        return Some("; the sending request had none left");
    }
    // `wrangler dev` found no Worker of that name on this machine.
    (why.starts_with("Error: Worker \"") && why.contains("\" not found")).then_some(
        "; run `make dev` in the reporter's repository, which prints how this Worker finds it",
    )
}

fn dropped(call: &Call, why: &str, hint: &str) -> Settlement {
    warn_failed(call, "dropped", why.trim_end_matches('.'), hint);
    Settlement {
        dropped: call.samples,
        ..Settlement::default()
    }
}

fn unknown(call: &Call, why: &str) -> Settlement {
    let hint = if why.contains("Network connection lost") {
        OLD_WRANGLER
    } else {
        ""
    };
    warn_failed(call, "outcome unknown", why, hint);
    Settlement {
        unknown: call.samples,
        ..Settlement::default()
    }
}

fn warn_failed(call: &Call, outcome: &str, why: &str, hint: &str) {
    let why = clip_error(why);
    let (count, names) = (call.samples, some_names(call));
    warn(
        "failed",
        why,
        &format!("calling the reporter with {count} samples ({names}), {outcome}: {why}{hint}"),
    );
}

/// The refused samples of one name.
struct Refused<'a> {
    name: &'a str,
    why: String,
    samples: usize,
}

fn warn_refused(found: &[Refused<'_>]) {
    for Refused { name, why, .. } in found {
        let name = clip(name);
        warn(
            "refused",
            name,
            &format!("the reporter refused {name:?}: {why}"),
        );
    }
}

/// Finds the samples of a call that break the reporter's rules, as far as the client knows these
/// rules.
fn refusals(call: &Call) -> Vec<Refused<'_>> {
    let mut kinds: HashMap<&str, Kind> = HashMap::new();
    let mut found = Vec::new();
    for row in &call.rows {
        let name = &*row.first.series.name;
        match rules::refusal(&row.first, kinds.get(name).copied()) {
            None => {
                kinds.entry(name).or_insert(row.first.kind);
            }
            Some(why) => found.push(Refused {
                name,
                why,
                samples: row.values().count(),
            }),
        }
    }
    found
}

/// Finds the samples of the metric that the reporter's message names.
fn named_in<'a>(call: &'a Call, message: &str) -> Vec<Refused<'a>> {
    let why = clip_error(message);
    let is_named = |row: &&Row| {
        let name = &*row.first.series.name;
        let begins = why.strip_prefix("metric \"");
        begins.is_some_and(|rest| {
            // The reporter truncates a long name.
            let (quoted, _) = rest.split_once('"').unwrap_or((rest, ""));
            match quoted.strip_suffix('…') {
                Some(beginning) => name.starts_with(beginning),
                None => name == quoted,
            }
        })
    };
    call.rows
        .iter()
        .filter(is_named)
        .map(|row| Refused {
            name: &row.first.series.name,
            why: why.to_owned(),
            samples: row.values().count(),
        })
        .collect()
}

/// Up to three names, for a warning.
fn some_names(call: &Call) -> String {
    let mut names: Vec<&str> = Vec::new();
    for row in &call.rows {
        let name = clip(&row.first.series.name);
        if names.contains(&name) {
            continue;
        }
        if names.len() == 3 {
            names.push("…");
            break;
        }
        names.push(name);
    }
    names.join(", ")
}

#[cfg(test)]
#[cfg(not(target_family = "wasm"))]
#[allow(clippy::arithmetic_side_effects, reason = "an overflow fails the test")]
mod tests {
    use std::future::ready;

    use super::*;
    use crate::batch::Batch;
    use crate::platform::BoxFuture;
    use crate::push::PushResult;
    use crate::row::Entry;
    use crate::series::Series;
    use crate::testing::{TestReporter, block_on, warnings};

    /// Answers every call in the same way.
    struct Ends(Answer<f64>);

    impl Platform for Ends {
        fn wait_until(&self, _: BoxFuture<()>) {}
        fn sleep(&self, _: u32) -> BoxFuture<()> {
            Box::pin(std::future::pending())
        }
        fn record(&self, _: &[Row]) -> BoxFuture<Answer<f64>> {
            Box::pin(ready(self.0.clone()))
        }
        fn push(&self, _: &[Row]) -> BoxFuture<Answer<PushResult>> {
            Box::pin(ready(Answer::Nonsense))
        }
    }

    /// Sends a call with `a_ms` three times and these counters. Returns its outcome and its
    /// warnings.
    fn ends(answer: Answer<f64>, counters: &[&str]) -> (Settlement, Vec<String>) {
        let _clean_log = TestReporter::new();
        let mut batch = Batch::default();
        let mut add = |name: &str, kind| {
            let series = Series {
                name: name.into(),
                labels: Vec::new(),
            };
            batch.add(&Entry::new(series, kind, 1.0, None).unwrap(), 1);
        };
        for _ in 0..3 {
            add("a_ms", Kind::Histogram);
        }
        for name in counters {
            add(name, Kind::Counter);
        }
        let call = batch.take(1).remove(0);
        let settlement = block_on(call_reporter(&Ends(answer), &call, 10_000));
        let Settlement {
            taken,
            refused,
            dropped,
            unknown,
        } = settlement;
        assert_eq!(taken + refused + dropped + unknown, call.samples);
        (settlement, warnings())
    }

    fn threw(error: &str, counters: &[&str]) -> (Settlement, Vec<String>) {
        ends(Answer::Failed(error.into()), counters)
    }

    #[test]
    fn an_answer_says_how_many_were_taken() {
        assert_eq!(ends(Answer::Answered(3.0), &[]).0.taken, 3);
        let (some, warned) = ends(Answer::Answered(1.0), &[]);
        assert_eq!((some.taken, some.refused), (1, 2));
        let words = "the reporter took 1 of 3 samples, among them a_ms: its log says why";
        assert!(warned[0].contains(words), "{warned:?}");
        assert_eq!(ends(Answer::Answered(0.0), &[]).0.refused, 3);
    }

    #[test]
    fn an_answer_that_makes_no_sense_leaves_the_outcome_unknown() {
        for nonsense in [-1.0, 4.0, 0.5, f64::NAN, f64::INFINITY] {
            let (settlement, _) = ends(Answer::Answered(nonsense), &[]);
            assert_eq!(settlement.unknown, 3, "{nonsense}");
        }
        assert_eq!(ends(Answer::Nonsense, &[]).0.unknown, 3);
    }

    #[test]
    fn only_a_call_that_was_never_made_is_known_to_be_lost() {
        let not_sent = ends(Answer::NotSent("no method record".into()), &[]);
        assert_eq!(not_sent.0.dropped, 3);
        for error in [
            "Error: Network connection lost.",
            "TypeError: Cannot read properties of undefined (reading 'x')",
            "not an error",
        ] {
            assert_eq!(threw(error, &[]).0.unknown, 3, "{error}");
        }
    }

    /// The errors are those of wrangler and of workerd. tests/dev/rust.test.mjs provokes the first
    /// two.
    #[test]
    fn a_reporter_that_was_not_found_was_not_called() {
        let make_dev =
            "; run `make dev` in the reporter's repository, which prints how this Worker finds it";
        let entrypoint = r#"; the binding needs entrypoint = "MetricsReporter""#;
        for (error, hint) in [
            (
                r#"Error: Worker "metrics-gateway-worker" not found. Make sure it is running locally."#,
                make_dev,
            ),
            (
                r#"Error: Worker does not export an entrypoint named "MetricReporter""#,
                entrypoint,
            ),
            (
                "Error: Worker has no such entrypoint: MetricReporter",
                entrypoint,
            ),
            (
                r#"TypeError: The RPC receiver does not implement the method "record"."#,
                entrypoint,
            ),
            (
                "TypeError: arg0.record is not a function",
                r#"; the binding needs entrypoint = "MetricsReporter" and a compatibility_date from 2024-04-03 on"#,
            ),
            (
                "Error: Too many subrequests by single Worker invocation.",
                "; the sending request had none left",
            ),
        ] {
            let (settlement, warned) = threw(error, &[]);
            assert_eq!(settlement.dropped, 3, "{error}");
            let error = error.trim_end_matches('.');
            let words = format!("with 3 samples (a_ms), dropped: {error}{hint}");
            assert!(warned[0].ends_with(&words), "{warned:?}");
        }
    }

    #[test]
    fn a_lost_connection_names_the_wrangler_that_has_no_false_alarm() {
        let (settlement, warned) = threw("Error: Network connection lost.", &[]);
        assert_eq!(settlement.unknown, 3);
        assert!(
            warned[0].contains("a wrangler older than 4.156"),
            "{warned:?}"
        );
    }

    #[test]
    fn a_type_error_of_the_reporter_is_a_refusal_of_the_samples_that_are_wrong() {
        let error = "TypeError: metric \"http.total\": expected [a-zA-Z_][a-zA-Z0-9_]*";
        let (settlement, warned) = threw(error, &["http.total", "good_total", "a-b"]);
        assert_eq!((settlement.taken, settlement.refused), (4, 2));
        assert_eq!(warned.len(), 2, "{warned:?}");
        let words = r#"the reporter refused "http.total": name "http.total" must match [a-zA-Z_][a-zA-Z0-9_]*; try http_total"#;
        assert!(warned[0].contains(words), "{warned:?}");
        assert!(warned[1].ends_with("; try a_b"), "{warned:?}");
    }

    #[test]
    fn a_refusal_that_only_the_reporter_understands_is_told_in_its_words() {
        let error = "TypeError: metric \"b_total\": the name is in use for a histogram";
        let (settlement, warned) = threw(error, &["b_total", "c_total"]);
        assert_eq!((settlement.taken, settlement.refused), (4, 1));
        assert!(
            warned[0].ends_with(
                r#"refused "b_total": metric "b_total": the name is in use for a histogram"#
            ),
            "{warned:?}"
        );
    }

    #[test]
    fn a_name_that_the_reporter_cuts_is_recognised() {
        let (cut, long) = ("x".repeat(80), "x".repeat(150));
        let error = format!("TypeError: metric \"{cut}…\": too long");
        assert_eq!(threw(&error, &[&long]).0.refused, 1);
    }
}
