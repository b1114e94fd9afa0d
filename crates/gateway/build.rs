//! Compiles the proto with protox, so that no protoc is needed.

use std::env;
use std::error::Error;
use std::fs;
use std::path::PathBuf;

const PROTO: &str = "../../proto/marqo/metrics/v1/metrics.proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={PROTO}");
    let descriptors = protox::compile([PROTO], ["../../proto"])?;
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo did not set OUT_DIR")?);

    // The server reads messages with a codec of its own, which counts before it decodes.
    // The client is for the tests and has tonic's: the two must not share a mistake.
    for (side, codec) in [
        ("server", "crate::codec::CountingCodec"),
        ("client", "tonic_prost::ProstCodec"),
    ] {
        let dir = out.join(side);
        fs::create_dir_all(&dir)?;
        tonic_prost_build::configure()
            .out_dir(dir)
            .build_server(side == "server")
            .build_client(side == "client")
            .build_transport(false)
            // BTreeMap: labels come out in one order, whatever the sender's.
            .btree_map(".")
            .codec_path(codec)
            .compile_fds(descriptors.clone())?;
    }
    Ok(())
}
