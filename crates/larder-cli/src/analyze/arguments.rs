//! What is asked for on the command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use larder_analysis::{History, Options, Seen, Severity};

use super::Error;
use crate::settings::Settings;

const EXAMPLES: &str = "\
Examples:
  larder analyze
  larder analyze --min-severity warning
  larder analyze --only index-unused --statistics-age 1d
  larder analyze --statement 'SELECT * FROM orders WHERE customer_id = $1'
  larder analyze --statement report.sql --run          also run it, to see real rows and spills
  larder analyze --save readings.jsonl                 each hour: compares with a day before
  larder analyze --json | jq -r '.findings[].cure_sql // empty'
  larder analyze --apply                               asks before each cure
  larder analyze --apply --yes --only foreign-key-without-index

It asks in one transaction that only reads, and changes nothing unless --apply is given: what it
would change stands behind `cure`, and is yours to run. Statements are those that pg_stat_statements knows, where it is
installed, and those that are given. Indexes are tried out with hypopg, where that is installed,
before they are proposed. What it could not look at is listed with the reason and a cure.

Exit codes:
  0  nothing was found, or all that was found is cured
  1  something was found, and with --apply is left
  2  the command line or the configuration is not right, or the database cannot be asked";

/// Looks for what ails the database: indexes, tables, plans, statements, sequences, settings.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Analyze {
    /// Print one JSON object.
    #[arg(long)]
    pub(super) json: bool,
    /// Ask this database. Others on this machine can see it: DATABASE_URL hides its password.
    #[arg(long, value_name = "URL")]
    pub(super) database_url: Option<String>,
    /// Also look at the plan of this statement: SQL, or a file that holds it. It may have values, or
    /// $1 in their place. Can be given several times.
    #[arg(long, value_name = "FILE|SQL")]
    statement: Vec<String>,
    /// Run the statements that are given, if they only read.
    #[arg(long, requires = "statement")]
    run: bool,
    /// Only look for this. Can be given several times; an unknown code names all that there are.
    #[arg(long, value_name = "CODE")]
    only: Vec<String>,
    /// Leave out what is less severe.
    #[arg(long, value_name = "SEVERITY", default_value = "notice")]
    min_severity: MinSeverity,
    /// How old the statistics of the server have to be before an index is called unused, such as
    /// 7d or 12h.
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = humantime::parse_duration)]
    statistics_age: Duration,
    /// How long each question may take, such as 30s.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = humantime::parse_duration)]
    timeout: Duration,
    /// Compare the last hour with the same hour before by the readings in this file, and add one.
    #[arg(long, value_name = "FILE")]
    pub(super) save: Option<PathBuf>,
    /// Compare by the readings in this file, and add none.
    #[arg(long, value_name = "FILE", conflicts_with = "save")]
    compare: Option<PathBuf>,
    /// What an instance says of itself, as JSON: its statements, and how long results are kept.
    #[arg(long, value_name = "FILE")]
    statistics: Option<PathBuf>,
    /// Run the cures of what was found for sure, one by one, after a question each. Each by itself:
    /// what is done stays done where a later one fails. Settings of the server and the sessions of
    /// others are left alone.
    #[arg(long)]
    pub(super) apply: bool,
    /// Run them without asking.
    #[arg(long, requires = "apply", requires = "only")]
    pub(super) yes: bool,
    #[command(flatten)]
    pub(super) settings: Settings,
}

/// How severe a finding has to be.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum MinSeverity {
    Notice,
    Warning,
    Critical,
}

impl Analyze {
    /// The options of the analysis.
    pub(super) fn options(&self) -> Result<Options, Error> {
        let mut options = Options::default();
        options.only.clone_from(&self.only);
        options.min_severity = match self.min_severity {
            MinSeverity::Notice => Severity::Notice,
            MinSeverity::Warning => Severity::Warning,
            MinSeverity::Critical => Severity::Critical,
        };
        let statements = self.statement.iter().map(|given| statement(given));
        options.statements = statements.collect::<Result<_, _>>()?;
        options.run_statements = self.run;
        options.statement_timeout = self.timeout;
        options.thresholds.statistics_age = self.statistics_age;
        if let Some(path) = self.save.as_ref().or(self.compare.as_ref()) {
            options.history = Some(History::load(path)?);
        }
        if let Some(path) = &self.statistics {
            options.seen = seen(path)?;
        }
        Ok(options)
    }
}

/// SQL has spaces, and what has none is the name of a file.
fn statement(given: &str) -> Result<String, Error> {
    let is_sql =
        given.trim().contains(char::is_whitespace) && !std::path::Path::new(given).exists();
    if is_sql {
        return Ok(given.to_owned());
    }
    std::fs::read_to_string(given).map_err(|error| Error::File {
        what: "a statement",
        path: given.to_owned(),
        reason: error.to_string(),
    })
}

fn seen(path: &std::path::Path) -> Result<Seen, Error> {
    let failed = |reason: String| Error::File {
        what: "statistics",
        path: path.display().to_string(),
        reason,
    };
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    let statistics = serde_json::from_str(&text).map_err(|error| failed(error.to_string()))?;
    Seen::from_json(&statistics).map_err(|error| failed(error.to_string()))
}
