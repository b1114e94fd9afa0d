//! The gateway behind its ports, from the first connection to the orderly shutdown.

use std::future::{Future, pending};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::clock::Clock;
use crate::gateway::Gateway;
use crate::health::Readiness;
use crate::http::Routes;
use crate::port::serve_port;
use crate::shared::Shared;

/// How often the server looks for expired series: ten times per lifetime, within a lower and an
/// upper limit. More often wastes time, and less often keeps places taken for too long.
const SWEEP_MIN: Duration = Duration::from_millis(500);
const SWEEP_MAX: Duration = Duration::from_secs(30);

/// Limits for peers, and the times of a shutdown.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most bytes in a message.
    pub message_bytes: usize,
    /// How long a shutdown still serves, not ready, before the listener closes.
    pub drain: Duration,
    /// How long it then waits for requests in flight.
    pub finish: Duration,
    /// How long a series lives after its last addition; `None` for ever.
    pub series_ttl: Option<Duration>,
}

impl Default for Limits {
    /// The command's defaults.
    fn default() -> Self {
        Self {
            message_bytes: 4 * 1024 * 1024,
            drain: Duration::ZERO,
            finish: Duration::from_secs(10),
            series_ttl: None,
        }
    }
}

/// The addresses of the gateway.
#[derive(Debug)]
pub struct Listeners {
    /// For pushes; without an admin address, for everything.
    pub main: TcpListener,
    /// For `/metrics`, the page and health.
    pub admin: Option<TcpListener>,
}

impl From<TcpListener> for Listeners {
    fn from(main: TcpListener) -> Self {
        Self { main, admin: None }
    }
}

/// Serves `gateway` until `shutdown` resolves, then drains it and finishes the requests in flight.
///
/// A push that arrives during the drain is applied: Kubernetes withdraws endpoints some time after
/// it stops a pod, and until then senders have no other address.
pub async fn serve(
    listeners: impl Into<Listeners>,
    gateway: Gateway,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) {
    let clock = Clock::start();
    let readiness = Readiness::default();
    let gateway = Shared::new(gateway, clock);
    let routes = Routes::new(gateway.clone(), readiness.clone(), limits.message_bytes);
    // Kept connections bring pushes for as long as they are open. They end halfway, so that a scrape
    // can follow the last push.
    let half = limits.drain.div_f64(2.0);
    let leave = async {
        shutdown.await;
        readiness.begin_to_drain();
        sleep(half).await;
    };
    let drained = async { sleep(half).await };
    let Listeners { main, admin } = listeners.into();
    let ports = async {
        let Some(admin) = admin else {
            let routes = routes.everything();
            return serve_port(main, routes, clock, limits.finish, leave, drained).await;
        };
        // Closed last: a scrape may still see the last push.
        let (finished, pushes_finished) = oneshot::channel();
        let pushes = async {
            let routes = routes.pushes();
            serve_port(main, routes, clock, limits.finish, leave, drained).await;
            let _ = finished.send(());
        };
        let pushes_finished = async {
            let _ = pushes_finished.await;
        };
        let routes = routes.eyes();
        let eyes = serve_port(
            admin,
            routes,
            clock,
            limits.finish,
            pushes_finished,
            async {},
        );
        tokio::join!(pushes, eyes);
    };
    tokio::select! {
        () = ports => {}
        () = sweep(&gateway, limits.series_ttl) => {}
    }
}

/// Looks for expired series, for ever.
async fn sweep(gateway: &Shared, ttl: Option<Duration>) {
    let Some(ttl) = ttl else {
        return pending().await;
    };
    let pause = ttl.div_f64(10.0).clamp(SWEEP_MIN, SWEEP_MAX);
    loop {
        sleep(pause).await;
        gateway.expire(ttl).await;
    }
}
