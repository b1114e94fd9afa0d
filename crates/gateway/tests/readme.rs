//! The statements of README.md agree with the program.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

mod common;

use std::process::Command;

use common::Gateway;

const README: &str = include_str!("../README.md");

#[test]
fn every_flag_stands_in_the_table_with_its_default() {
    let output = Command::new(env!("CARGO_BIN_EXE_metrics-gateway"))
        .arg("--help")
        .output()
        .unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let mut flags = 0;
    // A flag, and its text on the next lines.
    for flag in help.split("\n      --").skip(1) {
        let (usage, text) = flag.split_once(' ').unwrap();
        let (value, text) = text.split_once('\n').unwrap();
        let usage = format!("--{usage} {}", value.replace(['<', '>'], ""));
        let Some((_, default)) = text.split_once("[default: ") else {
            panic!("{usage} has no default");
        };
        let (default, _) = default.split_once(']').unwrap();
        let row = format!("| `{usage}` | `{default}` |");
        assert!(README.contains(&row), "{row} is not in the table");
        flags += 1;
    }
    assert_eq!(flags, 11);
}

#[test]
fn every_reason_stands_in_the_table() {
    for reason in metrics_gateway::Reason::ALL {
        assert!(README.contains(&format!("\n| `{reason}` | ")), "{reason}");
    }
}

#[tokio::test]
async fn the_command_for_a_first_metric_works() {
    let gateway = Gateway::start(&[]);
    let start = README.find("printf").unwrap();
    let command = README[start..].split("\n```").next().unwrap();
    let output = Command::new("sh")
        .args(["-c", &command.replace("127.0.0.1:8080", &gateway.address)])
        .output()
        .unwrap();
    if output.status.code() == Some(127) {
        eprintln!("skipped: curl is not on the PATH");
        return;
    }
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "200\n");
    assert_eq!(gateway.lines("pushed_").await, ["pushed_hello_total 1"]);
}
