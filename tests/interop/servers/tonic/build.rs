//! Compiles the proto with protox, so protoc is not needed.

use std::error::Error;

const INCLUDE: &str = "../../../../proto";
const PROTO: &str = "../../../../proto/marqo/metrics/v1/metrics.proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={PROTO}");
    let descriptors = protox::compile([PROTO], [INCLUDE])?;
    tonic_prost_build::configure()
        .build_client(false)
        .build_transport(false)
        // BTreeMap: labels are in the order that the tests expect.
        .btree_map(".")
        .compile_fds(descriptors)?;
    Ok(())
}
