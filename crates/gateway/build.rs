//! Compiles the proto with protox, which needs no protoc.

use std::env;
use std::error::Error;
use std::fs;
use std::path::PathBuf;

const PROTO: &str = "../../proto/marqo/metrics/v1/metrics.proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={PROTO}");
    let descriptors = protox::compile([PROTO], ["../../proto"])?;
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo did not set OUT_DIR")?);

    let messages = [
        ("PushRequest", "crate::codec::EncodedPush"),
        ("PushResponse", "crate::proto::PushResponse"),
        ("Metric", "crate::proto::Metric"),
        ("MetricType", "crate::proto::MetricType"),
    ];
    // The service keeps a push encoded, with its own codec. The client is for the tests and uses
    // tonic's codec, so that the two cannot share a mistake.
    for (part, codec) in [
        ("messages", ""),
        ("server", "crate::codec::PushCodec"),
        ("client", "tonic_prost::ProstCodec"),
    ] {
        let dir = out.join(part);
        fs::create_dir_all(&dir)?;
        let mut config = tonic_prost_build::configure()
            .out_dir(dir)
            .build_server(part == "server")
            .build_client(part == "client")
            .build_transport(false)
            // BTreeMap: labels have one order, whatever the sender's order.
            .btree_map(".")
            .codec_path(codec);
        if part == "server" {
            for (name, path) in messages {
                config = config.extern_path(format!(".marqo.metrics.v1.{name}"), path);
            }
        }
        config.compile_fds(descriptors.clone())?;
    }
    Ok(())
}
