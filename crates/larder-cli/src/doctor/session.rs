//! Whether the settings of a session arrive at the server.

use std::time::Duration;

use larder_config::Config;
use larder_database::Database;
use serde::Deserialize;

use super::check::{Outcome, Verdict};
use super::server::ask;

/// Times in milliseconds, whatever unit they were set in.
const SESSION: &str = "
    SELECT (SELECT setting::int8 FROM pg_catalog.pg_settings
            WHERE name = 'statement_timeout') AS statement,
           (SELECT setting::int8 FROM pg_catalog.pg_settings
            WHERE name = 'idle_in_transaction_session_timeout') AS idle,
           pg_catalog.current_setting('standard_conforming_strings') AS strings,
           pg_catalog.current_setting('TimeZone') AS zone,
           pg_catalog.current_setting('default_transaction_isolation') AS isolation";

#[derive(Deserialize)]
struct Session {
    statement: i64,
    idle: i64,
    strings: String,
    zone: String,
    isolation: String,
}

/// Compares what holds on a connection with what the settings say.
pub(super) async fn check(database: &Database, config: &Config) -> Outcome {
    let session: Session = match ask(database, SESSION).await {
        Ok(session) => session,
        Err(verdict) => return verdict.into(),
    };
    let mut verdicts = vec![Verdict::ok(format!(
        "statement_timeout {}, idle_in_transaction_session_timeout {}, time zone {}, isolation {}",
        shown(session.statement),
        shown(session.idle),
        session.zone,
        session.isolation,
    ))];
    let settings = &config.database;
    let mut compare = |name: &str, wanted: Duration, holds: i64| {
        if i64::try_from(wanted.as_millis()) != Ok(holds) {
            verdicts.push(lost(name, &format!("{wanted:?}"), &shown(holds)));
        }
    };
    compare(
        "statement_timeout",
        settings.statement_timeout,
        session.statement,
    );
    compare(
        "idle_in_transaction_session_timeout",
        settings.idle_in_transaction_timeout,
        session.idle,
    );
    for (name, wanted, holds) in [
        ("standard_conforming_strings", "on", session.strings),
        ("TimeZone", "UTC", session.zone),
    ] {
        if holds != wanted {
            verdicts.push(lost(name, wanted, &holds));
        }
    }
    verdicts.into()
}

fn lost(name: &str, wanted: &str, holds: &str) -> Verdict {
    Verdict::warning(
        format!("{name} was set to {wanted}, and is {holds}"),
        "a pooler in between does not keep settings of a session: set database.pooler to its \
         mode, or connect to the server itself",
    )
}

/// Milliseconds as people write them; 0 is without a limit.
fn shown(milliseconds: i64) -> String {
    match u64::try_from(milliseconds) {
        Ok(0) => "none".to_owned(),
        Ok(milliseconds) => format!("{:?}", Duration::from_millis(milliseconds)),
        Err(_) => milliseconds.to_string(),
    }
}
