//! `/metrics` and the page's estimates, read by independent programs.
//!
//! `promtool` is part of Prometheus (Debian's package `prometheus`). If it is missing, its tests
//! report that and pass. The parser crate is always available.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests"
)]

mod common;

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use common::proto::Metric;
use common::{Gateway, counter, histogram};
use prometheus_parse::{Scrape, Value};

/// Runs promtool on `input`; `None` if promtool is missing.
fn promtool(arguments: &[&str], input: &str) -> Option<Output> {
    let child = Command::new("promtool")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        eprintln!("skipped: promtool is not on the PATH");
        return None;
    };
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    Some(child.wait_with_output().unwrap())
}

fn helped(mut metric: Metric, help: &str) -> Metric {
    metric.help = Some(help.to_owned());
    metric
}

#[tokio::test]
async fn promtool_reads_whatever_labels_and_help_hold() {
    let gateway = Gateway::start(&["--buckets", "0.005,1,1e21"]);
    let values = [
        "",
        " ",
        "\"",
        "\\",
        "\n",
        "\\n",
        "\r\n",
        "{}",
        "a=\"b\",c=\"d\"} 1",
        "<script>",
        "#",
        "é",
        "\u{0}",
        "\u{1F980}",
    ];
    let mut metrics = Vec::new();
    for value in values {
        metrics.push(helped(
            counter("c_total", 0.1, &[("v", value)]),
            "back\\slash \" and\nline",
        ));
        metrics.push(helped(
            histogram("wait_seconds", -0.25, &[("v", value)]),
            "h",
        ));
    }
    metrics.push(helped(
        counter("c_total", 1e300, &[("overflow", "true")]),
        "x",
    ));
    let expected = metrics.len() as u64;
    assert_eq!(gateway.push(metrics, &[]).await.counts(), (expected, 0));

    let text = gateway.metrics().await;
    let Some(output) = promtool(&["check", "metrics"], &text) else {
        return;
    };
    let complaints = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{complaints}\n{text}");
    assert_eq!(complaints, "");
}

#[tokio::test]
async fn an_independent_parser_finds_what_was_pushed() {
    let gateway = Gateway::start(&["--buckets", "10,100"]);
    let metrics = vec![
        counter("requests_total", 1.5, &[("route", "/a"), ("code", "200")]),
        histogram("latency_ms", 50.0, &[("route", "/a")]),
        histogram("latency_ms", 5.0, &[("route", "/a")]),
    ];
    gateway.push(metrics, &[]).await;
    let text = gateway.metrics().await;
    let scrape = Scrape::parse(text.lines().map(|line| Ok(line.to_owned()))).unwrap();

    let find = |name: &str| {
        scrape
            .samples
            .iter()
            .find(|sample| sample.metric == name)
            .unwrap_or_else(|| panic!("{name}"))
    };
    let requests = find("pushed_requests_total");
    assert_eq!(requests.value, Value::Counter(1.5));
    assert_eq!(
        (requests.labels.get("route"), requests.labels.get("code")),
        (Some("/a"), Some("200"))
    );
    let Value::Histogram(buckets) = &find("pushed_latency_ms").value else {
        panic!("not a histogram");
    };
    let buckets: Vec<_> = buckets
        .iter()
        .map(|bucket| (bucket.less_than, bucket.count))
        .collect();
    assert_eq!(buckets, [(10.0, 1.0), (100.0, 2.0), (f64::INFINITY, 2.0)]);
    assert_eq!(find("pushed_latency_ms_sum").value, Value::Untyped(55.0));
}

#[tokio::test]
async fn the_pages_estimates_are_those_of_histogram_quantile() {
    let gateway = Gateway::start(&["--buckets", "-2,0,1,2,4,8,16"]);
    // Powers of two keep the arithmetic exact, because promtool compares exactly.
    let series: [(&str, &[f64]); 5] = [
        ("spread", &[0.5, 0.5, 1.5, 1.5, 3.0, 3.0, 3.0, 5.0]),
        ("one", &[3.0]),
        ("above", &[100.0, 200.0]),
        ("below", &[-5.0, -3.0, -1.0, 12.0]),
        ("gap", &[0.5, 12.0, 12.0, 12.0]),
    ];
    for (name, values) in series {
        let metrics = values
            .iter()
            .map(|value| histogram("h", *value, &[("s", name)]))
            .collect();
        gateway.push(metrics, &[]).await;
    }
    let text = gateway.metrics().await;
    let state: serde_json::Value =
        serde_json::from_slice(&gateway.get("/api/state").await.body).unwrap();

    // promtool evaluates PromQL over the lines of the scrape.
    let mut rules = "tests:\n- interval: 1m\n  input_series:\n".to_owned();
    for line in text
        .lines()
        .filter(|line| line.starts_with("pushed_h_bucket"))
    {
        let (name, value) = line.rsplit_once(' ').unwrap();
        rules += &format!("  - series: '{name}'\n    values: '{value}'\n");
    }
    rules += "  promql_expr_test:\n";
    for (place, q) in ["0.5", "0.9", "0.99"].iter().enumerate() {
        rules += &format!(
            "  - expr: histogram_quantile({q}, pushed_h_bucket)\n    eval_time: 0m\n    exp_samples:\n"
        );
        for series in state["series"].as_array().unwrap() {
            let name = series["labels"]["s"].as_str().unwrap();
            let estimate = &series["histogram"]["quantiles"][place];
            rules += &format!("    - labels: '{{s=\"{name}\"}}'\n      value: {estimate}\n");
        }
    }
    let file = std::env::temp_dir().join(format!("quantiles-{}.yml", std::process::id()));
    std::fs::write(&file, &rules).unwrap();
    let output = promtool(&["test", "rules", file.to_str().unwrap()], "");
    std::fs::remove_file(&file).unwrap();
    let Some(output) = output else {
        return;
    };
    assert!(output.status.success(), "{output:?}\n{rules}");
}

/// Prometheus's client library for Python has the strictest OpenMetrics parser.
const OPEN_METRICS_READER: &str = r#"
import sys
try:
    from prometheus_client.openmetrics.parser import text_string_to_metric_families
except ImportError:
    sys.exit(77)
for family in text_string_to_metric_families(sys.stdin.read()):
    for sample in family.samples:
        print(family.type, sample.name, sorted(sample.labels.items()), float(sample.value))
"#;

#[tokio::test]
async fn an_independent_reader_of_open_metrics_finds_what_was_pushed() {
    let flags = [
        "--buckets",
        "_seconds=0.005,1,2.5",
        "--buckets",
        "_bytes=0.00001,1024,1048576,1e21",
    ];
    let gateway = Gateway::start(&flags);
    let odd = "\\ \" \n \0 {a=\"b\"} # é";
    let metrics = vec![
        helped(
            counter("c_total", 0.1, &[("v", odd)]),
            "back\\slash \" and\nline",
        ),
        counter("c_total", 1e300, &[("v", "")]),
        counter("plain", 2.0, &[]),
        histogram("wait_seconds", 0.9, &[("v", odd)]),
        histogram("body_bytes", 2000.0, &[]),
    ];
    gateway.push(metrics, &[]).await;
    let request = http::Request::get("/metrics")
        .header("host", "x")
        .header("accept", "application/openmetrics-text");
    let text = gateway
        .send(request.body(http_body_util::Full::default()).unwrap())
        .await
        .text();

    let child = Command::new("python3")
        .args(["-c", OPEN_METRICS_READER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        eprintln!("skipped: python3 is not on the PATH");
        return;
    };
    let _ = child.stdin.take().unwrap().write_all(text.as_bytes());
    let output = child.wait_with_output().unwrap();
    if output.status.code() == Some(77) {
        eprintln!("skipped: python3 has no prometheus_client");
        return;
    }
    assert!(output.status.success(), "{output:?}\n{text}");
    let found = String::from_utf8(output.stdout).unwrap();
    for line in [
        "counter pushed_c_total [] 1e+300",
        r#"counter pushed_c_total [('v', '\\ " \n \x00 {a="b"} # é')] 0.1"#,
        "unknown pushed_plain [] 2.0",
        r#"histogram pushed_wait_seconds_count [('v', '\\ " \n \x00 {a="b"} # é')] 1.0"#,
        "histogram pushed_body_bytes_bucket [('le', '1.048576e+06')] 1.0",
        "histogram pushed_body_bytes_bucket [('le', '1024.0')] 0.0",
    ] {
        assert!(found.lines().any(|found| found == line), "{line}\n{found}");
    }
}
