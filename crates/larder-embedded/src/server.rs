//! Starting and stopping the embedded database.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

// A pre-release that its user needs pinned; naming it here keeps the pin from being dropped as unused.
use virtual_net as _;

use pglite_oxide::{PgliteServer, extensions};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::Error;

/// Where the embedded database keeps its data, and how long it may take to start.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EmbeddedOptions {
    /// The directory of the data, made if it is not there. `None` keeps the data in a
    /// temporary directory that goes when the database stops.
    pub directory: Option<PathBuf>,
    /// How long starting may take. 30 s by default: the first start of all unpacks PostgreSQL.
    pub start_timeout: Duration,
}

impl Default for EmbeddedOptions {
    fn default() -> Self {
        Self {
            directory: None,
            start_timeout: Duration::from_secs(30),
        }
    }
}

/// A running embedded database.
///
/// # Examples
///
/// ```no_run
/// # async fn example() -> Result<(), larder_embedded::Error> {
/// use larder_embedded::{EmbeddedDatabase, EmbeddedOptions};
///
/// let embedded = EmbeddedDatabase::start(EmbeddedOptions::default()).await?;
/// println!("{}", embedded.url());
/// embedded.stop(std::time::Duration::from_secs(10)).await?;
/// # Ok(())
/// # }
/// ```
pub struct EmbeddedDatabase {
    running: Option<Running>,
    url: String,
    directory: Option<PathBuf>,
}

/// The server and, as long as it runs, its directory.
struct Running {
    // In this order: the directory is free when the server has stopped.
    server: PgliteServer,
    _lock: Option<File>,
}

impl EmbeddedDatabase {
    /// Starts it.
    ///
    /// # Errors
    ///
    /// [`Error::InUse`] if the directory is another's, [`Error::Directory`] if it cannot
    /// be used, [`Error::StartTimeout`], [`Error::Server`].
    ///
    /// # Cancel safety
    ///
    /// Dropped, the database still starts in the background and is stopped then.
    pub async fn start(options: EmbeddedOptions) -> Result<Self, Error> {
        let lock = options.directory.as_deref().map(lock).transpose()?;
        let directory = options.directory.clone();
        let (started, is_started) = oneshot::channel();
        // A thread and not a task: a runtime that ends would wait for it.
        std::thread::spawn(move || {
            let builder = PgliteServer::builder().extension(extensions::PG_TRGM);
            let server = match options.directory {
                Some(directory) => builder.path(directory),
                None => builder.temporary(),
            }
            .start();
            let running = server.map(|server| Running {
                server,
                _lock: lock,
            });
            // If nobody waits any more, it is stopped here and now.
            drop(started.send(running));
        });
        let deadline = options.start_timeout;
        let running = timeout(deadline, is_started)
            .await
            .map_err(|_| Error::StartTimeout { deadline })?
            .map_err(|_| Error::Server("its thread ended".to_owned()))?
            .map_err(|error| Error::Server(format!("{error:#}")))?;
        let url = running.server.database_url();
        tracing::debug!(url, ?directory, "embedded database started");
        Ok(Self {
            running: Some(running),
            url,
            directory,
        })
    }

    /// Where it listens. There is no password.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The directory of its data; `None` if the data is temporary.
    pub fn directory(&self) -> Option<&Path> {
        self.directory.as_deref()
    }

    /// Stops it. Connections have to be closed before.
    ///
    /// # Errors
    ///
    /// [`Error::StopTimeout`] if it is still busy at the deadline, [`Error::Server`] if
    /// it had failed while it ran.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the database stops in the background.
    pub async fn stop(mut self, deadline: Duration) -> Result<(), Error> {
        let Some(Running {
            server,
            _lock: lock,
        }) = self.running.take()
        else {
            return Ok(());
        };
        let (stopped, is_stopped) = oneshot::channel();
        std::thread::spawn(move || {
            let result = server.shutdown();
            drop(lock);
            // Nobody listens if it took too long.
            drop(stopped.send(result));
        });
        timeout(deadline, is_stopped)
            .await
            .map_err(|_| Error::StopTimeout { deadline })?
            .map_err(|_| Error::Server("its thread ended".to_owned()))?
            .map_err(|error| Error::Server(format!("{error:#}")))
    }
}

impl std::fmt::Debug for EmbeddedDatabase {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("EmbeddedDatabase")
            .field("url", &self.url)
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

impl Drop for EmbeddedDatabase {
    fn drop(&mut self) {
        // Stopping waits for the last connection, which may be closed by the very
        // thread that drops us: so it happens elsewhere.
        if let Some(running) = self.running.take() {
            std::thread::spawn(move || drop(running));
        }
    }
}

/// Makes the directory ours, until the file is dropped or the process ends.
fn lock(directory: &Path) -> Result<File, Error> {
    let unusable = |source| Error::Directory {
        directory: directory.to_owned(),
        source,
    };
    fs::create_dir_all(directory).map_err(unusable)?;
    let file = File::create(directory.join(".larder.lock")).map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::InUse {
            directory: directory.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(unusable(source)),
    }
}
