//! A port: HTTP/1.1 and HTTP/2 with prior knowledge, and an orderly end.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use crate::clock::Clock;
use crate::gateway::Gateway;
use crate::http::router;
use crate::log::{Event, Level};
use crate::shared::Shared;

/// Connections at one time; more wait in the listener's queue.
const MAX_CONNECTIONS: usize = 1024;

/// An idle connection is closed after this, and so is one that never finishes its headers. Longer
/// than the 90 s for which cloudflared keeps idle ones: it must never reuse one that is closing.
const IDLE_TIMEOUT: Duration = Duration::from_secs(120);

/// What a peer may ask for.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes in a message.
    pub message_bytes: usize,
    /// How long a shutdown waits for what is in flight.
    pub drain: Duration,
}

/// Serves `gateway` on `listener` until `shutdown` resolves, then finishes what is in flight.
pub async fn serve(
    listener: TcpListener,
    gateway: Gateway,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) {
    let clock = Clock::start();
    let router = router(Shared::new(gateway, clock), limits.message_bytes);
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE_TIMEOUT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(100)
        .keep_alive_interval(IDLE_TIMEOUT);

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
        let connection = builder
            .serve_connection(TokioIo::new(stream), service)
            .into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            // The peer's end of the line: nothing that is not its own doing.
            let _ = connection.await;
            drop(place);
        });
    }

    // Closed first: who comes now is told so by the system and not left waiting.
    drop(listener);
    if timeout(limits.drain, graceful.shutdown()).await.is_err() {
        let event = Event {
            time_ms: clock.now_ms(),
            level: Level::Warn,
            event: "drain_timeout",
            message: &format!(
                "connections still open after {} s were cut",
                limits.drain.as_secs()
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
                // An answer is one small write; waiting to fill a packet only delays it.
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
                // Out of file descriptors, most likely: trying again at once would only spin.
                sleep(Duration::from_millis(200)).await;
            }
        }
    }
}
