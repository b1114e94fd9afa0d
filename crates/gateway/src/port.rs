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

/// Serves `router` on `listener` until `shutdown` resolves, then gives requests in flight the time
/// `finish` to end.
pub(crate) async fn serve_port(
    listener: TcpListener,
    router: Router,
    clock: Clock,
    finish: Duration,
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

    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let graceful = GracefulShutdown::new();
    tokio::pin!(shutdown);
    loop {
        let place = tokio::select! {
            Ok(place) = places.clone().acquire_owned() => place,
            () = &mut shutdown => break,
        };
        let stream = tokio::select! {
            stream = accept(&listener, clock) => stream,
            () = &mut shutdown => break,
        };
        let service = TowerToHyperService::new(router.clone());
        let mut stream = TimeoutStream::new(stream);
        stream.set_read_timeout(Some(STALL_TIMEOUT));
        stream.set_write_timeout(Some(STALL_TIMEOUT));
        let connection = builder
            .serve_connection(TokioIo::new(Box::pin(stream)), service)
            .into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            // An error here is the peer's, and needs no handling.
            let _ = connection.await;
            drop(place);
        });
    }

    // Closed first, so that the system refuses new connections at once.
    drop(listener);
    if timeout(finish, graceful.shutdown()).await.is_err() {
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

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
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
}
