//! Sessions that hold what others need: idle in a transaction, or in one for hours.

use serde::Deserialize;

use super::check::ANY;
use super::{Check, Context, Need, judge_with};
use crate::quantity::{count, seconds};
use crate::{AnalysisFinding, Severity};

pub(super) const CHECKS: &[Check] = &[Check {
    codes: &["session-idle-in-transaction", "session-long-transaction"],
    title: "sessions that hold what others need",
    versions: ANY,
    needs: &[Need::SeesAll],
    sql: SESSIONS,
    judge: |rows, context| judge_with(rows, context, session),
}];

/// Statements are not told of: they may have values of users in them.
const SESSIONS: &str = "
    SELECT a.pid, a.usename::text AS role, a.application_name AS application, a.state,
           extract(epoch FROM pg_catalog.clock_timestamp() - a.state_change)::float8 AS state_age,
           extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start)::float8 AS age,
           coalesce(pg_catalog.age(a.backend_xmin), pg_catalog.age(a.backend_xid), 0)::int8
             AS transactions,
           (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity b
            WHERE a.pid = ANY (pg_catalog.pg_blocking_pids(b.pid))) AS waiting
    FROM pg_catalog.pg_stat_activity a
    WHERE a.datname = pg_catalog.current_database() AND a.pid <> pg_catalog.pg_backend_pid()
      AND a.xact_start IS NOT NULL AND a.backend_type = 'client backend'";

#[derive(Deserialize)]
struct Session {
    pid: i32,
    role: Option<String>,
    application: Option<String>,
    state: Option<String>,
    state_age: Option<f64>,
    /// Of its transaction.
    age: Option<f64>,
    /// How many transactions have begun since.
    transactions: i64,
    waiting: i64,
}

fn session(row: Session, context: &Context<'_>) -> Option<AnalysisFinding> {
    let thresholds = context.thresholds;
    let age = row.age.unwrap_or_default();
    let state = row.state.as_deref().unwrap_or_default();
    let is_idle = state.starts_with("idle in transaction");
    let limit = thresholds.idle_in_transaction.as_secs_f64();
    let idle = row.state_age.filter(|age| is_idle && *age >= limit);
    let pid = row.pid;
    let application = row.application.as_deref().unwrap_or_default();
    let (code, title) = if let Some(idle) = idle {
        (
            "session-idle-in-transaction",
            format!(
                "the session {pid} ({application}) has been idle in a transaction for {}",
                seconds(idle)
            ),
        )
    } else if age >= thresholds.long_transaction.as_secs_f64() {
        (
            "session-long-transaction",
            format!(
                "the session {pid} ({application}) has been in a transaction for {}",
                seconds(age)
            ),
        )
    } else {
        return None;
    };
    // It has an hour's worth of dead rows to answer for, and whoever waits.
    let severity = match row.waiting > 0 || age >= thresholds.long_transaction.as_secs_f64() {
        true => Severity::Warning,
        false => Severity::Notice,
    };
    let finding = AnalysisFinding::new(code, severity, format!("session {pid}"), title)
        .evidence("role", row.role.as_deref().unwrap_or_default())
        .evidence("application", application)
        .evidence("state", state)
        .evidence("its transaction began", format!("{} ago", seconds(age)))
        .evidence("transactions since", count(row.transactions as f64))
        .evidence("sessions that wait for it", row.waiting);
    let harm = "its locks are held and dead rows are kept meanwhile";
    Some(match idle {
        Some(_) => finding
            .advice(format!("end it, and see where the application leaves transactions open; {harm}. idle_in_transaction_session_timeout ends such sessions by itself"))
            .cure(
                format!("SELECT pg_terminate_backend({pid});"),
                "at once; its transaction is rolled back, and its client gets an error",
            )
            .reaching_others(),
        // It may be a backup or an import that somebody waits for, at rest between two statements.
        None => finding
            .advice(format!("find out what it does (pg_stat_activity has its statement) and whether that is meant to take so long; {harm}. Work in smaller pieces lets go of them in between"))
            .costs("ended before it is done, all its work is rolled back and has to be done again"),
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;
    use crate::Thresholds;
    use crate::server::Server;

    const HOURS: f64 = 3.0 * 3_600.0;

    fn judged(state: &str, state_age: f64) -> AnalysisFinding {
        let row = Session {
            pid: 7,
            role: Some("app".to_owned()),
            application: Some("import".to_owned()),
            state: Some(state.to_owned()),
            state_age: Some(state_age),
            age: Some(HOURS),
            transactions: 0,
            waiting: 0,
        };
        let context = Context {
            server: &Server::default(),
            thresholds: &Thresholds::default(),
        };
        session(row, &context).unwrap()
    }

    #[test]
    fn only_who_does_nothing_is_to_be_ended() {
        for state in ["idle in transaction", "idle in transaction (aborted)"] {
            let idle = judged(state, HOURS);
            assert_eq!(idle.code, "session-idle-in-transaction");
            let cure = idle.cure_sql.as_deref();
            assert_eq!(cure, Some("SELECT pg_terminate_backend(7);"));
        }
        for (state, state_age) in [("active", HOURS), ("idle in transaction", 0.1)] {
            let working = judged(state, state_age);
            assert_eq!(working.code, "session-long-transaction");
            assert_eq!(working.cure_sql, None);
            assert!(working.advice.contains("what it does"), "{working:#?}");
        }
    }
}
