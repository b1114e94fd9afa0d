//! `metrics-gateway`: flags, ports, signals. Everything else is in the library.

use std::future::Future;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;
use metrics_gateway::Gateway;
use metrics_gateway::cli::{Cli, Command, Get, Serve};
use metrics_gateway::get::get;
use metrics_gateway::server::{Listeners, serve};
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        Some(Command::Get(get)) => fetch(&get),
        None => start(Builder::new_multi_thread(), run(cli.serve)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            let _ = writeln!(io::stderr(), "error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn start(
    mut builder: Builder,
    task: impl Future<Output = Result<(), String>>,
) -> Result<(), String> {
    builder
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start: {error}"))?
        .block_on(task)
}

fn fetch(flags: &Get) -> Result<(), String> {
    let limit = Duration::from_secs(flags.timeout);
    let mut stdout = io::stdout();
    let task = get(&flags.url, limit, &mut stdout);
    start(Builder::new_current_thread(), task)
}

async fn run(flags: Serve) -> Result<(), String> {
    // Before the line that reports the start: its reader may send a signal at once.
    let cannot_wait = |error| format!("cannot wait for signals: {error}");
    let mut first = StopSignals::new().map_err(cannot_wait)?;
    let mut second = StopSignals::new().map_err(cannot_wait)?;

    let (main, address) = bind(flags.listen, "--listen").await?;
    let admin = match flags.admin_listen {
        Some(address) => Some(bind(address, "--admin-listen").await?),
        None => None,
    };
    // One line each on standard output, for scripts. A closed output does not stop the gateway.
    let mut stdout = io::stdout();
    let _ = writeln!(stdout, "metrics-gateway listening on http://{address}");
    if let Some((_, address)) = &admin {
        let _ = writeln!(stdout, "metrics-gateway admin on http://{address}");
    }
    let _ = stdout.flush();

    let listeners = Listeners {
        main,
        admin: admin.map(|(listener, _)| listener),
    };
    let gateway = Gateway::new(flags.config());
    tokio::select! {
        () = serve(listeners, gateway, flags.limits(), first.next()) => Ok(()),
        // A second signal ends the wait.
        () = async { second.next().await; second.next().await } => {
            Err("stopped by a second signal; what was under way is cut".to_owned())
        }
    }
}

async fn bind(wanted: SocketAddr, flag: &str) -> Result<(TcpListener, SocketAddr), String> {
    let listener = TcpListener::bind(wanted).await.map_err(|error| {
        format!("cannot listen on {wanted}: {error}; choose another with {flag} ADDR:PORT")
    })?;
    let address = listener
        .local_addr()
        .map_err(|error| format!("cannot tell the port: {error}"))?;
    Ok((listener, address))
}

/// Waits for SIGTERM or SIGINT.
struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
