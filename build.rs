//! Compiles the proto with protox, which needs no protoc, and sets the version.

use std::error::Error;

const PROTO: &str = "proto/marqo/metrics/v1/metrics.proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={PROTO}");
    let descriptors = protox::compile([PROTO], ["proto"])?;
    // BTreeMap: the order of labels on the wire must be the same in every run.
    prost_build::Config::new()
        .btree_map(["."])
        .compile_fds(descriptors)?;

    // scripts/build.mjs reads the revision from git. A build without it has only the version.
    println!("cargo::rerun-if-env-changed=METRICS_REPORTER_REVISION");
    let mut version = std::env::var("CARGO_PKG_VERSION")?;
    if let Ok(revision) = std::env::var("METRICS_REPORTER_REVISION")
        && !revision.is_empty()
    {
        version = format!("{version}+{revision}");
    }
    println!("cargo::rustc-env=METRICS_REPORTER_VERSION={version}");
    Ok(())
}
