//! Compiles the proto with protox, so protoc is not needed.

use std::error::Error;

const INCLUDE: &str = "../../../../proto";
const PROTO: &str = "../../../../proto/marqo/metrics/v1/metrics.proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={PROTO}");
    let descriptors = protox::compile([PROTO], [INCLUDE])?;
    tonic_prost_build::configure()
        .build_server(false)
        .build_transport(false)
        .compile_fds(descriptors)?;
    Ok(())
}
