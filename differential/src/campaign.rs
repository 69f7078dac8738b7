//! The runs of a command line, one after the other.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::INTERRUPTED;
use crate::arguments::Arguments;
use crate::error::{Error, Result};
use crate::findings::Findings;
use crate::interrupts;
use crate::mode::{Mode, Relaxation};
use crate::report::Report;
use crate::run::Run;

/// Makes all runs and reports them; says whether all is well.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    interrupts::watch()?;
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..1 << 32));
    if let Some(relaxation) = arguments.only_relaxed {
        return relaxed(relaxation, arguments.steps(), seed);
    }
    eprintln!("seed {seed}");
    let mut report = Report::new(seed, arguments.relax.is_some());
    for run in runs(arguments, seed) {
        let findings = match run.relaxation {
            Some(relaxation) => in_a_child(relaxation, &run)?,
            None => run.go()?,
        };
        // Of relaxed rules the differences are expected, and told too: by them one sees why.
        if let Some(difference) = &findings.difference {
            eprintln!("{}: {difference}", run.name());
        }
        report.add(&run, findings);
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
    let run = |mode, relaxation| Run {
        mode,
        relaxation,
        steps: arguments.steps(),
        seed,
    };
    match (&arguments.relax, arguments.mode) {
        (Some(chosen), _) => {
            let all = chosen.0.iter();
            all.map(|one| run(Mode::Local, Some(*one))).collect()
        }
        (None, Some(mode)) => vec![run(mode, None)],
        (None, None) => Mode::ALL.map(|mode| run(mode, None)).to_vec(),
    }
}

/// A run in a process of its own: a failpoint is on for all that a process does.
fn in_a_child(relaxation: Relaxation, run: &Run) -> Result<Findings> {
    let failed = |cause: String| Error::step(format!("run with {}", relaxation.as_str()), cause);
    let program = std::env::current_exe().map_err(|error| failed(error.to_string()))?;
    let child = Command::new(program)
        .args(["--only-relaxed", relaxation.as_str()])
        .args(["--steps", &run.steps.to_string()])
        .args(["--seed", &run.seed.to_string()])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| failed(error.to_string()))?;
    interrupts::check()?;
    if child.status.code() == Some(i32::from(INTERRUPTED)) {
        return Err(Error::Interrupted);
    }
    serde_json::from_slice(&child.stdout)
        .map_err(|_| failed(format!("it told nothing: {}", child.status)))
}

/// The run of a child: its findings go to standard output.
fn relaxed(relaxation: Relaxation, steps: u64, seed: u64) -> Result<bool> {
    relax(relaxation)?;
    let run = Run {
        mode: Mode::Local,
        relaxation: Some(relaxation),
        steps,
        seed,
    };
    let findings = run.go()?;
    let text = serde_json::to_string(&findings);
    let text = text.map_err(|error| Error::step("write the findings", error))?;
    let _ = writeln!(std::io::stdout().lock(), "{text}");
    Ok(true)
}

#[cfg(feature = "failpoints")]
fn relax(relaxation: Relaxation) -> Result<()> {
    let name = relaxation.as_str();
    fail::cfg(name, "return").map_err(|error| Error::step(format!("relax {name}"), error))
}

#[cfg(not(feature = "failpoints"))]
fn relax(relaxation: Relaxation) -> Result<()> {
    Err(Error::step(
        format!("relax {}", relaxation.as_str()),
        "it was built without the feature failpoints; start it by cargo xtask differential",
    ))
}
