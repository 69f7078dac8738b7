//! Setting up `tracing` by profile: lines for people in dev and test, JSON in staging and prod.

use std::io::IsTerminal;

use larder_config::{LogFormat, LoggingConfig};
use tracing::Subscriber;
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

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
/// # async fn example() -> larder::Result<()> {
/// let config = Larder::builder().load()?;
/// larder::init_tracing(&config.logging)?;
/// let larder = Larder::builder().config(config).start().await?;
/// # larder.shutdown().await
/// # }
/// ```
pub fn init_tracing(logging: &LoggingConfig) -> Result<()> {
    subscriber(logging, std::io::stderr, colours())
        .try_init()
        .map_err(|_| Error::Tracing)
}

fn subscriber<W>(logging: &LoggingConfig, writer: W, colours: bool) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    tracing_subscriber::registry()
        .with(filter(logging))
        .with(lines(logging, writer, colours))
}

/// What of the log is written.
pub(crate) fn filter(logging: &LoggingConfig) -> EnvFilter {
    EnvFilter::new(format!("{QUIET},{}", logging.level))
}

/// How it is written.
pub(crate) fn lines<S, W>(
    logging: &LoggingConfig,
    writer: W,
    colours: bool,
) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = fmt::layer().with_writer(writer);
    match logging.format {
        LogFormat::Json => lines.json().boxed(),
        _ => lines.with_ansi(colours).boxed(),
    }
}

/// Whether standard error takes colours.
pub(crate) fn colours() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use larder_config::{ConfigLoader, Profile};

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// What a profile writes of three events.
    fn written(profile: Profile) -> String {
        let config = ConfigLoader::new()
            .profile(profile)
            .no_file()
            .environment([("DATABASE_URL", "postgres://app@db/shop")])
            .load()
            .unwrap();
        let page = Page::default();
        let copy = page.clone();
        let subscriber = subscriber(&config.logging, move || copy.clone(), false);
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(pool = "main", "larder started");
            tracing::debug!("checkout");
            // Never asked for: with the parameters of every statement.
            tracing::debug!(target: "tokio_postgres::query", "executing statement");
        });
        let bytes = page.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn dev_writes_lines_for_people_and_more_of_them() {
        let text = written(Profile::Dev);
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.contains("larder started pool=\"main\""), "{text}");
        assert!(text.contains("checkout"), "{text}");
    }

    #[test]
    fn staging_and_prod_write_json() {
        for profile in [Profile::Staging, Profile::Prod] {
            let text = written(profile);
            assert_eq!(text.lines().count(), 1, "{text}");
            let line: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(line["fields"]["message"], "larder started");
            assert_eq!(line["fields"]["pool"], "main");
        }
    }
}
