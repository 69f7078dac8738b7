//! Ctrl-C and other requests to end, counted so that a loop can ask for them.
//!
//! A signal never ends xtask by itself: whoever waits sees it, and what was
//! started is stopped on the way out. Steps that stop servers do not look here,
//! so that no number of signals leaves one behind.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};

use rustix::process::Signal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::error::{Error, Result};

static RECEIVED: AtomicUsize = AtomicUsize::new(0);
static LAST: AtomicI32 = AtomicI32::new(SIGINT);

/// Starts to count signals.
///
/// The end of the terminal (SIGHUP) counts only where there is one: a program
/// under `nohup` goes on.
pub(crate) fn watch() -> std::io::Result<()> {
    let mut watched = vec![SIGINT, SIGTERM, SIGQUIT];
    if std::io::stdin().is_terminal() {
        watched.push(SIGHUP);
    }
    let mut signals = Signals::new(watched)?;
    std::thread::Builder::new()
        .name("interrupts".to_owned())
        .spawn(move || {
            for signal in signals.forever() {
                LAST.store(signal, Ordering::Relaxed);
                RECEIVED.fetch_add(1, Ordering::Release);
            }
        })?;
    Ok(())
}

/// How many signals have come so far.
pub(crate) fn received() -> usize {
    RECEIVED.load(Ordering::Acquire)
}

/// The signal that came last.
pub(crate) fn last() -> Signal {
    match LAST.load(Ordering::Relaxed) {
        SIGTERM => Signal::TERM,
        SIGHUP => Signal::HUP,
        SIGQUIT => Signal::QUIT,
        _ => Signal::INT,
    }
}

/// An error once a signal has come: for the gaps between steps.
pub(crate) fn check() -> Result<()> {
    if received() > 0 {
        Err(Error::Interrupted)
    } else {
        Ok(())
    }
}
