//! A cure, carried out: its statements one after the other, each by itself.

use std::time::{Duration, Instant};

use diesel::sql_query;
use diesel_async::RunQueryDsl;
use larder_database::{Connection, Database, Error as DatabaseError};

use crate::{AnalysisFinding, Error};

/// How long a statement that keeps others out may wait until it gets its lock: those who come
/// after it wait behind it.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs the statements that cure a finding, outside of a transaction, and gives how long that took.
/// A finding [without any](AnalysisFinding::cure_sql) is left as it is, in no time.
///
/// Look at [`confidence`](field@AnalysisFinding::confidence) and
/// [`cure_reaches_others`](AnalysisFinding::cure_reaches_others) before.
///
/// A statement takes as long as it takes. One that keeps others out gives up where it does not get
/// its lock within 5 s; one that works beside them (`CONCURRENTLY`) waits for them.
///
/// # Errors
///
/// [`Error::Cure`] with the statement that failed. What ran before it has taken effect. An index
/// whose making failed is there and is not used: `index-invalid` finds it.
///
/// # Cancel safety
///
/// Dropped, the statement that runs is cancelled on the server; those before it have taken effect.
///
/// # Examples
///
/// ```no_run
/// # async fn example(db: larder_database::Database) -> Result<(), larder_analysis::Error> {
/// use larder_analysis::{Confidence, Options, analyze, cure};
///
/// let mut options = Options::default();
/// options.only = vec!["table-without-statistics".to_owned()];
/// for finding in analyze(&db, &options).await?.findings {
///     if finding.confidence == Confidence::High && !finding.cure_reaches_others {
///         let took = cure(&db, &finding).await?;
///         println!("{} after {took:?}", finding.object);
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub async fn cure(database: &Database, finding: &AnalysisFinding) -> Result<Duration, Error> {
    let Some(text) = &finding.cure_sql else {
        return Ok(Duration::ZERO);
    };
    let started = Instant::now();
    let mut session = database.session().await?;
    session.set_answer_timeout(None);
    for statement in larder_sql::statements(text) {
        let failed = |statement: &str, error| Error::Cure {
            statement: statement.to_owned(),
            source: Box::new(error),
        };
        let statement = statement.map_err(|error| failed(text, error.into()))?;
        let ran = run(&mut session, statement).await;
        ran.map_err(|error| failed(statement, error))?;
    }
    Ok(started.elapsed())
}

async fn run(connection: &mut Connection, statement: &str) -> Result<(), DatabaseError> {
    let lock_timeout = match waits_beside_others(statement) {
        true => Duration::ZERO,
        false => LOCK_TIMEOUT,
    };
    let limits = format!(
        "SELECT set_config('statement_timeout', '0', false), set_config('lock_timeout', '{}', false)",
        lock_timeout.as_millis()
    );
    sql_query(limits).execute(connection).await?;
    sql_query(statement).execute(connection).await?;
    Ok(())
}

/// Whether nobody waits behind a statement while it waits.
fn waits_beside_others(statement: &str) -> bool {
    let mut words = statement.split_whitespace();
    words.any(|word| word.eq_ignore_ascii_case("concurrently"))
}
