//! Ctrl-C: noticed between steps, so that everything that was started is stopped.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};

use crate::error::{Error, Result};

static RECEIVED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

const SLICE: Duration = Duration::from_millis(20);

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

/// Waits, unless a request to end comes.
pub(crate) fn pause(duration: Duration) -> Result<()> {
    wait_until(duration, || false).map(|_| ())
}

/// Waits until something holds; says whether it did within the time.
pub(crate) fn wait_until(patience: Duration, mut holds: impl FnMut() -> bool) -> Result<bool> {
    let since = Instant::now();
    loop {
        check()?;
        if holds() {
            return Ok(true);
        }
        let left = patience.saturating_sub(since.elapsed());
        if left.is_zero() {
            return Ok(false);
        }
        std::thread::sleep(left.min(SLICE));
    }
}
