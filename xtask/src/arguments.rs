//! The command line: commands, their options, and the help text.

use std::ffi::OsString;

use lexopt::prelude::*;

use crate::bench;
use crate::error::{Error, Result};

/// What `cargo xtask --help` prints.
pub(crate) const HELP: &str = "\
The tasks of this workspace.

Usage: cargo xtask <command>

  test [--fast] [-p PACKAGE]... [--cargo] [--no-install] [-- ARGUMENTS]
      Runs all tests against real servers: a PostgreSQL (15 or later), a Redis and a
      PgBouncer of their own, started on free ports and stopped afterwards. What is
      missing, Prometheus too, is installed by the system's package manager where that
      needs no password.
      DATABASE_URL, REDIS_URL or PGBOUNCER_URL: your server is used instead.
      Uses cargo nextest where it is installed, else cargo test; then the
      documentation tests.
        --fast         without the documentation tests
        -p PACKAGE     only the tests of this package; may be repeated
        --cargo        cargo test even where cargo nextest is installed
        --no-install   install nothing, say what is missing
        -- ARGUMENTS   for the test runner (then without documentation tests)
  test --repeat N [-p PACKAGE]... [FILTER]... [-- ARGUMENTS]
      Builds once and runs the tests whose names contain one of the filters N times,
      to find those that fail now and then; at the end it says how often each failed.
  tidy
      Format, clippy, documentation, and the generated files: the schema against the
      migrations, the reference of metrics against their table.
  codegen [--check]
      Writes the reference of all metrics, docs/metrics.md, from the table in
      larder-metrics. Applies the migrations to a fresh database and writes the Diesel
      schema to the file that diesel.toml names. With --check it only compares.
  services up | down | status [--json]
      Keeps the servers of the tests running between runs: `test` then uses them.
      `up` prints the variables that tests read. `down` stops the servers and
      throws their data away; run it before `cargo clean`.
  bench NAME [--json] [--quick]
      Measures in release what Larder costs, beside its peers; bench --help lists
      the benches. Starts servers as `test` does; LARDER_TEST_DATABASE_URL and
      LARDER_TEST_REDIS_URL: your servers are used instead.
  chaos [ARGUMENTS]
      Lets processes read and write through Larder while connections, processes and
      Redis fail, and proves from what they wrote down that nothing was lost,
      doubled or too old; chaos --help tells more. PostgreSQL and Redis are private.
  differential [ARGUMENTS]
      Reads and writes a schema at random through the cache, and beside it in a plain
      database that judges every answer; differential --help tells more. PostgreSQL is
      private, or that of LARDER_TEST_DATABASE_URL.
  pooler [ARGUMENTS]
      Works for ten minutes behind PgBouncer in transaction mode, more clients than it
      has servers, and counts errors; pooler --help tells more. The servers are private,
      or those of LARDER_TEST_DATABASE_URL and LARDER_TEST_PGBOUNCER_URL.
  demo [ARGUMENTS]
      Builds and runs the restaurant demo with these arguments.

Examples:
  cargo xtask test
  cargo xtask test -p larder-pool -- transaction
  cargo xtask test --repeat 20 faults
  cargo xtask test --repeat 100 -p larder-testing proxy:: servers::
  DATABASE_URL=postgres://me@localhost/scratch cargo xtask test --fast
  eval \"$(cargo xtask services up)\"
  cargo xtask bench cache --quick
  cargo xtask chaos --seconds 60 --processes 3
  cargo xtask differential --relax all
  cargo xtask pooler --duration 1m
  cargo xtask demo --once --json --data restaurants.csv

Exit codes:
  0    all is well
  1    something failed (a failed test run gives the code of its runner instead:
       100 from cargo nextest, 101 from cargo test)
  2    wrong command line
  3    something must be installed; the message says what
  130  interrupted
";

/// What `cargo xtask bench --help` prints.
pub(crate) const BENCH_HELP: &str = "\
Measures in release what Larder costs, beside its peers, in one run.

Usage: cargo xtask bench <bench> [--json] [--quick]

  cache   Cached reads: hits beside moka, invalidations with few and with many
          entries, misses, what watching costs, hits in Redis beside a raw GET, hit
          ratios at the same bytes beside moka and cached, memory.
  log     What the row in the log of invalidations costs a transaction, with 1 and
          with 16 clients, beside pg_notify. On a PostgreSQL that keeps commits safe.
  outage  Reads while Redis is killed, and how soon a slow Redis is left alone.
  overload  Twice the load that the database can carry, on Larder's pool and on plain
          bb8 with diesel-async; a plot goes to target/bench/overload.svg.
  pool    Point reads by primary key with 1, 16 and 64 tasks: Larder's lanes and pool
          beside diesel-async on bb8 and deadpool, sqlx, SeaORM and tokio-postgres.
  rows    How much of point reads the cache answers while other rows are written, with
          row precision and without.
  warm    What the database sees of a process that is killed under load and started
          again: without a second tier, with Redis, and with warming.
  watch   Pooled point reads with metrics, statistics, health and exporter on beside a
          pool that nobody watches, and reads under a hundred scrapes a second.

Options:
  --json    one JSON object on standard output, times in nanoseconds
  --quick   fewer rounds: seconds instead of a minute, and figures that vary more

Figures are shown, never asserted: the exit code is 0 also where a goal is missed.
The first build takes minutes; pool, with its peers, is a workspace of its own, peers/,
which nothing else builds. LARDER_TEST_DATABASE_URL: the bench makes its database
on your server, which log measures as it is set up; otherwise the others take
that of DATABASE_URL, or a private PostgreSQL is started. LARDER_TEST_REDIS_URL or
REDIS_URL: cache keeps results in your Redis, and removes them; otherwise a private
one is started. The Redis of outage and of warm is always private.

Examples:
  cargo xtask bench cache
  cargo xtask bench cache --quick
  cargo xtask bench log
  cargo xtask bench pool --quick
  cargo xtask bench cache --json > cache.json
";

/// A command with its options.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Test(TestOptions),
    Tidy,
    Codegen { check: bool },
    ServicesUp,
    ServicesDown,
    ServicesStatus { json: bool },
    Bench(BenchOptions),
    BenchHelp,
    Chaos { arguments: Vec<OsString> },
    Differential { arguments: Vec<OsString> },
    Pooler { arguments: Vec<OsString> },
    Demo { arguments: Vec<OsString> },
}

/// The options of `cargo xtask bench`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BenchOptions {
    /// Which one: one of [`bench::NAMES`].
    pub(crate) name: &'static str,
    /// As JSON.
    pub(crate) json: bool,
    /// Fewer rounds.
    pub(crate) quick: bool,
}

/// The options of `cargo xtask test`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct TestOptions {
    /// Leave the documentation tests out.
    pub(crate) fast: bool,
    /// Only these packages; empty means all.
    pub(crate) packages: Vec<String>,
    /// `cargo test` even where `cargo nextest` is installed.
    pub(crate) plain_cargo: bool,
    /// Do not install what is missing.
    pub(crate) no_install: bool,
    /// How often to run the tests that are chosen.
    pub(crate) repeat: Option<u32>,
    /// What the names of those contain; empty means all. Only with `repeat`.
    pub(crate) filters: Vec<String>,
    /// For the test runner, as they are.
    pub(crate) runner: Vec<OsString>,
}

/// Reads the command line (without the name of the program).
pub(crate) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Command> {
    let mut arguments: Vec<OsString> = arguments.collect();
    // The arguments of these are their own business, `--help` included.
    if arguments.first().is_some_and(|first| first == "chaos") {
        arguments.remove(0);
        return Ok(Command::Chaos { arguments });
    }
    if arguments
        .first()
        .is_some_and(|first| first == "differential")
    {
        arguments.remove(0);
        return Ok(Command::Differential { arguments });
    }
    if arguments.first().is_some_and(|first| first == "pooler") {
        arguments.remove(0);
        return Ok(Command::Pooler { arguments });
    }
    if arguments.first().is_some_and(|first| first == "demo") {
        arguments.remove(0);
        return Ok(Command::Demo { arguments });
    }
    let mut parser = lexopt::Parser::from_args(arguments);
    let command = match parser.next().map_err(usage)? {
        None | Some(Short('h') | Long("help")) => return Ok(Command::Help),
        Some(Value(command)) => command,
        Some(other) => return Err(usage(other.unexpected())),
    };
    match command.to_str() {
        Some("help") => finish(parser, Command::Help),
        Some("test") => parse_test(parser),
        Some("tidy") => finish(parser, Command::Tidy),
        Some("codegen") => {
            let check = flag(&mut parser, "check")?;
            Ok(check.map_or(Command::Help, |check| Command::Codegen { check }))
        }
        Some("services") => parse_services(parser),
        Some("bench") => parse_bench(parser),
        _ => Err(Error::Usage(format!("unknown command {command:?}"))),
    }
}

fn parse_test(mut parser: lexopt::Parser) -> Result<Command> {
    let mut options = TestOptions::default();
    while let Some(argument) = next_before_dashes(&mut parser, &mut options.runner)? {
        match argument {
            Short('h') | Long("help") => return Ok(Command::Help),
            Long("fast") => options.fast = true,
            Long("cargo") => options.plain_cargo = true,
            Long("no-install") => options.no_install = true,
            Short('p') | Long("package") => {
                let name = parser
                    .value()
                    .and_then(|value| value.string())
                    .map_err(usage)?;
                options.packages.push(name);
            }
            Long("repeat") => options.repeat = Some(times(&mut parser)?),
            Value(value) => options.filters.push(value.string().map_err(usage)?),
            other => return Err(usage(other.unexpected())),
        }
    }
    match options.filters.first() {
        Some(filter) if options.repeat.is_none() => Err(Error::Usage(format!(
            "unexpected argument {filter:?}: what the test runner is to get stands after --; filters stand here with --repeat"
        ))),
        _ => Ok(Command::Test(options)),
    }
}

/// How often, from 1.
fn times(parser: &mut lexopt::Parser) -> Result<u32> {
    let value = parser.value().map_err(usage)?;
    let times = value.to_str().and_then(|text| text.parse().ok());
    times.filter(|times| *times > 0).ok_or_else(|| {
        Error::Usage(format!(
            "{value:?} does not say how often: --repeat takes a number from 1"
        ))
    })
}

/// The next argument, or none at the end; what follows `--` goes to `rest`.
fn next_before_dashes<'a>(
    parser: &'a mut lexopt::Parser,
    rest: &mut Vec<OsString>,
) -> Result<Option<lexopt::Arg<'a>>> {
    if let Some(mut raw) = parser.try_raw_args()
        && raw.peek().is_some_and(|next| next == "--")
    {
        raw.next();
        rest.extend(raw);
        return Ok(None);
    }
    parser.next().map_err(usage)
}

fn parse_services(mut parser: lexopt::Parser) -> Result<Command> {
    let action = match parser.next().map_err(usage)? {
        Some(Value(action)) => action,
        Some(Short('h') | Long("help")) => return Ok(Command::Help),
        Some(other) => return Err(usage(other.unexpected())),
        None => {
            return Err(Error::Usage(
                "services needs one of: up, down, status".to_owned(),
            ));
        }
    };
    match action.to_str() {
        Some("up") => finish(parser, Command::ServicesUp),
        Some("down") => finish(parser, Command::ServicesDown),
        Some("status") => {
            let json = flag(&mut parser, "json")?;
            Ok(json.map_or(Command::Help, |json| Command::ServicesStatus { json }))
        }
        _ => Err(Error::Usage(format!(
            "unknown action {action:?}: services needs one of: up, down, status"
        ))),
    }
}

fn parse_bench(mut parser: lexopt::Parser) -> Result<Command> {
    let (mut name, mut json, mut quick) = (None, false, false);
    while let Some(argument) = parser.next().map_err(usage)? {
        match argument {
            Short('h') | Long("help") => return Ok(Command::BenchHelp),
            Long("json") => json = true,
            Long("quick") => quick = true,
            Value(value) if name.is_none() => {
                let known = bench::NAMES.into_iter().find(|known| value == *known);
                name = Some(known.ok_or_else(|| no_bench(&format!("unknown bench {value:?}")))?);
            }
            other => return Err(usage(other.unexpected())),
        }
    }
    let name = name.ok_or_else(|| no_bench("no bench is named"))?;
    Ok(Command::Bench(BenchOptions { name, json, quick }))
}

fn no_bench(problem: &str) -> Error {
    let names = bench::NAMES.join(", ");
    Error::Usage(format!("{problem}: bench needs one of: {names}"))
}

/// Reads the rest of a command that has one flag; none if help was asked for.
fn flag(parser: &mut lexopt::Parser, name: &str) -> Result<Option<bool>> {
    let mut given = false;
    while let Some(argument) = parser.next().map_err(usage)? {
        match argument {
            Short('h') | Long("help") => return Ok(None),
            Long(long) if long == name => given = true,
            other => return Err(usage(other.unexpected())),
        }
    }
    Ok(Some(given))
}

/// The command, if nothing follows it.
fn finish(mut parser: lexopt::Parser, command: Command) -> Result<Command> {
    match parser.next().map_err(usage)? {
        None => Ok(command),
        Some(Short('h') | Long("help")) => Ok(Command::Help),
        Some(other) => Err(usage(other.unexpected())),
    }
}

fn usage(error: lexopt::Error) -> Error {
    Error::Usage(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> std::result::Result<Command, u8> {
        parse(arguments.iter().map(OsString::from)).map_err(|error| error.exit_code())
    }

    #[test]
    fn nothing_or_help_is_help() {
        for line in [
            &[][..],
            &["--help"],
            &["-h"],
            &["help"],
            &["tidy", "--help"],
        ] {
            assert_eq!(parsed(line), Ok(Command::Help), "{line:?}");
        }
    }

    #[test]
    fn unknown_words_are_usage_errors() {
        for line in [
            &["bench"][..],
            &["tidy", "now"],
            &["services"],
            &["services", "restart"],
            &["bench", "cash"],
            &["bench", "cache", "cache"],
            &["bench", "cache", "--fast"],
            &["codegen", "--chek"],
            &["test", "filter"],
            &["test", "-p"],
            &["--version"],
        ] {
            assert_eq!(parsed(line), Err(2), "{line:?}");
        }
    }

    #[test]
    fn filters_stand_with_repeat() {
        let options = TestOptions {
            repeat: Some(20),
            filters: vec!["faults".to_owned(), "pool::".to_owned()],
            ..TestOptions::default()
        };
        let line = ["test", "faults", "--repeat", "20", "pool::"];
        assert_eq!(parsed(&line), Ok(Command::Test(options)));
        for wrong in [
            &["test", "faults"][..],
            &["test", "--repeat", "faults"],
            &["test", "--repeat", "0"],
            &["test", "--repeat"],
        ] {
            assert_eq!(parsed(wrong), Err(2), "{wrong:?}");
        }
    }

    #[test]
    fn the_runner_gets_what_follows_the_dashes() {
        let options = TestOptions {
            fast: true,
            packages: vec!["larder-pool".to_owned(), "larder".to_owned()],
            runner: vec!["--nocapture".into(), "--".into(), "--exact".into()],
            ..TestOptions::default()
        };
        let line = [
            "test",
            "--fast",
            "-p",
            "larder-pool",
            "--package=larder",
            "--",
            "--nocapture",
            "--",
            "--exact",
        ];
        assert_eq!(parsed(&line), Ok(Command::Test(options)));
    }

    #[test]
    fn the_demo_gets_everything() {
        let arguments = vec!["--help".into(), "--".into(), "x".into()];
        assert_eq!(
            parsed(&["demo", "--help", "--", "x"]),
            Ok(Command::Demo { arguments })
        );
    }

    #[test]
    fn chaos_gets_everything() {
        let arguments = vec!["--seconds".into(), "5".into(), "--help".into()];
        assert_eq!(
            parsed(&["chaos", "--seconds", "5", "--help"]),
            Ok(Command::Chaos { arguments })
        );
    }

    #[test]
    fn differential_gets_everything() {
        let arguments = vec!["--relax".into(), "all".into(), "--help".into()];
        assert_eq!(
            parsed(&["differential", "--relax", "all", "--help"]),
            Ok(Command::Differential { arguments })
        );
    }

    #[test]
    fn a_bench_has_a_name_and_options() {
        let options = BenchOptions {
            name: "cache",
            json: true,
            quick: false,
        };
        let line = parsed(&["bench", "--json", "cache"]);
        assert_eq!(line, Ok(Command::Bench(options)));
        for line in [&["bench", "--help"][..], &["bench", "cache", "-h"]] {
            assert_eq!(parsed(line), Ok(Command::BenchHelp), "{line:?}");
        }
        assert!(
            bench::NAMES
                .iter()
                .all(|name| BENCH_HELP.contains(&format!("\n  {name} ")))
        );
    }

    #[test]
    fn flags_are_read() {
        assert_eq!(
            parsed(&["codegen", "--check"]),
            Ok(Command::Codegen { check: true })
        );
        assert_eq!(parsed(&["codegen"]), Ok(Command::Codegen { check: false }));
        let status = parsed(&["services", "status", "--json"]);
        assert_eq!(status, Ok(Command::ServicesStatus { json: true }));
    }
}
