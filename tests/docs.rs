//! The tables in `docs/` are generated from the code, so they agree with it.
//!
//! `UPDATE_DOCS=1 cargo test --test docs` regenerates them.

#![cfg(not(target_family = "wasm"))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failing test may panic"
)]

use std::fmt::Write as _;
use std::fs;
use std::sync::Mutex;

use grpc_web_unary::Code;
use metrics_gateway_worker::config::{Config, VARS};
use metrics_gateway_worker::delivery::policy::{
    CANCELLED, NO_BINDING, NO_TIME, REFUSED_STATUSES, RESET, UNSENT_ERRORS,
};
use metrics_gateway_worker::sample::Reason;

/// Compares, or replaces, the text between `<!-- name -->` and `<!-- /name -->` in a file.
fn check_section(path: &str, name: &str, expected: &str) {
    // The tests run in parallel, and two of them write one file.
    static WRITING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = WRITING.lock();
    let path = format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(&path).unwrap();
    let (start, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let (before, rest) = text
        .split_once(&start)
        .unwrap_or_else(|| panic!("{path} has no {start}"));
    let (section, after) = rest
        .split_once(&end)
        .unwrap_or_else(|| panic!("{path} has no {end}"));
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, format!("{before}{start}{expected}{end}{after}")).unwrap();
    } else {
        assert_eq!(
            section, expected,
            "{path}: run UPDATE_DOCS=1 cargo test --test docs"
        );
    }
}

#[test]
fn the_delivery_page_lists_the_statuses_that_mean_not_applied() {
    let mut table = String::from(
        "| status | code | why it proves that nothing was applied |\n| --- | --- | --- |\n",
    );
    for (code, why) in REFUSED_STATUSES {
        writeln!(table, "| `{}` | {} | {why} |", code.name(), code as u8).unwrap();
    }
    check_section("docs/delivery.md", "refused-statuses", &table);
}

#[test]
fn the_delivery_page_lists_the_errors_that_come_before_the_request_is_sent() {
    let mut table = String::from("| code | tried again |\n| --- | --- |\n");
    for (error, helps) in UNSENT_ERRORS {
        let helps = if helps {
            "yes"
        } else {
            "no: a retry gives the same error"
        };
        writeln!(table, "| `{}` | {helps} |", error.as_str()).unwrap();
    }
    check_section("docs/delivery.md", "unsent-errors", &table);
}

#[test]
fn the_troubleshooting_page_has_a_row_for_every_reason_of_refusal() {
    let text = fs::read_to_string(format!(
        "{}/docs/troubleshooting.md",
        env!("CARGO_MANIFEST_DIR")
    ));
    let text = text.unwrap();
    for reason in Reason::ALL {
        let row = format!("| `{}` |", reason.as_str());
        assert!(
            text.contains(&row),
            "docs/troubleshooting.md has no row for {}",
            reason.as_str()
        );
    }
}

#[test]
fn the_troubleshooting_page_names_every_reason_for_a_push_that_was_not_delivered() {
    let path = format!("{}/docs/troubleshooting.md", env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(path).unwrap();
    let section = |title: &str| {
        let (_, rest) = text.split_once(&format!("\n## {title}")).unwrap();
        rest.split("\n## ").next().unwrap_or_default().to_owned()
    };
    let (dropped, unknown) = (section("Dropped"), section("Unknown"));
    let statuses = (1..=16).map(|code| Code::from_u8(code).unwrap());
    let is_refused = |code: &Code| REFUSED_STATUSES.iter().any(|(refused, _)| refused == code);
    let (refused, open): (Vec<_>, Vec<_>) = statuses.partition(is_refused);
    let unsent = UNSENT_ERRORS.map(|(error, _)| error.as_str());
    let named = |section: &str, reason: &str| {
        let known = section.contains(&format!("`{reason}`"));
        assert!(known, "docs/troubleshooting.md does not name {reason}");
    };
    for reason in refused.iter().map(|code| code.name()).chain(unsent) {
        named(&dropped, reason);
    }
    for reason in [NO_BINDING, NO_TIME] {
        named(&dropped, reason);
    }
    for reason in open.iter().map(|code| code.name()) {
        named(&unknown, reason);
    }
    for reason in [CANCELLED, RESET] {
        named(&unknown, reason);
    }
}

#[test]
fn the_reference_page_has_every_var_with_its_default() {
    let path = format!("{}/docs/reference.md", env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(path).unwrap();
    let config = Config::default();
    let serde_json::Value::Object(settings) = serde_json::to_value(config).unwrap() else {
        panic!("the vars are an object")
    };
    assert_eq!(settings.len(), VARS.len());
    for name in VARS {
        let value = match &settings[name] {
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let row = format!("| `{name}` | `{value}` |");
        assert!(
            page.contains(&row),
            "docs/reference.md has no row that starts with {row}"
        );
    }
}
