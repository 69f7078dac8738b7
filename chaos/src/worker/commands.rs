//! What the parent says, line by line on standard input.

use std::io::BufRead as _;

use tokio::sync::{mpsc, watch};

/// What all tasks do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Reading and writing.
    Work,
    /// Reading.
    Quiet,
    /// All registers are read once more.
    Final,
    /// The end.
    Stop,
}

/// The ends of the channels that commands come through.
pub(super) struct Commands {
    pub(super) phase: watch::Receiver<Phase>,
    /// Each asks for a write whose commit takes its time.
    pub(super) late: mpsc::UnboundedReceiver<()>,
}

/// Starts to listen. A parent that is gone ends this process.
pub(super) fn listen() -> Commands {
    let (phase, phases) = watch::channel(Phase::Work);
    let (late, lates) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let next = match line.as_deref() {
                Ok("quiet") => Phase::Quiet,
                Ok("final") => Phase::Final,
                Ok("stop") => Phase::Stop,
                Ok("late") => {
                    let _ = late.send(());
                    continue;
                }
                _ => break,
            };
            let _ = phase.send(next);
        }
        if *phase.borrow() != Phase::Stop {
            std::process::exit(1);
        }
    });
    Commands {
        phase: phases,
        late: lates,
    }
}
