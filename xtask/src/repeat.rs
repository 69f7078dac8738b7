//! `cargo xtask test --repeat`: the same tests again and again, and how often each of them failed.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

use crate::arguments::TestOptions;
use crate::console::say;
use crate::error::{Error, Result};
use crate::process;
use crate::servers::RunningServers;
use crate::test::Runner;

/// Runs the chosen tests so many times, all of them each time.
pub(crate) fn run(
    options: &TestOptions,
    times: u32,
    runner: &Runner,
    servers: &RunningServers,
) -> Result<()> {
    let mut tally = Tally::default();
    let mut last_failure = None;
    for run in 1..=times {
        say(&format!("run {run} of {times} with {}", runner.name()));
        let mut command = command(options, runner);
        servers.tell(&mut command);
        let before = tally.failures();
        let status = process::foreground_lines(&mut command, |line| tally.read(line))?;
        tally.runs += 1;
        if let Err(error) = process::success(runner.name(), status) {
            if tally.failures() == before {
                // Not a test has failed but the runner: it would do so again.
                return Err(error);
            }
            tally.runs_with_failures += 1;
            last_failure = Some(error);
        }
        if tally.tests == 0 {
            return Err(Error::step(
                "find a test whose name contains one of the filters",
            ));
        }
    }
    say(&tally.summary());
    last_failure.map_or(Ok(()), Err)
}

fn command(options: &TestOptions, runner: &Runner) -> Command {
    let mut command = runner.command(options);
    command.arg("--no-fail-fast");
    if runner.nextest {
        // What has passed twenty times is of no interest; what became of each test is read.
        command
            .args(["--status-level", "fail", "--message-format", "libtest-json"])
            .env("NEXTEST_EXPERIMENTAL_LIBTEST_JSON", "1")
            .args(&options.runner)
            .args(&options.filters);
    } else {
        command
            .args(&options.runner)
            .arg("--")
            .args(&options.filters);
    }
    command
}

/// What became of the tests.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    runs: u32,
    runs_with_failures: u32,
    /// How many tests have ended, in all runs.
    tests: u32,
    failed: BTreeMap<String, u32>,
}

impl Tally {
    /// Reads a line of a runner: of nextest as JSON, of `cargo test` as it is shown to people.
    fn read(&mut self, line: &str) {
        let (name, has_failed) = match serde_json::from_str::<Value>(line) {
            Ok(event) if event["type"] == "test" => {
                let name = event["name"].as_str().unwrap_or_default();
                match event["event"].as_str() {
                    Some("failed" | "timeout") => (name.replacen('$', " ", 1), true),
                    Some("ok") => (name.to_owned(), false),
                    _ => return,
                }
            }
            Ok(_) => return,
            Err(_) => {
                let Some(ended) = line.strip_prefix("test ") else {
                    return;
                };
                match ended.rsplit_once(" ... ") {
                    Some((name, "FAILED")) => (name.to_owned(), true),
                    Some((name, "ok")) => (name.to_owned(), false),
                    _ => return,
                }
            }
        };
        self.tests += 1;
        if has_failed {
            *self.failed.entry(name).or_default() += 1;
        }
    }

    fn failures(&self) -> u32 {
        self.failed.values().sum()
    }

    fn summary(&self) -> String {
        let Self {
            runs,
            runs_with_failures,
            tests,
            failed,
        } = self;
        let mut text = format!("{runs} runs of {} tests: ", tests / runs.max(&1));
        if failed.is_empty() {
            return text + "none has failed";
        }
        text += &format!("{runs_with_failures} runs have failed");
        let mut failed: Vec<_> = failed.iter().collect();
        // The most frequent first.
        failed.sort_by_key(|(_, times)| std::cmp::Reverse(**times));
        for (name, times) in failed {
            text += &format!("\n  {times} of {runs}  {name}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_both_runners_say_is_counted() {
        let mut tally = Tally {
            runs: 2,
            runs_with_failures: 2,
            ..Tally::default()
        };
        for line in [
            r#"{"type":"suite","event":"started","test_count":2}"#,
            r#"{"type":"test","event":"started","name":"larder-tests::integration$faults::one"}"#,
            r#"{"type":"test","event":"failed","name":"larder-tests::integration$faults::one","exec_time":0.1}"#,
            r#"{"type":"test","event":"ok","name":"larder-tests::integration$faults::two"}"#,
            "running 2 tests",
            "test faults::one ... FAILED",
            "test faults::three ... FAILED",
            "test faults::three ... FAILED",
            "test faults::two ... ok",
            "test faults::four ... ignored",
            "test result: FAILED. 1 passed; 1 failed",
        ] {
            tally.read(line);
        }
        assert_eq!((tally.tests, tally.failures()), (6, 4));
        assert_eq!(
            tally.summary(),
            "2 runs of 3 tests: 2 runs have failed\n  2 of 2  faults::three\n  1 of 2  faults::one\n  1 of 2  larder-tests::integration faults::one"
        );
        let none = Tally {
            runs: 20,
            tests: 100,
            ..Tally::default()
        };
        assert_eq!(none.summary(), "20 runs of 5 tests: none has failed");
    }
}
