//! `metrics-gateway get URL`: one HTTP request, for probes in an image without other tools.

use std::future::Future;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use axum::body::Bytes;
use http::{Request, Uri, header};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::reason::shorten;

/// The most bytes of an error's body that are repeated.
const SHOWN: usize = 200;

/// Fetches `url` within `limit`, and writes the body of a 2xx answer to `out`.
///
/// # Errors
///
/// One line: the error that prevented the answer, or a status other than 2xx.
pub async fn get(url: &Uri, limit: Duration, out: &mut impl Write) -> Result<(), String> {
    let answer = timeout(limit, fetch(url, out)).await;
    answer
        .unwrap_or_else(|_| Err(format!("no whole answer within {} s", limit.as_secs())))
        .map_err(|error| format!("{url}: {error}"))
}

async fn fetch(url: &Uri, out: &mut impl Write) -> Result<(), String> {
    let (Some("http"), Some(authority)) = (url.scheme_str(), url.authority()) else {
        return Err("expected a URL like http://localhost:8080/metrics".to_owned());
    };
    let stream = connect(authority.host(), authority.port_u16().unwrap_or(80)).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    let path = url.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::get(path)
        .header(header::HOST, authority.as_str())
        .body(Empty::<Bytes>::new())
        .map_err(|error| error.to_string())?;
    let answer = async {
        let mut response = sender
            .send_request(request)
            .await
            .map_err(|error| error.to_string())?;
        let status = response.status();
        let mut shown = Vec::new();
        while let Some(frame) = response.body_mut().frame().await {
            let Ok(data) = frame.map_err(|error| error.to_string())?.into_data() else {
                continue;
            };
            if status.is_success() {
                out.write_all(&data)
                    .map_err(|error| format!("cannot write the answer: {error}"))?;
            } else if shown.len() < SHOWN {
                shown.extend_from_slice(&data);
            }
        }
        if status.is_success() {
            return out
                .flush()
                .map_err(|error| format!("cannot write the answer: {error}"));
        }
        let body = String::from_utf8_lossy(&shown);
        let line = shorten(body.lines().next().unwrap_or_default(), SHOWN);
        Err(format!("{status}: {line:?}"))
    };
    drive(answer, connection).await
}

/// Polls the connection while the answer needs it.
async fn drive<T>(answer: impl Future<Output = T>, connection: impl Future) -> T {
    tokio::pin!(answer, connection);
    tokio::select! {
        answer = &mut answer => return answer,
        _ = &mut connection => {}
    }
    answer.await
}

/// Resolves `localhost` here: an image from scratch may have no /etc/hosts.
async fn connect(host: &str, port: u16) -> Result<TcpStream, String> {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let stream = if host == "localhost" {
        let here = [
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(Ipv6Addr::LOCALHOST),
        ];
        TcpStream::connect(&here.map(|ip| SocketAddr::new(ip, port))[..]).await
    } else {
        TcpStream::connect((host, port)).await
    };
    stream.map_err(|error| format!("cannot connect: {error}"))
}
