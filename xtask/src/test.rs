//! `cargo xtask test`: all tests of the workspace, against real servers.

use std::ffi::OsString;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::arguments::TestOptions;
use crate::console::say;
use crate::error::{Error, Result};
use crate::install;
use crate::instances::Instances;
use crate::process;
use crate::repeat;
use crate::servers::{RunningServers, Servers};
use crate::service;
use crate::tool;
use crate::workspace;

/// Runs the tests.
pub(crate) fn run(options: &TestOptions) -> Result<()> {
    let mut phases = Phases::start();
    Instances::sweep()?;
    let servers = Servers::find(&service::ALL, !options.no_install)?;
    install::ensure_tools(&tool::ALL, !options.no_install)?;
    phases.done("preparing");
    let result = run_phases(options, servers, &mut phases);
    phases.report();
    result
}

fn run_phases(options: &TestOptions, servers: Servers, phases: &mut Phases) -> Result<()> {
    let runner = Runner::choose(options);
    // With arguments for the runner (such as --release) the right build is not known.
    if options.runner.is_empty() {
        say(&format!(
            "building the tests with {}; the first build takes minutes",
            runner.name()
        ));
        let status = process::foreground(runner.command(options).arg("--no-run"))?;
        phases.done("build");
        process::success("the build of the tests", status)?;
    }
    let servers = servers.start()?;
    phases.done("servers");

    let result = run_tests(options, &runner, &servers, phases);
    drop(servers);
    phases.done("stopping");
    result
}

fn run_tests(
    options: &TestOptions,
    runner: &Runner,
    servers: &RunningServers,
    phases: &mut Phases,
) -> Result<()> {
    if let Some(times) = options.repeat {
        let repeated = repeat::run(options, times, runner, servers);
        phases.done("tests");
        return repeated;
    }
    say(&format!("running the tests with {}", runner.name()));
    let mut command = runner.command(options);
    if options.runner.is_empty() {
        command.arg("--no-fail-fast");
    }
    command.args(&options.runner);
    servers.tell(&mut command);
    let status = process::foreground(&mut command)?;
    phases.done("tests");
    let tests = process::success(runner.name(), status);

    let packages = packages_with_documentation(options)?;
    if options.fast || !options.runner.is_empty() || packages.is_empty() {
        return tests;
    }
    say("running the documentation tests");
    let mut command = workspace::hermetic_cargo();
    command
        .args(["test", "--doc", "--all-features", "--no-fail-fast"])
        .args(packages);
    servers.tell(&mut command);
    let status = process::foreground(&mut command)?;
    phases.done("documentation tests");
    tests.and(process::success("cargo test --doc", status))
}

/// What runs the tests.
pub(crate) struct Runner {
    pub(crate) nextest: bool,
}

impl Runner {
    fn choose(options: &TestOptions) -> Self {
        let mut probe = workspace::hermetic_cargo();
        probe.args(["nextest", "--version"]);
        Self {
            nextest: !options.plain_cargo && process::succeeds(&mut probe),
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        if self.nextest {
            "cargo nextest"
        } else {
            "cargo test"
        }
    }

    /// The command, for the chosen packages. `cargo test` would add the
    /// documentation tests if `--tests` did not leave them for later.
    pub(crate) fn command(&self, options: &TestOptions) -> Command {
        let mut command = workspace::hermetic_cargo();
        let words: &[&str] = if self.nextest {
            &["nextest", "run"]
        } else {
            &["test", "--tests"]
        };
        command
            .args(words)
            .arg("--all-features")
            .args(selection(&options.packages));
        command
    }
}

fn selection(packages: &[String]) -> Vec<OsString> {
    if packages.is_empty() {
        return vec!["--workspace".into()];
    }
    packages
        .iter()
        .flat_map(|package| ["--package".into(), package.into()])
        .collect()
}

/// Cargo's arguments for the packages that may have documentation tests: cargo
/// refuses packages without a library when they are named. None is an empty list.
fn packages_with_documentation(options: &TestOptions) -> Result<Vec<OsString>> {
    if options.packages.is_empty() {
        return Ok(selection(&[]));
    }
    let mut command = workspace::hermetic_cargo();
    let text = process::capture(command.args(["metadata", "--no-deps", "--format-version", "1"]))?;
    let metadata: Value = serde_json::from_str(&text)
        .map_err(|source| Error::caused("read the answer of cargo metadata", source))?;
    let libraries = libraries(&metadata);
    let chosen: Vec<String> = options
        .packages
        .iter()
        .filter(|name| libraries.contains(&name.as_str()))
        .cloned()
        .collect();
    Ok(if chosen.is_empty() {
        Vec::new()
    } else {
        selection(&chosen)
    })
}

/// The names of the packages with a library.
fn libraries(metadata: &Value) -> Vec<&str> {
    let packages = metadata["packages"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let has_library = |package: &&Value| {
        let targets = package["targets"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        targets.iter().any(|target| target["doctest"] == true)
    };
    packages
        .iter()
        .filter(has_library)
        .filter_map(|package| package["name"].as_str())
        .collect()
}

/// How long each phase took.
struct Phases {
    began: Instant,
    last: Instant,
    done: Vec<(&'static str, Duration)>,
}

impl Phases {
    fn start() -> Self {
        let now = Instant::now();
        Self {
            began: now,
            last: now,
            done: Vec::new(),
        }
    }

    fn done(&mut self, phase: &'static str) {
        let now = Instant::now();
        self.done.push((phase, now - self.last));
        self.last = now;
    }

    fn report(&self) {
        let seconds = |time: Duration| format!("{:.1} s", time.as_secs_f64());
        let mut parts: Vec<String> = self
            .done
            .iter()
            .map(|(phase, time)| format!("{phase} {}", seconds(*time)))
            .collect();
        parts.push(format!("total {}", seconds(self.began.elapsed())));
        say(&format!("times: {}", parts.join(", ")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn named_packages_replace_the_workspace() {
        assert_eq!(selection(&[]), ["--workspace"]);
        let chosen = selection(&["one".to_owned(), "two".to_owned()]);
        assert_eq!(chosen, ["--package", "one", "--package", "two"]);
    }

    #[test]
    fn packages_without_a_library_have_no_documentation_tests() {
        let metadata = json!({ "packages": [
            { "name": "program", "targets": [{ "kind": ["bin"], "doctest": false }] },
            { "name": "library", "targets": [{ "doctest": true }, { "doctest": false }] },
        ]});
        assert_eq!(libraries(&metadata), ["library"]);
    }
}
