//! The gateway as a process, and a simple HTTP client that shows every byte.

#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "each test file uses its own part of this, and a test may panic"
)]

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The client generated from the proto, with tonic's own codec.
pub mod proto {
    #![allow(
        unreachable_pub,
        missing_docs,
        clippy::allow_attributes_without_reason,
        reason = "generated code"
    )]
    include!(concat!(env!("OUT_DIR"), "/client/marqo.metrics.v1.rs"));
}

use proto::{Metric, MetricType, PushRequest, PushResponse};

pub const PUSH: &str = "/marqo.metrics.v1.MetricsIngest/Push";

/// The longest wait of any test.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A running `metrics-gateway`, killed when dropped.
pub struct Gateway {
    pub child: Child,
    pub address: String,
    /// With `--admin-listen`.
    pub admin: Option<String>,
}

impl Gateway {
    pub fn start(flags: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_metrics-gateway"))
            .args(["--listen", "127.0.0.1:0"])
            .args(flags)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut address_after = |start: &str| {
            let mut line = String::new();
            stdout.read_line(&mut line).unwrap();
            line.strip_prefix(start)
                .unwrap_or_else(|| panic!("unexpected line {line:?}"))
                .trim_end()
                .to_owned()
        };
        let address = address_after("metrics-gateway listening on http://");
        let admin = flags
            .contains(&"--admin-listen")
            .then(|| address_after("metrics-gateway admin on http://"));
        Self {
            child,
            address,
            admin,
        }
    }

    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill")
            .args(["-s", name, &pid])
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// Waits for the end, and returns the log.
    pub fn wait(mut self) -> (ExitStatus, String) {
        let mut log = String::new();
        self.child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut log)
            .unwrap();
        (self.child.wait().unwrap(), log)
    }

    pub fn stop(self) -> String {
        self.signal("TERM");
        self.wait().1
    }

    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.address).await.unwrap()
    }

    /// One request over HTTP/1.1 on a new connection.
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        send_to(&self.address, request).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        get_from(&self.address, path).await
    }

    pub async fn metrics(&self) -> String {
        self.get("/metrics").await.text()
    }

    /// A gRPC-Web call over HTTP/1.1. `headers` are added to the usual ones.
    pub async fn push_frame(&self, frame: Vec<u8>, headers: &[(&str, &str)]) -> Answer {
        self.send(push_request(&self.address, frame, headers)).await
    }

    pub async fn push(&self, metrics: Vec<Metric>, headers: &[(&str, &str)]) -> Answer {
        self.push_frame(frame(metrics), headers).await
    }

    /// The lines of `/metrics` with this prefix.
    pub async fn lines(&self, start: &str) -> Vec<String> {
        let text = self.metrics().await;
        text.lines()
            .filter(|line| line.starts_with(start))
            .map(str::to_owned)
            .collect()
    }
}

pub async fn send_to(address: &str, request: Request<Full<Bytes>>) -> Answer {
    let io = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    let driver = tokio::spawn(connection);
    let answer = Answer::of(sender.send_request(request).await.unwrap()).await;
    drop(sender);
    driver.abort();
    answer
}

pub async fn get_from(address: &str, path: &str) -> Answer {
    let request = Request::get(path).header("host", address);
    send_to(address, request.body(Full::default()).unwrap()).await
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A whole response.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub async fn of(response: Response<hyper::body::Incoming>) -> Self {
        let (parts, body) = response.into_parts();
        Self {
            status: parts.status,
            headers: parts.headers,
            body: body.collect().await.unwrap().to_bytes(),
        }
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.to_vec()).unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The counts of a gRPC-Web answer, which must be OK.
    pub fn counts(&self) -> (u64, u64) {
        assert_eq!(self.status, 200);
        assert_eq!(self.body[0], 0, "no message: {self:?}");
        let len = u32::from_be_bytes(self.body[1..5].try_into().unwrap()) as usize;
        let response = PushResponse::decode(&self.body[5..5 + len]).unwrap();
        let trailers = self.trailers();
        assert!(trailers.starts_with("grpc-status:0\r\n"), "{trailers:?}");
        assert_eq!(
            trailers.contains("x-rejected-reasons:"),
            response.rejected > 0
        );
        (response.accepted, response.rejected)
    }

    /// The text of the trailer frame, which must be the rest of the body after the message.
    pub fn trailers(&self) -> String {
        let frame_end = |start: usize| {
            let len = self.body[start + 1..start + 5].try_into().unwrap();
            start + 5 + u32::from_be_bytes(len) as usize
        };
        let start = frame_end(0);
        assert_eq!(self.body[start], 0x80, "no trailers: {self:?}");
        assert_eq!(frame_end(start), self.body.len(), "{self:?}");
        String::from_utf8(self.body[start + 5..].to_vec()).unwrap()
    }
}

pub fn push_request(
    address: &str,
    frame: Vec<u8>,
    headers: &[(&str, &str)],
) -> Request<Full<Bytes>> {
    let mut request = Request::post(PUSH)
        .header("host", address)
        .header("content-type", "application/grpc-web+proto")
        .header("x-grpc-web", "1");
    for (name, value) in headers {
        let all = request.headers_mut().unwrap();
        all.insert(
            http::HeaderName::try_from(*name).unwrap(),
            value.parse().unwrap(),
        );
    }
    request.body(Full::from(frame)).unwrap()
}

/// A length-prefixed message.
pub fn frame(metrics: Vec<Metric>) -> Vec<u8> {
    let message = PushRequest { metrics }.encode_to_vec();
    let mut frame = vec![0];
    frame.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    frame.extend(message);
    frame
}

pub fn metric(name: &str, kind: MetricType, value: f64, labels: &[(&str, &str)]) -> Metric {
    Metric {
        name: name.to_owned(),
        r#type: kind.into(),
        value,
        labels: labels
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        help: None,
    }
}

pub fn counter(name: &str, value: f64, labels: &[(&str, &str)]) -> Metric {
    metric(name, MetricType::Counter, value, labels)
}

pub fn histogram(name: &str, value: f64, labels: &[(&str, &str)]) -> Metric {
    metric(name, MetricType::Histogram, value, labels)
}

/// A push whose last byte was not sent yet.
pub struct HalfSent {
    stream: TcpStream,
    rest: Vec<u8>,
}

impl HalfSent {
    pub async fn new(gateway: &Gateway, body: &[u8], id: &str) -> Self {
        let mut stream = gateway.connect().await;
        let head = format!(
            "POST {PUSH} HTTP/1.1\r\nhost: x\r\ncontent-type: application/grpc-web+proto\r\n\
             x-push-id: {id}\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        // The server asks for the body when it starts to read it, so the call is running.
        let mut go_on = [0; 25];
        stream.read_exact(&mut go_on).await.unwrap();
        assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
        let (start, rest) = body.split_at(body.len() - 1);
        stream.write_all(start).await.unwrap();
        Self {
            stream,
            rest: rest.to_vec(),
        }
    }

    /// Sends the rest, and reads the answer to its trailer frame and last chunk.
    pub async fn finish(mut self) -> String {
        self.stream.write_all(&self.rest).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n0\r\n\r\n") {
            assert_ne!(
                self.stream.read_buf(&mut answer).await.unwrap(),
                0,
                "cut: {answer:?}"
            );
        }
        String::from_utf8_lossy(&answer).into_owned()
    }
}
