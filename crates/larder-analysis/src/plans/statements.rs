//! The plans of statements: those that were given, and those of the role itself that took most time.
//!
//! To plan a statement is to run some of it: the planner calls functions that are declared IMMUTABLE
//! with values that it knows. So what another role has written is never planned with the rights of
//! whoever analyses, who may be a superuser.

use larder_database::{Connection, Error as DatabaseError, Sql, sql};
use serde::Deserialize;

use super::advice::{Ground, conjecture, judge, missing_index, unserved};
use super::candidate::{Candidate, candidates, grouped};
use super::expectation::off;
use super::node::Node;
use super::proposal::{Proposal, to_build};
use super::tables::Tables;
use super::{CODES, explain, trial};
use crate::checks::one_line;
use crate::connection::{Unanswered, ask, run};
use crate::quantity::{count, milliseconds};
use crate::seen::SeenStatement;
use crate::server::Server;
use crate::{AnalysisFinding, Error, NotChecked, Options};

/// What the plans have shown.
#[derive(Debug, Default)]
pub(crate) struct Explained {
    pub(crate) findings: Vec<AnalysisFinding>,
    pub(crate) not_checked: Vec<NotChecked>,
    /// How many statements had a plan.
    pub(crate) statements: usize,
}

/// What may be planned: what only reads or changes rows, as other statements have no plan, and does
/// not ask of the server itself.
macro_rules! with_plans {
    () => {
        "d.datname = pg_catalog.current_database()
         AND s.query ~* '^[[:space:](]*(select|with|update|delete|merge)'
         AND s.query !~* 'pg_catalog|pg_stat_|information_schema|hypopg'"
    };
}

/// Those that the role itself has run. Roles are compared by name, as a cast to `regrole` would fold
/// capital letters.
const STATEMENTS: &str = concat!(
    "
    SELECT s.query AS text, pg_catalog.sum(s.calls)::int8 AS calls,
           pg_catalog.sum(s.total_exec_time)::float8 AS total,
           pg_catalog.sum(s.rows)::int8 AS rows
    FROM {pg_stat_statements}.pg_stat_statements s
    JOIN pg_catalog.pg_database d ON d.oid = s.dbid
    WHERE ",
    with_plans!(),
    "
      AND s.userid = (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = current_user)
    GROUP BY s.query
    ORDER BY total DESC LIMIT :explained"
);

/// Whose statements are left, those first that took most time.
const OF_OTHERS: &str = concat!(
    "
    SELECT pg_catalog.pg_get_userbyid(s.userid) AS role, current_user AS asks
    FROM {pg_stat_statements}.pg_stat_statements s
    JOIN pg_catalog.pg_database d ON d.oid = s.dbid
    WHERE ",
    with_plans!(),
    "
      AND s.userid <> (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = current_user)
    GROUP BY s.userid
    ORDER BY pg_catalog.sum(s.total_exec_time) DESC"
);

/// Another role whose statements are known.
#[derive(Debug, Deserialize)]
struct Other {
    role: String,
    /// The role that analyses.
    asks: String,
}

/// A statement whose plan is looked at.
#[derive(Debug, Clone, Deserialize)]
struct Statement {
    text: String,
    #[serde(default)]
    calls: i64,
    /// Milliseconds.
    #[serde(default)]
    total: f64,
    #[serde(default)]
    rows: i64,
    /// Whoever asks for it has named it.
    #[serde(skip)]
    is_given: bool,
}

/// Looks at all plans.
pub(crate) async fn examine(
    connection: &mut Connection,
    server: &Server,
    options: &Options,
) -> Result<Explained, Error> {
    let mut examination = Examination {
        server,
        options,
        tables: Tables::default(),
        explained: Explained::default(),
        failed: 0,
        first_failure: String::new(),
        untried: false,
        proposals: Vec::new(),
    };
    let given = options.statements.iter().map(|text| Statement {
        text: text.clone(),
        calls: 0,
        total: 0.0,
        rows: 0,
        is_given: true,
    });
    for statement in given {
        let examined = examination.statement(connection, &statement).await;
        examined.map_err(|error| match error {
            Unanswered::Lost(error) => Error::Database(error),
            Unanswered::Refused(refusal) => Error::Statement {
                statement: one_line(&statement.text),
                reason: refusal.why,
            },
        })?;
    }
    examination.known(connection).await?;
    for seen in &options.seen.statements {
        match examination.seen(connection, seen).await {
            Ok(()) | Err(Unanswered::Refused(_)) => {}
            Err(Unanswered::Lost(error)) => return Err(error.into()),
        }
    }
    let proposals = std::mem::take(&mut examination.proposals);
    let hypopg = server.extensions.get("hypopg").map(String::as_str);
    match to_build(connection, hypopg, proposals).await {
        Ok(findings) => examination.explained.findings.extend(findings),
        Err(Unanswered::Refused(_)) => {}
        Err(Unanswered::Lost(error)) => return Err(error.into()),
    }
    Ok(examination.finish())
}

struct Examination<'a> {
    server: &'a Server,
    options: &'a Options,
    tables: Tables,
    explained: Explained,
    /// How many texts could not be planned, and why the first could not.
    failed: usize,
    first_failure: String,
    /// An index was proposed that nobody has tried out.
    untried: bool,
    /// The indexes that are proposed.
    proposals: Vec<Proposal>,
}

impl Examination<'_> {
    /// The statements that the server knows.
    async fn known(&mut self, connection: &mut Connection) -> Result<(), DatabaseError> {
        let Some(schema) = self.server.extensions.get("pg_stat_statements") else {
            self.explained.not_checked.push(NotChecked::new(
                CODES,
                "pg_stat_statements is not installed in this database: which statements there are is not known",
                "add it to shared_preload_libraries, restart the server, and run CREATE EXTENSION pg_stat_statements; or give statements with --statement",
            ));
            return Ok(());
        };
        if self.options.explained == 0 {
            return Ok(());
        }
        let text = STATEMENTS.replace("{pg_stat_statements}", schema);
        let others = OF_OTHERS.replace("{pg_stat_statements}", schema);
        let most = i64::try_from(self.options.explained).unwrap_or(i64::MAX);
        let Some(rows) = self
            .ask(connection, sql(text).bind("explained", most))
            .await?
        else {
            return Ok(());
        };
        if let Some(others) = self.ask(connection, sql(others)).await? {
            let others = others.into_iter();
            let others = others.filter_map(|row| serde_json::from_value(row).ok());
            let refused = of_others(&others.collect::<Vec<_>>());
            self.explained.not_checked.extend(refused);
        }
        match run(connection, explain::GENERIC).await {
            Ok(()) => {}
            Err(Unanswered::Lost(error)) => return Err(error),
            Err(Unanswered::Refused(refusal)) => {
                let refused = NotChecked::new(CODES, refusal.why, refusal.cure);
                self.explained.not_checked.push(refused);
                return Ok(());
            }
        }
        for row in rows {
            let Ok(statement) = serde_json::from_value::<Statement>(row) else {
                continue;
            };
            match self.statement(connection, &statement).await {
                Ok(()) => {}
                Err(Unanswered::Lost(error)) => return Err(error),
                // Its text has no value where the server needs one to plan, or its tables are gone.
                Err(Unanswered::Refused(refusal)) => {
                    if self.failed == 0 {
                        self.first_failure = refusal.why;
                    }
                    self.failed += 1;
                }
            }
        }
        Ok(())
    }

    /// The rows of an answer; `None` if the server refuses, which is told.
    async fn ask(
        &mut self,
        connection: &mut Connection,
        question: Sql,
    ) -> Result<Option<Vec<serde_json::Value>>, DatabaseError> {
        match ask(connection, question).await {
            Ok(rows) => Ok(Some(rows)),
            Err(Unanswered::Lost(error)) => Err(error),
            Err(Unanswered::Refused(refusal)) => {
                let refused = NotChecked::new(CODES, refusal.why, refusal.cure);
                self.explained.not_checked.push(refused);
                Ok(None)
            }
        }
    }

    async fn statement(
        &mut self,
        connection: &mut Connection,
        statement: &Statement,
    ) -> Result<(), Unanswered> {
        if statement.is_given {
            run(connection, explain::GENERIC).await?;
        }
        let plan = self.plan(connection, statement).await?;
        let Some(root) = Node::root(&plan) else {
            return Ok(());
        };
        self.explained.statements += 1;
        self.learn(connection, &root).await?;
        let ground = self.ground();
        let mut candidates = candidates(&root, &self.tables, &self.options.thresholds);
        let mut findings = judge(&root, &ground);
        findings.extend(unserved(&root, &ground, &candidates));
        findings.extend(off(statement.calls, statement.rows, &root, &ground));
        let findings = findings
            .into_iter()
            .map(|finding| told_of(finding, statement));
        self.explained.findings.extend(findings);
        // Of a table that is not in the catalog nobody knows which indexes it has.
        candidates.retain(Candidate::is_known);
        for group in grouped(candidates) {
            let text = &statement.text;
            let trial = match self.server.extensions.get("hypopg") {
                None => {
                    self.untried = true;
                    None
                }
                Some(schema) => {
                    match trial::try_out(connection, schema, text, root.cost, &group).await {
                        Ok(Some(trial)) => Some(trial),
                        // The planner would not use it, or nobody can build it.
                        Ok(None) | Err(Unanswered::Refused(_)) => continue,
                        Err(lost) => return Err(lost),
                    }
                }
            };
            let finding = missing_index(&group, &root, trial);
            self.proposals.extend(finding.map(|finding| Proposal {
                finding: told_of(finding, statement),
                group,
                statement: Some((text.clone(), root.cost)),
            }));
        }
        Ok(())
    }

    /// A plan that an instance has taken of a statement of its own, by what the catalog says now.
    async fn seen(
        &mut self,
        connection: &mut Connection,
        statement: &SeenStatement,
    ) -> Result<(), Unanswered> {
        let plan = statement.plan.as_ref();
        let Some(root) = plan.and_then(|plan| Node::root(&plan.json)) else {
            return Ok(());
        };
        self.learn(connection, &root).await?;
        let ground = self.ground();
        let candidates = candidates(&root, &self.tables, &self.options.thresholds);
        let mut findings = judge(&root, &ground);
        findings.extend(unserved(&root, &ground, &candidates));
        let (known, unknown): (Vec<_>, Vec<_>) =
            candidates.into_iter().partition(Candidate::is_known);
        findings.extend(unknown.iter().map(conjecture));
        let findings = findings.into_iter();
        let findings = findings.map(|finding| statement.told_of(finding));
        self.explained.findings.extend(findings);
        for group in grouped(known) {
            // It has no values to be planned with.
            let finding = missing_index(&group, &root, None);
            self.proposals.extend(finding.map(|finding| Proposal {
                finding: statement.told_of(finding),
                group,
                statement: None,
            }));
        }
        Ok(())
    }

    /// Learns of the tables of a plan. That the server does not tell is told.
    async fn learn(&mut self, connection: &mut Connection, root: &Node) -> Result<(), Unanswered> {
        match self.tables.learn(connection, root).await {
            Err(Unanswered::Refused(refusal)) => {
                let refused = NotChecked::new(CODES, refusal.why, refusal.cure);
                self.explained.not_checked.push(refused);
                Ok(())
            }
            learnt => learnt,
        }
    }

    fn ground(&self) -> Ground<'_> {
        Ground {
            tables: &self.tables,
            thresholds: &self.options.thresholds,
            server: Some(self.server),
        }
    }

    /// The plan, with what happened where the statement may be run.
    async fn plan(
        &mut self,
        connection: &mut Connection,
        statement: &Statement,
    ) -> Result<serde_json::Value, Unanswered> {
        let is_run = statement.is_given && self.options.run_statements;
        let text = &statement.text;
        match explain::plan(connection, text, is_run).await {
            Err(Unanswered::Refused(refusal)) if is_run => {
                let why = format!("`{}` was not run: {}", one_line(text), refusal.why);
                let cure = "only what reads is run, and within the time for each question";
                let refused =
                    NotChecked::new(&["plan-row-estimate", "plan-hash-spills"], why, cure);
                self.explained.not_checked.push(refused);
                explain::plan(connection, text, false).await
            }
            plan => plan,
        }
    }

    fn finish(mut self) -> Explained {
        if self.failed > 0 {
            self.explained.not_checked.push(NotChecked::new(
                CODES,
                format!(
                    "{} of the statements that take most time cannot be planned without their values: {}",
                    self.failed, self.first_failure
                ),
                "give them with values: --statement 'SELECT ...'",
            ));
        }
        if self.untried {
            self.explained.not_checked.push(NotChecked::new(
                &["index-missing"],
                "hypopg is not installed: the indexes that are proposed were not tried out",
                "install the package of hypopg for the server (Debian: postgresql-NN-hypopg), and run CREATE EXTENSION hypopg",
            ));
        }
        self.explained
    }
}

/// That the statements of other roles were not planned.
fn of_others(others: &[Other]) -> Option<NotChecked> {
    /// So many are named.
    const MOST: usize = 5;
    let asks = &others.first()?.asks;
    let named = others.iter().take(MOST).map(|other| other.role.as_str());
    let mut roles = named.collect::<Vec<_>>().join(", ");
    if others.len() > MOST {
        roles += &format!(" and {} more", others.len() - MOST);
    }
    Some(NotChecked::new(
        CODES,
        format!(
            "the statements of other roles ({roles}) were not planned: the planner calls functions of theirs, and would do so with the rights of {asks}"
        ),
        "analyse as that role; or read the statement, and give it with --statement if it calls nothing that you do not trust",
    ))
}

/// With the statement that shows it.
fn told_of(finding: AnalysisFinding, statement: &Statement) -> AnalysisFinding {
    let finding = finding.evidence("statement", one_line(&statement.text));
    match statement.calls {
        0 => finding,
        calls => finding
            .evidence("calls", count(calls as f64))
            .evidence("time in all", milliseconds(statement.total)),
    }
}
