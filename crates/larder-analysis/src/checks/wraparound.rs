//! How far transaction ids have gone since rows were frozen. At the end the server takes no more
//! writes.

use serde::Deserialize;

use super::check::{ANY, of_users};
use super::{Check, Context, Need, judge_with};
use crate::quantity::{bytes, count, percent, time_class};
use crate::{AnalysisFinding, Severity};

pub(super) const CHECKS: &[Check] = &[
    Check {
        codes: &["wraparound-database"],
        title: "transaction ids of the database",
        versions: ANY,
        needs: &[Need::Primary],
        sql: DATABASES,
        judge: |rows, context| judge_with(rows, context, database),
    },
    Check {
        codes: &["wraparound-table"],
        title: "transaction ids of tables",
        versions: ANY,
        needs: &[Need::Primary],
        sql: TABLES,
        judge: |rows, context| judge_with(rows, context, table),
    },
];

/// As many ids as can be told apart.
const IDS: f64 = 2_147_483_648.0;

/// Of all databases: the oldest one stops the whole server.
const DATABASES: &str = "
    SELECT d.datname AS name, pg_catalog.age(d.datfrozenxid)::int8 AS age,
           pg_catalog.mxid_age(d.datminmxid)::int8 AS multixact_age,
           d.datname = pg_catalog.current_database() AS is_own, d.datallowconn AS is_open
    FROM pg_catalog.pg_database d";

#[derive(Deserialize)]
struct Frozen {
    name: String,
    age: i64,
    multixact_age: i64,
    is_own: bool,
    is_open: bool,
}

fn database(row: Frozen, context: &Context<'_>) -> Option<AnalysisFinding> {
    let used = row.age.max(row.multixact_age) as f64;
    let severity = severity(used, context)?;
    let share = percent(used / IDS);
    let name = &row.name;
    let finding = AnalysisFinding::new(
        "wraparound-database",
        severity,
        name,
        format!("{share} of all transaction ids have passed since rows of the database {name} were frozen; at 100 % the server takes no more writes"),
    )
    .evidence("transactions since", count(row.age as f64))
    .evidence("multixacts since", count(row.multixact_age as f64))
    .advice("freeze it, after ending what keeps old rows alive: long transactions, replication slots, prepared transactions; and see why autovacuum does not");
    let cost = "reads all tables that are not frozen: minutes to hours; lets others read and write";
    Some(match (row.is_own, row.is_open) {
        (true, _) => finding.cure("VACUUM (FREEZE);", cost),
        (false, true) => finding.costs(format!(
            "connect to {name} and run VACUUM (FREEZE) there; {cost}"
        )),
        (false, false) => finding.costs(format!(
            "allow connections to {name} and run VACUUM (FREEZE) there; {cost}"
        )),
    })
}

/// The oldest ten.
const TABLES: &str = concat!(
    "
    SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS table,
           greatest(pg_catalog.age(c.relfrozenxid), pg_catalog.age(o.relfrozenxid))::int8 AS age,
           pg_catalog.pg_table_size(c.oid)::int8 AS bytes
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_class o ON o.oid = c.reltoastrelid AND c.reltoastrelid <> 0
    WHERE ",
    of_users!(),
    " AND c.relkind IN ('r', 'm')
    ORDER BY age DESC LIMIT 10"
);

#[derive(Deserialize)]
struct Table {
    table: String,
    age: i64,
    bytes: i64,
}

fn table(row: Table, context: &Context<'_>) -> Option<AnalysisFinding> {
    let severity = severity(row.age as f64, context)?;
    let table = &row.table;
    let share = percent(row.age as f64 / IDS);
    let size = row.bytes as f64;
    Some(
        AnalysisFinding::new(
            "wraparound-table",
            severity,
            table,
            format!("{share} of all transaction ids have passed since rows of {table} were frozen"),
        )
        .evidence("transactions since", count(row.age as f64))
        .evidence("size", bytes(size))
        .advice("freeze it, after ending what keeps old rows alive")
        .cure(
            format!("VACUUM (FREEZE) {table};"),
            format!(
                "reads it ({}): {}; lets others read and write",
                bytes(size),
                time_class(size)
            ),
        ),
    )
}

/// How bad it is, if it is: what autovacuum still has time for is not.
fn severity(used: f64, context: &Context<'_>) -> Option<Severity> {
    const CRITICAL: f64 = 0.75;
    let begins = context
        .server
        .number("autovacuum_freeze_max_age")
        .unwrap_or(2e8);
    let share = used / IDS;
    match share {
        CRITICAL.. => Some(Severity::Critical),
        share if share >= context.thresholds.wraparound_share && used > 1.1 * begins => {
            Some(Severity::Warning)
        }
        _ => None,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;
    use crate::Thresholds;
    use crate::server::Server;

    #[test]
    fn ages_are_judged_by_what_is_left() {
        let (server, thresholds) = (Server::default(), Thresholds::default());
        let context = Context {
            server: &server,
            thresholds: &thresholds,
        };
        let judged = |age: i64, multixact_age: i64| {
            let name = "shop".to_owned();
            database(
                Frozen {
                    name,
                    age,
                    multixact_age,
                    is_own: true,
                    is_open: true,
                },
                &context,
            )
        };
        assert_eq!(judged(250_000_000, 0), None);
        let warned = judged(1_000_000_000, 0).unwrap();
        assert_eq!(warned.severity, Severity::Warning);
        assert_eq!(warned.cure_sql.as_deref(), Some("VACUUM (FREEZE);"));
        assert_eq!(
            judged(0, 1_900_000_000).unwrap().severity,
            Severity::Critical
        );
        let table = Table {
            table: "public.t".to_owned(),
            age: 1_800_000_000,
            bytes: 1 << 30,
        };
        let found = super::table(table, &context).unwrap();
        assert_eq!(found.cure_sql.as_deref(), Some("VACUUM (FREEZE) public.t;"));
    }
}
