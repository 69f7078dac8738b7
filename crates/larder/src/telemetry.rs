//! Setting up `tracing` by profile: lines for people in dev and test, JSON in staging and prod.

use larder_config::{LogFormat, LoggingConfig};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::{Error, Result};

/// What is quiet unless it is asked for by name: these crates tell every step, some of
/// them with the values of statements.
const QUIET: &str = "tokio_postgres=info,postgres_protocol=info,rustls=info,bb8=info,\
    wasmer=warn,wasmer_wasix=warn,wasmer_compiler=warn,virtual_fs=warn,pglite_oxide=warn";

/// Sends the events of `tracing` and `log` to standard error, as the settings say.
/// A program that sets up a subscriber of its own leaves this out.
///
/// # Errors
///
/// [`Error::Tracing`] if a subscriber is already there.
///
/// # Examples
///
/// ```no_run
/// use larder::prelude::*;
///
/// let config = Config::load()?;
/// larder::init_tracing(&config.logging)?;
/// # Ok::<(), larder::Error>(())
/// ```
pub fn init_tracing(logging: &LoggingConfig) -> Result<()> {
    let filter = EnvFilter::new(format!("{QUIET},{}", logging.level));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let registry = tracing_subscriber::registry().with(filter);
    match logging.format {
        LogFormat::Json => registry.with(lines.json()).try_init(),
        _ => {
            let colours = std::io::IsTerminal::is_terminal(&std::io::stderr())
                && std::env::var_os("NO_COLOR").is_none();
            registry.with(lines.with_ansi(colours)).try_init()
        }
    }
    .map_err(|_| Error::Tracing)
}
