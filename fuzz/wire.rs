//! The messages of `metrics.proto`, written out for prost, so that what reads and writes them here
//! shares nothing with what is fuzzed.

use std::collections::BTreeMap;

#[derive(Clone, PartialEq, prost::Message)]
pub struct PushRequest {
    #[prost(message, repeated, tag = "1")]
    pub metrics: Vec<Metric>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Metric {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, optional, tag = "2")]
    pub help: Option<String>,
    #[prost(int32, tag = "3")]
    pub kind: i32,
    #[prost(btree_map = "string, string", tag = "4")]
    pub labels: BTreeMap<String, String>,
    #[prost(double, tag = "5")]
    pub value: f64,
}
