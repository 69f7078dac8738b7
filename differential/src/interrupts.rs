//! Ctrl-C: noticed between steps, so that everything that was started is stopped.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};

use crate::error::{Error, Result};

static RECEIVED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Starts to notice requests to end.
pub(crate) fn watch() -> Result<()> {
    let flag = RECEIVED.get_or_init(Arc::default);
    for signal in [SIGINT, SIGTERM, SIGQUIT, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(flag))
            .map_err(|error| Error::step("watch for Ctrl-C", error))?;
    }
    Ok(())
}

/// An error once a request to end has come.
pub(crate) fn check() -> Result<()> {
    match RECEIVED.get() {
        Some(flag) if flag.load(Ordering::Relaxed) => Err(Error::Interrupted),
        _ => Ok(()),
    }
}
