//! The program: starts Larder, serves the API until Ctrl-C or SIGTERM, shuts Larder down.
//!
//! Exit codes: 0 it was stopped, 1 something failed, 2 the arguments or the settings are wrong.

mod arguments;

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use larder::{ErrorKind, Larder};
use tokio::net::TcpListener;

use crate::arguments::Arguments;

const FAILED: u8 = 1;
const WRONG_INPUT: u8 = 2;

/// Why the program ended. Its text reads after "failed to".
enum Error {
    Larder(larder::Error),
    Listen(SocketAddr, io::Error),
    Serve(io::Error),
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let (text, code) = match run(&arguments).await {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Error::Larder(error)) => {
            let wrong_input = error.kind() == ErrorKind::Config;
            let code = if wrong_input { WRONG_INPUT } else { FAILED };
            (error.to_string(), code)
        }
        Err(Error::Listen(address, error)) => (
            format!("listen on {address}: {error}; choose another with --port, 0 takes any"),
            FAILED,
        ),
        Err(Error::Serve(error)) => (format!("serve: {error}"), FAILED),
    };
    eprintln!("error: failed to {text}");
    ExitCode::from(code)
}

async fn run(arguments: &Arguments) -> Result<(), Error> {
    // Before anything is started: where the port is taken, nothing has to be stopped.
    let address = SocketAddr::new(arguments.host, arguments.port);
    let listener = TcpListener::bind(address).await;
    let listener = listener.map_err(|error| Error::Listen(address, error))?;

    let config = Larder::builder().load()?;
    larder::init_tracing(&config.logging)?;
    let larder = Larder::builder().config(config).start().await?;
    let served = serve(listener, &larder).await;
    let stopped = larder.shutdown().await;
    served?;
    Ok(stopped?)
}

async fn serve(listener: TcpListener, larder: &Larder) -> Result<(), Error> {
    larder.migrate().await?;
    let guest = restaurant_api::guest(larder).await?;
    let address = listener.local_addr().map_err(Error::Serve)?;
    println!("serving restaurants at http://{address}");
    println!(
        "reviews can be written as user {} ({})",
        guest.id, guest.username
    );
    let signal = restaurant_api::shutdown_signal();
    restaurant_api::serve(listener, larder.clone(), signal)
        .await
        .map_err(Error::Serve)
}

impl From<larder::Error> for Error {
    fn from(error: larder::Error) -> Self {
        Self::Larder(error)
    }
}

impl From<larder::services::Error> for Error {
    fn from(error: larder::services::Error) -> Self {
        Self::Larder(error.into())
    }
}
