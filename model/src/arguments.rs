//! The command line and the help text.

use std::ffi::OsString;
use std::num::NonZeroUsize;

use lexopt::prelude::*;

use crate::configurations::{self, CONFIGURATIONS, Configuration};
use crate::defects::{self, DEFECTS, Described};

/// The head of the help text; the configurations and the defects follow.
const HELP: &str = "\
Explores a model of the protocol that keeps the caches of several processes coherent:
every state that its steps can lead to. Without a defect everything has to hold;
every defect has to be found.

Usage: cargo run --release -p larder-model [-- OPTIONS]

  --configuration NAME  only this one; may be repeated
  --defect NAME         only with this defect; may be repeated; `none`: without one
  --trace               print the steps that lead to each violation
  --json                one JSON object on standard output, times in seconds
  --threads N           how many threads explore (default 1: then paths are the shortest)

Examples:
  cargo run --release -p larder-model
  cargo run --release -p larder-model -- --defect none
  cargo run --release -p larder-model -- --configuration flights --defect join-old-flight --trace

Exit codes:
  0  everything holds, and every defect was found
  1  something does not hold, or a defect was not found
  2  wrong command line
";

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Explore(Options),
}

/// How to explore.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// In the order of [`CONFIGURATIONS`].
    pub(crate) configurations: Vec<Configuration>,
    /// Which defects, and whether also without one.
    pub(crate) defects: Defects,
    /// Print the steps that lead to each violation.
    pub(crate) trace: bool,
    /// As JSON.
    pub(crate) json: bool,
    pub(crate) threads: usize,
}

/// Which defects are explored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Defects {
    /// None, and then each where it has to be found.
    All,
    /// These names, or `none`.
    Only(Vec<&'static str>),
}

/// The name for exploring without a defect.
pub(crate) const NO_DEFECT: &str = "none";

/// Reads the command line (without the name of the program).
///
/// # Errors
///
/// What is wrong with it, and what would be right.
pub(crate) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Command, String> {
    let mut parser = lexopt::Parser::from_args(arguments);
    let (mut names, mut defects) = (Vec::new(), Vec::new());
    let (mut trace, mut json, mut threads) = (false, false, 1);
    while let Some(argument) = parser.next().map_err(usage)? {
        match argument {
            Short('h') | Long("help") => return Ok(Command::Help),
            Long("trace") => trace = true,
            Long("json") => json = true,
            Long("configuration") => names.push(configuration(&mut parser)?.name),
            Long("defect") => defects.push(defect(&mut parser)?),
            Long("threads") => threads = thread_count(&mut parser)?,
            Value(value) => return Err(format!("unexpected argument {value:?}")),
            other => return Err(usage(other.unexpected())),
        }
    }
    let is_asked = |configuration: &Configuration| names.contains(&configuration.name);
    let asked = CONFIGURATIONS.into_iter().filter(is_asked);
    let configurations = if names.is_empty() {
        CONFIGURATIONS.to_vec()
    } else {
        asked.collect()
    };
    let defects = if defects.is_empty() {
        Defects::All
    } else {
        Defects::Only(defects)
    };
    Ok(Command::Explore(Options {
        configurations,
        defects,
        trace,
        json,
        threads,
    }))
}

impl Options {
    /// What to explore in this configuration: without a defect first.
    ///
    /// A defect is explored where it has to be found. If it is asked for together with a
    /// configuration where it does not show, nothing is left, which [`Options::check`] refuses.
    pub(crate) fn runs(&self, configuration: &Configuration) -> Vec<Option<&'static Described>> {
        let is_asked = |name: &str| match &self.defects {
            Defects::All => true,
            Defects::Only(names) => names.contains(&name),
        };
        let sound = is_asked(NO_DEFECT).then_some(None);
        let found_here = DEFECTS.iter().filter(|described| {
            is_asked(described.name) && described.found_in.contains(&configuration.name)
        });
        sound.into_iter().chain(found_here.map(Some)).collect()
    }

    /// Whether every defect that is asked for can be found in one of the configurations.
    ///
    /// # Errors
    ///
    /// The defect, and where it can be found.
    pub(crate) fn check(&self) -> Result<(), String> {
        let Defects::Only(names) = &self.defects else {
            return Ok(());
        };
        for described in names.iter().filter_map(|name| defects::named(name)) {
            let is_explored = |name: &&str| self.configurations.iter().any(|one| one.name == *name);
            if !described.found_in.iter().any(is_explored) {
                return Err(format!(
                    "--defect {} does not show in this --configuration; it does in: {}",
                    described.name,
                    described.found_in.join(", ")
                ));
            }
        }
        Ok(())
    }
}

fn configuration(parser: &mut lexopt::Parser) -> Result<&'static Configuration, String> {
    let name = text(parser)?;
    configurations::named(&name).ok_or_else(|| {
        let names = CONFIGURATIONS.map(|configuration| configuration.name);
        format!(
            "unknown --configuration {name:?}; it is one of: {}",
            names.join(", ")
        )
    })
}

fn defect(parser: &mut lexopt::Parser) -> Result<&'static str, String> {
    let name = text(parser)?;
    if name == NO_DEFECT {
        return Ok(NO_DEFECT);
    }
    let described = defects::named(&name).ok_or_else(|| {
        let names = DEFECTS.map(|described| described.name);
        format!(
            "unknown --defect {name:?}; it is one of: {NO_DEFECT}, {}",
            names.join(", ")
        )
    })?;
    Ok(described.name)
}

fn thread_count(parser: &mut lexopt::Parser) -> Result<usize, String> {
    let given = text(parser)?;
    let count: Option<NonZeroUsize> = given.parse().ok();
    count
        .map(NonZeroUsize::get)
        .ok_or_else(|| format!("--threads {given:?} is not a number from 1 on"))
}

fn text(parser: &mut lexopt::Parser) -> Result<String, String> {
    parser
        .value()
        .and_then(|value| value.string())
        .map_err(usage)
}

fn usage(error: lexopt::Error) -> String {
    error.to_string()
}

/// What `--help` prints.
pub(crate) fn help() -> String {
    let mut help = format!("{HELP}\nConfigurations:\n");
    for configuration in CONFIGURATIONS {
        help += &format!("  {:<10} {}\n", configuration.name, configuration.about);
    }
    help += "\nDefects:\n";
    for described in DEFECTS {
        help += &format!("  {:<26} {}\n", described.name, described.about);
    }
    help
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &[&str]) -> Result<Options, String> {
        match parse(line.iter().map(OsString::from))? {
            Command::Explore(options) => options.check().map(|()| options),
            Command::Help => Err("help".to_owned()),
        }
    }

    #[test]
    fn nothing_asks_for_everything() {
        let options = parsed(&[]).unwrap();
        assert_eq!(options.configurations, CONFIGURATIONS);
        let runs = CONFIGURATIONS.map(|configuration| options.runs(&configuration).len());
        let expected: usize = DEFECTS.iter().map(|one| one.found_in.len()).sum();
        assert_eq!(runs.iter().sum::<usize>(), CONFIGURATIONS.len() + expected);
    }

    #[test]
    fn names_choose() {
        let line = [
            "--configuration=lease",
            "--defect",
            "none",
            "--defect",
            "join-without-lease",
        ];
        let options = parsed(&line).unwrap();
        let runs = options.runs(&options.configurations[0]);
        let names: Vec<_> = runs.iter().map(|run| run.map(|one| one.name)).collect();
        assert_eq!(options.configurations.len(), 1);
        assert_eq!(names, [None, Some("join-without-lease")]);
    }

    #[test]
    fn wrong_names_are_answered_with_the_right_ones() {
        for (line, cure) in [
            (&["--defect", "counter"][..], "counter-late"),
            (&["--configuration", "all"], "horizon"),
            (
                &["--configuration", "flights", "--defect", "trust-l2"],
                "does in: ",
            ),
            (&["--threads", "0"], "from 1 on"),
            (&["--configuration"], "--configuration"),
            (&["flights"], "flights"),
            (&["--fast"], "--fast"),
        ] {
            let problem = parsed(line).unwrap_err();
            assert!(problem.contains(cure), "{line:?}: {problem}");
        }
    }
}
