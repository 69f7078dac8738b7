//! All of it in order, in one transaction that only reads and is rolled back.

use larder_database::{Connection, Database, Error as DatabaseError, sql};

use crate::analysis::{Analysis, NotChecked};
use crate::checks::{Check, Context, SEQUENTIAL_SCANS, STAYS, all, codes};
use crate::connection::{Unanswered, ask};
use crate::history::{self, Counters};
use crate::plans;
use crate::server::Server;
use crate::{AnalysisFinding, Error, KeepingAdvice, Options};

/// How far an analysis has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Step {
    /// What is looked at now.
    pub title: &'static str,
    /// How many steps are done.
    pub done: usize,
    /// How many there are.
    pub total: usize,
}

/// Looks for what ails a database. It asks much of the catalog and little of the data, takes one
/// connection of the pool, and changes nothing.
///
/// # Errors
///
/// If the database cannot be asked at all, a code in [`only`](Options::only) does not exist, or a
/// statement of [`statements`](Options::statements) cannot be explained. What single checks may not
/// see is no error: see [`Analysis::not_checked`].
///
/// # Cancel safety
///
/// Dropped, it rolls back.
///
/// # Examples
///
/// ```no_run
/// # async fn example(db: larder_database::Database) -> Result<(), larder_analysis::Error> {
/// use larder_analysis::{Options, analyze};
///
/// for finding in analyze(&db, &Options::default()).await?.findings {
///     println!("{}: {}", finding.severity, finding.title);
///     println!("{}", finding.cure_sql.unwrap_or(finding.advice));
/// }
/// # Ok(())
/// # }
/// ```
pub async fn analyze(database: &Database, options: &Options) -> Result<Analysis, Error> {
    analyze_with(database, options, |_| {}).await
}

/// The same, telling how far it has come.
///
/// # Errors
///
/// As [`analyze`].
///
/// # Cancel safety
///
/// As [`analyze`].
pub async fn analyze_with(
    database: &Database,
    options: &Options,
    progress: impl FnMut(Step) + Send,
) -> Result<Analysis, Error> {
    let known = codes();
    if let Some(unknown) = options
        .only
        .iter()
        .find(|code| !known.contains(&code.as_str()))
    {
        return Err(Error::UnknownCode {
            code: unknown.clone(),
        });
    }
    let mut findings = None;
    let ended = database
        .build_transaction()
        .read_only()
        .run(async |connection| {
            findings = Some(Box::pin(look(connection, options, progress)).await?);
            // Rolled back, nothing of it is taken for a write: not the calls of hypopg either.
            Err::<(), _>(Ended::Done)
        })
        .await;
    match (ended, findings) {
        (Err(Ended::Failed(error)), _) => Err(error),
        (_, Some(mut analysis)) => {
            analysis.findings.extend(seen(database, options));
            finish(&mut analysis, options);
            Ok(analysis)
        }
        (_, None) => Err(Error::Database(DatabaseError::NotFound)),
    }
}

/// Why the transaction did not take effect.
enum Ended {
    Done,
    Failed(Error),
}

impl From<DatabaseError> for Ended {
    fn from(error: DatabaseError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

async fn look(
    connection: &mut Connection,
    options: &Options,
    mut progress: impl FnMut(Step) + Send,
) -> Result<Analysis, Error> {
    bound(connection, options).await?;
    let server = Server::read(connection).await?;
    let mut analysis = Analysis {
        findings: Vec::new(),
        not_checked: Vec::new(),
        at: chrono::Utc::now(),
        database: server.facts.database.clone(),
        server_version: server.facts.version.clone(),
        statistics_age: server.facts.statistics_age,
        statements_explained: 0,
        counters: None,
    };
    let checks: Vec<&Check> = all()
        .filter(|check| options.wants(check.codes) && !check.is_for_others(&server))
        .collect();
    // Plans and counters come after them.
    let total = checks.len() + 2;
    for (done, check) in checks.iter().enumerate() {
        let title = check.title;
        progress(Step { title, done, total });
        make(connection, check, &server, options, &mut analysis).await?;
    }
    if options.wants(plans::CODES) {
        progress(Step {
            title: "plans",
            done: total - 2,
            total,
        });
        let explained = plans::examine(connection, &server, options).await?;
        analysis.findings.extend(explained.findings);
        analysis.not_checked.extend(explained.not_checked);
        analysis.statements_explained = explained.statements;
    }
    progress(Step {
        title: "the last hour",
        done: total - 1,
        total,
    });
    analysis.counters = history::read(connection, &server).await?;
    compare(&mut analysis, options);
    Ok(analysis)
}

/// Nothing takes long, waits long for a lock, or is planned for more workers than are worth it.
async fn bound(connection: &mut Connection, options: &Options) -> Result<(), Error> {
    let milliseconds = |time: std::time::Duration| format!("{}ms", time.as_millis().max(1));
    let settings = [
        ("statement_timeout", milliseconds(options.statement_timeout)),
        ("lock_timeout", milliseconds(options.lock_timeout)),
    ];
    for (name, value) in settings {
        let set = sql("SELECT pg_catalog.set_config(:name, :value, true) AS value")
            .bind("name", name)
            .bind("value", value);
        set.execute_on(connection).await?;
    }
    Ok(())
}

/// Makes one check.
async fn make(
    connection: &mut Connection,
    check: &Check,
    server: &Server,
    options: &Options,
    analysis: &mut Analysis,
) -> Result<(), Error> {
    let context = Context {
        server,
        thresholds: &options.thresholds,
    };
    if let Some(obstacle) = check.obstacle(&context) {
        analysis.not_checked.push(obstacle);
        return Ok(());
    }
    let schema = server.extensions.get("pg_stat_statements");
    let schema = schema.map(String::as_str).unwrap_or_default();
    let text = check.sql.replace("{pg_stat_statements}", schema);
    match ask(connection, sql(text)).await {
        Ok(rows) => {
            let subject = check.title;
            let judged = (check.judge)(rows, &context);
            let found = judged.map_err(|error| Error::Answer { subject, error })?;
            analysis.findings.extend(found);
        }
        Err(Unanswered::Lost(error)) => return Err(error.into()),
        Err(Unanswered::Refused(refusal)) => {
            let refused = NotChecked::new(check.codes, refusal.why, refusal.cure);
            analysis.not_checked.push(refused);
        }
    }
    Ok(())
}

fn compare(analysis: &mut Analysis, options: &Options) {
    let (Some(history), Some(now)) = (&options.history, &analysis.counters) else {
        return;
    };
    if !options.wants(history::CODES) {
        return;
    }
    let now: &Counters = now;
    match history::compare(history, now, &options.thresholds) {
        Ok(changes) => analysis.findings.extend(changes),
        Err(refused) => analysis.not_checked.push(refused),
    }
}

fn seen(database: &Database, options: &Options) -> Vec<AnalysisFinding> {
    let keeping = KeepingAdvice::of_database(database);
    let mut findings: Vec<_> = keeping.iter().map(KeepingAdvice::finding).collect();
    findings.extend(options.seen.findings(&options.thresholds));
    findings
}

/// Leaves out what was not asked for, and what another finding says better.
fn finish(analysis: &mut Analysis, options: &Options) {
    let told = Told::by(&analysis.findings);
    analysis.findings.retain(|finding| {
        let is_wanted = options.wants(&[finding.code]) && finding.severity >= options.min_severity;
        is_wanted && !told.says_better(finding)
    });
    analysis.arrange();
}

/// What findings say that make others superfluous, or wrong to follow.
struct Told {
    /// Tables whose sequential scans are explained.
    explained: Vec<String>,
    /// Indexes that go on account of others, and those others: whoever dropped these too because
    /// nobody uses them yet would have none left.
    overlapping: Vec<String>,
}

impl Told {
    fn by(findings: &[AnalysisFinding]) -> Self {
        let missing = findings.iter().filter(|one| one.code == "index-missing");
        let stays = |one: &AnalysisFinding| {
            let mut evidence = one.evidence.iter();
            evidence
                .find(|(name, _)| name == STAYS)
                .map(|(_, index)| index.clone())
        };
        let pairs = findings
            .iter()
            .filter_map(|one| Some([one.object.clone(), stays(one)?]));
        Self {
            explained: missing.map(|one| one.object.clone()).collect(),
            overlapping: pairs.flatten().collect(),
        }
    }

    fn says_better(&self, finding: &AnalysisFinding) -> bool {
        match finding.code {
            SEQUENTIAL_SCANS => self.explained.contains(&finding.object),
            "index-unused" => self.overlapping.contains(&finding.object),
            // A plan without schemas, of a table whose plans are known with all that belongs to it.
            "plan-sequential-scan" if !finding.object.contains('.') => {
                let end = format!(".{}", finding.object);
                self.explained.iter().any(|table| table.ends_with(&end))
            }
            _ => false,
        }
    }
}
