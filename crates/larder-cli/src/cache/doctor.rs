//! `larder cache doctor`: whether everything that coherence needs is as it should be.

use clap::Args;
use comfy_table::{Cell, Color};
use larder_database::Database;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::database::on_database;
use super::error::Error;
use crate::exit::Exit;
use crate::output::{has_colours, plain_table, print, print_json};
use crate::settings::Settings;

const EXAMPLES: &str = "\
Examples:
  larder cache doctor
  larder cache doctor --json | jq '.findings[].cure'

Exit codes:
  0  all is well
  1  there are findings, or the database cannot be asked
  2  the command line or the configuration is not right";

/// How far the clock of the server may be from the one here, in seconds. Rows are kept by the
/// hour, so less does no harm.
const CLOCK_TOLERANCE: f64 = 60.0;

const SERVER: &str = "
    SELECT pg_catalog.pg_is_in_recovery() AS standby,
           pg_catalog.current_setting('transaction_read_only') = 'on' AS read_only,
           pg_catalog.current_setting('server_version_num')::int4 AS version,
           extract(epoch FROM pg_catalog.clock_timestamp())::float8 AS time";

/// Tables with a trigger of the log, and those that share rows with one of them: how the
/// trigger stands (`tgenabled`), and which events it has.
const TRACKED: &str = "
    WITH RECURSIVE log_trigger AS (
        SELECT t.tgrelid, t.tgenabled, t.tgtype
        FROM pg_catalog.pg_trigger t
        JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
        JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
        WHERE n.nspname = 'larder' AND p.proname = 'track'
    ),
    relative (id, named) AS (
        SELECT tgrelid, tgrelid FROM log_trigger
        UNION
        SELECT CASE i.inhparent WHEN r.id THEN i.inhrelid ELSE i.inhparent END, r.named
        FROM relative r
        JOIN pg_catalog.pg_inherits i ON r.id IN (i.inhparent, i.inhrelid)
    )
    SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS name,
           pg_catalog.min(pg_catalog.format('%I.%I', m.nspname, d.relname)) AS of,
           (SELECT pg_catalog.bool_and(g.tgenabled = 'A') FROM log_trigger g WHERE g.tgrelid = c.oid) AS always,
           (SELECT pg_catalog.bit_or(g.tgtype) & 60 = 60 FROM log_trigger g WHERE g.tgrelid = c.oid) AS complete
    FROM relative r
    JOIN pg_catalog.pg_class c ON c.oid = r.id
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_class d ON d.oid = r.named
    JOIN pg_catalog.pg_namespace m ON m.oid = d.relnamespace
    WHERE c.relkind IN ('r', 'p')
    GROUP BY n.nspname, c.relname, c.oid
    ORDER BY 1";

/// Checks the log, the rights of the role, the server and the tables that are tracked.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Doctor {
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Debug, Deserialize)]
struct Server {
    standby: bool,
    read_only: bool,
    version: i32,
    time: f64,
}

#[derive(Debug, Deserialize)]
struct Table {
    name: String,
    of: String,
    /// `None` without the trigger, here and below.
    always: Option<bool>,
    complete: Option<bool>,
}

/// What was looked at, and what is wrong with it.
#[derive(Debug, Serialize)]
struct Report {
    healthy: bool,
    checks: Vec<&'static str>,
    findings: Vec<Finding>,
}

/// Something that is wrong.
#[derive(Debug, Serialize)]
pub(crate) struct Finding {
    pub(crate) check: &'static str,
    pub(crate) problem: String,
    pub(crate) cure: String,
}

impl Doctor {
    pub(super) fn run(self) -> Exit {
        let json = self.json;
        on_database(self.settings, json, async |database| {
            let report = examine(database).await?;
            let exit = match report.healthy {
                true => Exit::Done,
                false => Exit::Failed,
            };
            Ok(match json {
                true => print_json(&report, exit),
                false => print(&page(&report, has_colours()), exit),
            })
        })
    }
}

async fn examine(database: &Database) -> Result<Report, Error> {
    let mut findings = Vec::new();
    let mut checks = vec!["server", "clock", "log"];
    server(database, &mut findings).await?;
    if examine_log(database, &mut findings).await? {
        checks.extend(["rights", "warm", "tables"]);
    }
    Ok(Report {
        healthy: findings.is_empty(),
        checks,
        findings,
    })
}

/// The log, the rights on it, and the tables that are tracked. Says whether there is a log at all.
pub(crate) async fn examine_log(
    database: &Database,
    findings: &mut Vec<Finding>,
) -> Result<bool, Error> {
    let present = log(database, findings).await?;
    if present {
        tables(database, findings).await?;
    }
    Ok(present)
}

async fn server(database: &Database, findings: &mut Vec<Finding>) -> Result<(), Error> {
    let server = database.sql(SERVER).fetch_json().await?;
    let here = chrono::Utc::now().timestamp_millis() as f64 / 1000.0;
    let server: Server = serde_json::from_value(server.into_iter().next().unwrap_or_default())?;
    let mut find = |check, problem: String, cure: &str| {
        findings.push(Finding {
            check,
            problem,
            cure: cure.to_owned(),
        });
    };
    if server.standby {
        find(
            "server",
            "it is a standby: nothing can be logged, and the log arrives late".to_owned(),
            "let database.url name the primary",
        );
    } else if server.read_only {
        find(
            "server",
            "transactions are read-only by default: nothing can be logged".to_owned(),
            "set default_transaction_read_only to off for the role or the database",
        );
    }
    if server.version < 140_000 {
        find(
            "server",
            format!("it is PostgreSQL {}", database.server_version()),
            "use PostgreSQL 14 or newer",
        );
    }
    let off = server.time - here;
    if off.abs() > CLOCK_TOLERANCE {
        find(
            "clock",
            format!(
                "the clock of the server is {off:+.0} s from the one here: rows of the log are kept by its hours"
            ),
            "set both by NTP",
        );
    }
    Ok(())
}

/// Says whether there is a log at all.
async fn log(database: &Database, findings: &mut Vec<Finding>) -> Result<bool, Error> {
    let status = database.log_status().await?;
    for missing in &status.rights {
        findings.push(Finding {
            check: "rights",
            problem: format!("the role {} lacks {}", status.role, missing.right),
            cure: missing.grant.clone(),
        });
    }
    if let Some(cure) = &status.warming_cure {
        findings.push(Finding {
            check: "warm",
            problem: format!(
                "the role {} cannot be asked to warm its cache: larder.warming is missing, or may not be used",
                status.role
            ),
            cure: cure.clone(),
        });
    }
    let problem = match status.check() {
        _ if !status.present => "there is none".to_owned(),
        // Told one by one already.
        Err(larder_database::Error::LogRights { .. }) | Ok(()) => return Ok(status.present),
        Err(error) => format!("a service would fail to {error}"),
    };
    findings.push(Finding {
        check: "log",
        problem,
        cure: "larder cache install".to_owned(),
    });
    Ok(status.present)
}

async fn tables(database: &Database, findings: &mut Vec<Finding>) -> Result<(), Error> {
    let rows = database.sql(TRACKED).fetch_json().await?;
    let tables: Vec<Table> = serde_json::from_value(Value::Array(rows))?;
    for table in tables {
        let name = &table.name;
        let (problem, cure) = match (table.always, table.complete) {
            (Some(true), Some(true)) => continue,
            (None, _) | (_, None) => (
                format!(
                    "{name} has no trigger of the log, though it shares rows with {}",
                    table.of
                ),
                format!("larder cache track {name}"),
            ),
            (Some(false), _) => (
                format!("the trigger of {name} is switched off, or not always on"),
                format!("ALTER TABLE ONLY {name} ENABLE ALWAYS TRIGGER larder_track"),
            ),
            (_, Some(false)) => (
                format!(
                    "the trigger of {name} does not fire on all of INSERT, UPDATE, DELETE and TRUNCATE"
                ),
                format!("larder cache untrack {name}, then larder cache track {name}"),
            ),
        };
        findings.push(Finding {
            check: "tables",
            problem,
            cure,
        });
    }
    Ok(())
}

fn page(report: &Report, colours: bool) -> String {
    let mut table = plain_table(&["CHECK", "STATE", "CURE"], colours);
    let coloured = |text: &str, colour| match colours {
        true => Cell::new(text).fg(colour),
        false => Cell::new(text),
    };
    for check in &report.checks {
        let mut found = report
            .findings
            .iter()
            .filter(|finding| finding.check == *check)
            .peekable();
        if found.peek().is_none() {
            table.add_row([
                Cell::new(check),
                coloured("fine", Color::Green),
                Cell::new(""),
            ]);
        }
        for finding in found {
            table.add_row([
                Cell::new(check),
                coloured(&finding.problem, Color::Red),
                Cell::new(&finding.cure),
            ]);
        }
    }
    table.trim_fmt()
}
