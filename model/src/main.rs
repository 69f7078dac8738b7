//! A model of the protocol that keeps caches of several processes coherent, explored entirely.
//!
//! Where to look:
//! - [`state`]: what there is at one moment; [`symmetry`]: which states are the same.
//! - [`actions`]: what can happen next; [`transitions`] and [`flights`]: what it does.
//! - [`properties`]: what has to hold; [`defects`]: the mistakes that have to be found.
//! - [`configurations`]: what is explored; [`model`] gives it to stateright, [`exploration`]
//!   explores it.
//! - [`arguments`], [`report`] and [`traces`]: the program.

#![cfg_attr(test, expect(clippy::unwrap_used, reason = "tests fail by panicking"))]

mod actions;
mod arguments;
mod configurations;
mod defects;
mod exploration;
mod flights;
mod model;
mod properties;
mod report;
mod state;
mod symmetry;
#[cfg(test)]
mod tests;
mod traces;
mod transitions;

use std::process::ExitCode;

use crate::arguments::{Command, Options};
use crate::exploration::Outcome;

fn main() -> ExitCode {
    let command = arguments::parse(std::env::args_os().skip(1)).and_then(|command| {
        if let Command::Explore(options) = &command {
            options.check()?;
        }
        Ok(command)
    });
    match command {
        Ok(Command::Help) => {
            print!("{}", arguments::help());
            ExitCode::SUCCESS
        }
        Ok(Command::Explore(options)) => run(&options),
        Err(problem) => {
            eprintln!("larder-model: failed to read the command line: {problem} (see --help)");
            ExitCode::from(2)
        }
    }
}

fn run(options: &Options) -> ExitCode {
    let mut outcomes = Vec::new();
    for configuration in &options.configurations {
        let runs = options.runs(configuration);
        if !options.json && !runs.is_empty() {
            println!("{}", report::heading(configuration));
        }
        for defect in runs {
            let outcome = exploration::explore(configuration, defect, options.threads);
            if !options.json {
                println!("{}", report::row(&outcome, options.trace));
            }
            outcomes.push(outcome);
        }
    }
    if options.json {
        println!("{:#}", report::json_of(&outcomes));
    }
    ExitCode::from(u8::from(!outcomes.iter().all(Outcome::is_expected)))
}
