//! Flags, their errors, and an occupied port.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::process::{Command, Output};

use common::{Gateway, counter, histogram};

fn run(flags: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_metrics-gateway"))
        .args(flags)
        .output()
        .unwrap()
}

#[test]
fn a_bad_flag_ends_with_code_2_and_says_what_was_expected() {
    for (flags, expected) in [
        (
            &["--listen", "8080"][..],
            "invalid value '8080' for '--listen <ADDR:PORT>': expected an IP address and a port, such as 127.0.0.1:8080 or [::1]:8080",
        ),
        (
            &["--listen", "localhost:8080"],
            "invalid value 'localhost:8080' for '--listen <ADDR:PORT>': expected an IP address and a port, such as 127.0.0.1:8080 or [::1]:8080",
        ),
        (
            &["--prefix", "pushed-"],
            "invalid value 'pushed-' for '--prefix <PREFIX>': expected the start of a metric name, [a-zA-Z_:][a-zA-Z0-9_:]*",
        ),
        (
            &["--prefix", "metrics_gateway_x_"],
            "invalid value 'metrics_gateway_x_' for '--prefix <PREFIX>': expected a prefix other than metrics_gateway_*, which is the gateway's own",
        ),
        (
            &["--buckets", "5,1"],
            "invalid value '5,1' for '--buckets <BOUNDS>': expected increasing bounds, found 1 after 5",
        ),
        (
            &["--buckets", "1,+Inf"],
            "invalid value '1,+Inf' for '--buckets <BOUNDS>': expected finite bounds, found inf; the bucket up to +Inf is always there",
        ),
        (
            &["--buckets", "a-b=1"],
            "invalid value 'a-b=1' for '--buckets <BOUNDS>': expected a metric's name, or the end of one such as _seconds, before =, found \"a-b\"",
        ),
        (
            &["--series-ttl", "10ms"],
            "invalid value '10ms' for '--series-ttl <DURATION>': expected at least 1s",
        ),
        (
            &["--max-series", "-1"],
            "invalid value '-1' for '--max-series <N>': expected a whole number from 1 to 1000000000",
        ),
        (
            &["--max-series", "many"],
            "invalid value 'many' for '--max-series <N>': expected a whole number from 1 to 1000000000",
        ),
        // It would refuse every metric.
        (
            &["--max-series", "0"],
            "invalid value '0' for '--max-series <N>': expected a whole number from 1 to 1000000000",
        ),
        (
            &["--dedupe-entries", ""],
            "invalid value '' for '--dedupe-entries <N>': expected a whole number from 0 to 1000000000",
        ),
        (
            &["--max-message-bytes", "0"],
            "invalid value '0' for '--max-message-bytes <BYTES>': expected a whole number from 1 to 67108864",
        ),
        (
            &["--shutdown-timeout", "3601"],
            "invalid value '3601' for '--shutdown-timeout <SECONDS>': expected a whole number from 0 to 3600",
        ),
        (
            &["--drain-seconds", "45s"],
            "invalid value '45s' for '--drain-seconds <SECONDS>': expected a whole number from 0 to 3600",
        ),
        (&["--port", "1"], "unexpected argument '--port' found"),
        (&["now"], "unrecognized subcommand 'now'"),
        (
            &["--drain-seconds", "-1"],
            "invalid value '-1' for '--drain-seconds <SECONDS>': expected a whole number from 0 to 3600",
        ),
        (
            &["--admin-listen", "9090"],
            "invalid value '9090' for '--admin-listen <ADDR:PORT>': expected an IP address and a port, such as 127.0.0.1:8080 or [::1]:8080",
        ),
        (
            &["get"],
            "the following required arguments were not provided:",
        ),
    ] {
        let output = run(flags);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{flags:?}: {error}");
        let first = error.lines().next().unwrap();
        assert_eq!(first, format!("error: {expected}"), "{flags:?}");
        assert!(output.stdout.is_empty(), "{flags:?}");
    }
}

#[test]
fn help_names_every_flag_with_its_default() {
    let output = run(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    let help = String::from_utf8(output.stdout).unwrap();
    for words in [
        "--listen <ADDR:PORT>",
        "[default: 127.0.0.1:8080]",
        "--prefix <PREFIX>",
        "[default: pushed_]",
        "--buckets <BOUNDS>",
        "[default: 1,2.5,5,10,25,50,100,250,500,1000,2500,5000,10000,30000]",
        "--max-series <N>",
        "--series-ttl <DURATION>",
        "--pod <NAME>",
        "--dedupe-entries <N>",
        "--max-message-bytes <BYTES>",
        "--drain-seconds <SECONDS>",
        "[env: METRICS_GATEWAY_DRAIN_SECONDS]",
        "--shutdown-timeout <SECONDS>",
        "Everything is in memory",
    ] {
        assert!(help.contains(words), "{words} is not in\n{help}");
    }
}

#[test]
fn a_port_that_is_taken_is_an_error_that_names_the_flag() {
    let gateway = Gateway::start(&[]);
    let output = run(&["--listen", &gateway.address]);
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.starts_with(&format!(
            "error: cannot listen on {}: Address already in use",
            gateway.address
        )),
        "{error}"
    );
    assert!(
        error.ends_with("; choose another with --listen ADDR:PORT\n"),
        "{error}"
    );
    assert!(output.stdout.is_empty());
}

#[tokio::test]
async fn prefix_buckets_and_max_series_do_what_they_say() {
    let gateway = Gateway::start(&["--prefix", "", "--buckets", "0.5, 2", "--max-series", "2"]);
    let answer = gateway
        .push(
            vec![
                histogram("seconds", 1.0, &[]),
                counter("x", 1.0, &[]),
                counter("y", 1.0, &[]),
                counter("metrics_gateway_series", 1.0, &[]),
            ],
            &[],
        )
        .await;
    assert_eq!(answer.counts(), (2, 2));
    assert_eq!(
        gateway.lines("seconds").await,
        [
            "seconds_bucket{le=\"0.5\"} 0",
            "seconds_bucket{le=\"2\"} 1",
            "seconds_bucket{le=\"+Inf\"} 1",
            "seconds_sum 1",
            "seconds_count 1",
        ]
    );
    assert_eq!(gateway.lines("x ").await, ["x 1"]);
    assert_eq!(gateway.lines("y ").await, [""; 0]);
    for (name, value) in [("series", 2), ("series_limit", 2)] {
        let line = format!("metrics_gateway_{name} {value}");
        assert_eq!(
            gateway.lines(&format!("metrics_gateway_{name} ")).await,
            [line]
        );
    }
}
