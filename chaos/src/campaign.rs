//! The runs of a command line, one after the other.

use std::io::Write as _;
use std::time::Duration;

use rustix::process::Signal;

use crate::arguments::Arguments;
use crate::error::Result;
use crate::interrupts;
use crate::mode::Mode;
use crate::process;
use crate::report::Report;
use crate::run::Run;
use crate::servers::Provided;

/// Makes all runs and reports them; says whether all is well.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    interrupts::watch()?;
    process::end_with_parent(Signal::TERM);
    let provided = Provided::from_environment()?;
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..1 << 32));
    eprintln!("seed {seed}");
    let mut report = Report::new(seed, arguments.bound, arguments.breakage.is_some());
    for run in runs(arguments, seed) {
        let done = run.go(&provided, arguments.keep.as_deref())?;
        for line in done.remarks() {
            eprintln!("{}: {line}", run.name());
        }
        report.add(done);
    }
    let text = if arguments.json {
        report.json()?
    } else {
        report.table()
    };
    // A reader that has gone away changes nothing about what was found.
    let _ = writeln!(std::io::stdout().lock(), "{text}");
    Ok(report.ok())
}

fn runs(arguments: &Arguments, seed: u64) -> Vec<Run> {
    let run = |mode, breakage| Run {
        mode,
        breakage,
        duration: Duration::from_secs(arguments.seconds),
        processes: arguments.processes,
        bound: Duration::from_millis(arguments.bound),
        seed,
    };
    match (arguments.breakage, arguments.mode) {
        (Some(choice), _) => {
            let all = choice.all().into_iter();
            all.map(|breakage| run(breakage.mode(), Some(breakage)))
                .collect()
        }
        (None, Some(mode)) => vec![run(mode, None)],
        (None, None) => Mode::ALL.map(|mode| run(mode, None)).to_vec(),
    }
}
