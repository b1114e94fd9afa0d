//! `metrics-gateway`: flags, a port, signals. Everything else is in the library.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use metrics_gateway::Gateway;
use metrics_gateway::cli::Cli;
use metrics_gateway::server::serve;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start: {error}"))
        .and_then(|runtime| runtime.block_on(run(cli)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            let _ = writeln!(std::io::stderr(), "error: {message}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> Result<(), String> {
    // Before the line that says the gateway is up: who reads it may signal at once.
    let cannot_wait = |error| format!("cannot wait for signals: {error}");
    let mut first = StopSignals::new().map_err(cannot_wait)?;
    let mut second = StopSignals::new().map_err(cannot_wait)?;

    let listener = TcpListener::bind(cli.listen).await.map_err(|error| {
        format!(
            "cannot listen on {}: {error}; choose another with --listen ADDR:PORT",
            cli.listen
        )
    })?;
    let address = listener
        .local_addr()
        .map_err(|error| format!("cannot tell the port: {error}"))?;
    // One line on standard output, for scripts. Nobody reading it is no reason to stop.
    let mut stdout = io::stdout();
    let _ = writeln!(stdout, "metrics-gateway listening on http://{address}");
    let _ = stdout.flush();

    let gateway = Gateway::new(cli.config());
    tokio::select! {
        () = serve(listener, gateway, cli.limits(), first.next()) => Ok(()),
        // Whoever asks twice does not want to wait.
        () = async { second.next().await; second.next().await } => {
            Err("stopped by a second signal; what was under way is cut".to_owned())
        }
    }
}

/// SIGTERM and SIGINT.
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
