//! The configuration of rustls, made anew when a file that it was read from has changed: a
//! certificate that was renewed counts from the next connection on.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::spawn_blocking;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{TlsOptions, client_config};
use crate::Error;

/// Where connections get their TLS from. Clones share what was read.
#[derive(Clone)]
pub(crate) struct TlsSource(Arc<Inner>);

struct Inner {
    options: TlsOptions,
    read: Mutex<Read>,
}

/// What was read last.
struct Read {
    connect: MakeRustlsConnect,
    stamps: Stamps,
    /// Files that could not be used, which were warned of.
    refused: Option<Stamps>,
}

impl TlsSource {
    /// # Errors
    ///
    /// [`Error::Options`] if a file cannot be used.
    pub(crate) fn new(options: &TlsOptions) -> Result<Self, Error> {
        // Before they are read: what changes meanwhile is read again.
        let stamps = Stamps::of(options);
        let read = Read {
            connect: MakeRustlsConnect::new(client_config(options)?),
            stamps,
            refused: None,
        };
        Ok(Self(Arc::new(Inner {
            options: options.clone(),
            read: Mutex::new(read),
        })))
    }

    /// By the files as they are now. Where they cannot be used, as in the middle of being replaced,
    /// by those that were read before.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it may have read the files for the next.
    pub(crate) async fn current(&self) -> MakeRustlsConnect {
        if self.0.options.files().next().is_some() {
            let source = self.clone();
            // A file may be far away. Where this runtime ends, there is nobody to tell.
            let _ = spawn_blocking(move || source.read_again_if_changed()).await;
        }
        self.latest()
    }

    /// By what was read last.
    pub(crate) fn latest(&self) -> MakeRustlsConnect {
        self.read().connect.clone()
    }

    pub(super) fn read_again_if_changed(&self) {
        let stamps = Stamps::of(&self.0.options);
        if stamps == self.read().stamps {
            return;
        }
        match client_config(&self.0.options) {
            Ok(config) => {
                tracing::info!("the files of TLS have changed and were read again");
                *self.read() = Read {
                    connect: MakeRustlsConnect::new(config),
                    stamps,
                    refused: None,
                };
            }
            Err(error) => {
                let known = self.read().refused.replace(stamps.clone());
                if known != Some(stamps) {
                    tracing::warn!(
                        "failed to use files of TLS that have changed, so those from before \
                         still hold: {error}"
                    );
                }
            }
        }
    }

    fn read(&self) -> MutexGuard<'_, Read> {
        self.0.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What tells the files of some options from what they were; `None` of one that is not there.
#[derive(Clone, PartialEq, Eq)]
struct Stamps(Vec<Option<Stamp>>);

impl Stamps {
    fn of(options: &TlsOptions) -> Self {
        Self(options.files().map(stamp).collect())
    }
}

/// Device, number, size, and when anything of it was changed: contents, rights or name.
#[cfg(unix)]
type Stamp = (u64, u64, u64, i64, i64);

#[cfg(unix)]
fn stamp(path: &Path) -> Option<Stamp> {
    use std::os::unix::fs::MetadataExt;

    let file = std::fs::metadata(path).ok()?;
    Some((
        file.dev(),
        file.ino(),
        file.size(),
        file.ctime(),
        file.ctime_nsec(),
    ))
}

/// Size, and when it was written.
#[cfg(not(unix))]
type Stamp = (u64, Option<std::time::SystemTime>);

#[cfg(not(unix))]
fn stamp(path: &Path) -> Option<Stamp> {
    let file = std::fs::metadata(path).ok()?;
    Some((file.len(), file.modified().ok()))
}
