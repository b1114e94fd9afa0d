//! A port: HTTP/1.1 and HTTP/2 with prior knowledge, and an orderly shutdown.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutStream;

use crate::clock::Clock;
use crate::log::{Event, Level};

/// Most connections at one time. More wait in the listener's queue.
const MAX_CONNECTIONS: usize = 1024;

/// An idle HTTP/1.1 connection is closed after this time, and so is one that never completes its
/// headers. This is longer than the 90 s for which cloudflared keeps idle connections, so
/// cloudflared never reuses a connection that is closing.
const IDLE_TIMEOUT: Duration = Duration::from_secs(120);

/// The interval of pings on an idle HTTP/2 connection.
const PING_INTERVAL: Duration = Duration::from_secs(60);

/// A connection without reads or writes for this long is cut. Otherwise peers that vanished before
/// their first request, or that do not read, would keep their places for ever. This is longer than
/// the two limits above, which end a connection in better order.
const STALL_TIMEOUT: Duration = Duration::from_secs(150);

/// Serves `router` on `listener`.
///
/// From `leave` on, kept connections end after the answer that is under way, and new ones end after
/// one answer. At `shutdown` the listener closes, and requests in flight have the time `finish` to
/// end.
pub(crate) async fn serve_port(
    listener: TcpListener,
    router: Router,
    clock: Clock,
    finish: Duration,
    leave: impl Future<Output = ()>,
    shutdown: impl Future<Output = ()>,
) {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE_TIMEOUT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(100)
        .keep_alive_interval(PING_INTERVAL);
    let mut port = Port {
        listener,
        router,
        clock,
        builder,
        places: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
    };

    let (kept, last) = (GracefulShutdown::new(), GracefulShutdown::new());
    port.serve(&kept, leave).await;
    let kept = tokio::spawn(kept.shutdown());
    port.builder.http1().keep_alive(false);
    port.serve(&last, shutdown).await;

    // Closed first, so that the system refuses new connections at once.
    drop(port);
    let ended = async { tokio::join!(kept, last.shutdown()) };
    if timeout(finish, ended).await.is_err() {
        let event = Event {
            time_ms: clock.now_ms(),
            level: Level::Warn,
            event: "drain_timeout",
            message: &format!(
                "connections still open after {} s were cut",
                finish.as_secs()
            ),
            ..Event::default()
        };
        event.write();
    }
}

struct Port {
    listener: TcpListener,
    router: Router,
    clock: Clock,
    builder: Builder<TokioExecutor>,
    places: Arc<Semaphore>,
}

impl Port {
    /// Accepts connections, which `connections` can end, until `end`.
    async fn serve(&self, connections: &GracefulShutdown, end: impl Future<Output = ()>) {
        tokio::pin!(end);
        loop {
            let place = tokio::select! {
                Ok(place) = self.places.clone().acquire_owned() => place,
                () = &mut end => return,
            };
            let stream = tokio::select! {
                stream = accept(&self.listener, self.clock) => stream,
                () = &mut end => return,
            };
            let service = TowerToHyperService::new(self.router.clone());
            let mut stream = TimeoutStream::new(stream);
            stream.set_read_timeout(Some(STALL_TIMEOUT));
            stream.set_write_timeout(Some(STALL_TIMEOUT));
            let connection = self
                .builder
                .serve_connection(TokioIo::new(Box::pin(stream)), service)
                .into_owned();
            let connection = connections.watch(connection);
            tokio::spawn(async move {
                // An error here is the peer's, and needs no handling.
                let _ = connection.await;
                drop(place);
            });
        }
    }
}

async fn accept(listener: &TcpListener, clock: Clock) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // An answer is one small write. Waiting to fill a packet only delays it.
                let _ = stream.set_nodelay(true);
                return stream;
            }
            Err(error) => {
                let event = Event {
                    time_ms: clock.now_ms(),
                    level: Level::Error,
                    event: "accept_failed",
                    message: &error.to_string(),
                    ..Event::default()
                };
                event.write();
                // Probably out of file descriptors. An immediate retry would only loop.
                sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::net::SocketAddr;

    use axum::body::Body;
    use axum::routing::get;
    use http::{Request, Response, header};
    use hyper::body::Incoming;
    use hyper::client::conn::{http1, http2};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::sync::oneshot;
    use tokio::time::Instant;

    use super::*;

    // hyper-util waits without a timeout for the first bytes, which distinguish HTTP/1.1 from
    // HTTP/2. In an earlier version, a silent connection kept its place until the process ended.
    #[tokio::test(start_paused = true)]
    async fn a_connection_that_never_says_which_http_it_speaks_is_cut() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new();
        tokio::spawn(serve_port(
            listener,
            router,
            Clock::start(),
            Duration::ZERO,
            pending(),
            pending(),
        ));
        for said in ["", "PRI * HT"] {
            let mut peer = TcpStream::connect(address).await.unwrap();
            peer.write_all(said.as_bytes()).await.unwrap();
            let begun = Instant::now();
            // With the clock paused, this wait takes no real time.
            let end = timeout(Duration::from_secs(3600), peer.read_u8()).await;
            assert!(end.is_ok_and(|read| read.is_err()), "{said:?}");
            assert!(begun.elapsed() >= STALL_TIMEOUT, "{said:?}");
        }
    }

    async fn connect(address: SocketAddr) -> TokioIo<TcpStream> {
        TokioIo::new(TcpStream::connect(address).await.unwrap())
    }

    fn request(address: SocketAddr) -> Request<Body> {
        let uri = format!("http://{address}/");
        Request::get(uri).body(Body::empty()).unwrap()
    }

    fn ends(response: &Response<Incoming>) -> bool {
        response.headers().get(header::CONNECTION).is_some()
    }

    // In an earlier version, a sender that kept its connection went on pushing to a pod until its
    // very end, and the pushes after the last scrape were lost.
    #[tokio::test]
    async fn kept_connections_end_before_the_listener_closes() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (leave, left) = oneshot::channel::<()>();
        let (shutdown, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(serve_port(
            listener,
            Router::new().route("/", get(|| async { "ok" })),
            Clock::start(),
            Duration::from_secs(30),
            async { left.await.unwrap() },
            async { stopped.await.unwrap() },
        ));

        let (mut one, driver) = http1::handshake(connect(address).await).await.unwrap();
        let http1_ended = tokio::spawn(driver);
        let executor = TokioExecutor::new();
        let io = connect(address).await;
        let (mut two, driver) = http2::handshake(executor, io).await.unwrap();
        let http2_ended = tokio::spawn(driver);
        for _ in 0..2 {
            one.ready().await.unwrap();
            let answer = one.send_request(request(address)).await.unwrap();
            assert!(!ends(&answer), "{answer:?}");
            two.ready().await.unwrap();
            two.send_request(request(address)).await.unwrap();
        }

        leave.send(()).unwrap();
        http1_ended.await.unwrap().unwrap();
        http2_ended.await.unwrap().unwrap();
        // Who has no other address is still served.
        let (mut late, driver) = http1::handshake(connect(address).await).await.unwrap();
        let late_ended = tokio::spawn(driver);
        let answer = late.send_request(request(address)).await.unwrap();
        assert!(ends(&answer), "{answer:?}");
        drop(answer);
        late_ended.await.unwrap().unwrap();

        shutdown.send(()).unwrap();
        served.await.unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }
}
