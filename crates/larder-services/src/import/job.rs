//! Writing an import into a database, batch by batch.

use std::fmt;
use std::panic::resume_unwind;

use larder_database::{Database, sql};
use larder_macros::operation;
use larder_pool::Connection;
use tokio::task::spawn_blocking;

use super::upsert::Upsert;
use super::{CsvError, CsvProblem, Import, ImportReport, RowSource};
use crate::error::Result;
use crate::service::{HasService, Service};

/// The indexes whose recent entries wait in a list, which every search reads through.
const GIN_INDEXES: [&str; 3] = [
    "restaurants_search_document_idx",
    "restaurants_name_trigrams_idx",
    "restaurants_cuisine_trigrams_idx",
];

/// How far an import is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImportProgress {
    /// How many bytes of the file were read; 0 where the restaurants come from elsewhere.
    pub bytes_read: u64,
    /// How many rows were read, and are written now if they were accepted.
    pub rows: u64,
}

/// An import into a database; made by
/// [`RestaurantService::import`](crate::restaurants::RestaurantService::import).
///
/// Batches are written one after the other, each in a transaction of its own. A restaurant whose
/// source id is in the database already is updated:
///
/// - Only columns that the source has are set, so a file without kosher columns leaves those as
///   they are.
/// - A row that is the same in the database already is not written again, and keeps its
///   `updated_at`.
/// - A deleted restaurant is updated and stays deleted: somebody decided that here, and the next
///   import of the same file must not undo it.
///
/// A restaurant without a source id is always a new one.
///
/// ```no_run
/// use larder_services::import::{Import, RestaurantReader};
/// use larder_services::restaurants::RestaurantService;
///
/// # async fn example(restaurants: RestaurantService) -> larder_services::Result<()> {
/// let import = Import::from_csv(RestaurantReader::open("restaurants.csv")?);
/// let report = restaurants
///     .import(import)
///     .on_progress(|progress| println!("{} rows", progress.rows))
///     .run()
///     .await?;
/// println!("{} new, {} known, {} rejected", report.inserted, report.updated, report.rejected_count);
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is imported until it is run"]
pub struct ImportJob<'p, I> {
    service: Service,
    import: Import<I>,
    on_progress: Box<dyn FnMut(ImportProgress) + Send + 'p>,
}

impl<I> HasService for ImportJob<'_, I> {
    fn service(&self) -> &Service {
        &self.service
    }
}

impl<'p, I: RowSource + Send + 'static> ImportJob<'p, I> {
    pub(crate) fn new(service: Service, import: Import<I>) -> Self {
        Self {
            service,
            import,
            on_progress: Box::new(|_| ()),
        }
    }

    /// Sets what is called whenever a batch was written.
    pub fn on_progress(mut self, report: impl FnMut(ImportProgress) + Send + 'p) -> Self {
        self.on_progress = Box::new(report);
        self
    }

    /// Imports everything, then brings the indexes and the statistics of the table up to date;
    /// where the database's user may not do that, a warning is logged.
    ///
    /// The source is read on a thread for blocking work.
    ///
    /// # Errors
    /// [`ErrorKind::Csv`](crate::ErrorKind::Csv) where the source cannot be read on,
    /// [`ErrorKind::Database`](crate::ErrorKind::Database) where the database fails; that error
    /// names the lines of the batch. Batches before stay written, so the import can be run again.
    ///
    /// # Cancel safety
    /// Dropped, it stops. Batches that were written stay written; the one that is on its way is
    /// written as a whole or not at all.
    #[operation("import")]
    pub async fn run(mut self) -> Result<ImportReport> {
        let database = self.service.database().clone();
        let upsert = Upsert::of(self.import.source().columns());
        let mut import = self.import;
        loop {
            let (rest, batch) = read(import, "the restaurants", Import::next_batch).await?;
            import = rest;
            let Some(batch) = batch else { break };
            let inserted = upsert.write(&database, &batch).await?;
            import.written(&batch, inserted);
            (self.on_progress)(ImportProgress {
                bytes_read: import.source().bytes_read(),
                rows: import.rows_read(),
            });
        }
        let report = import.finish();
        if report.imported > 0 {
            tidy(&database).await?;
        }
        Ok(report)
    }
}

impl<I: fmt::Debug> fmt::Debug for ImportJob<'_, I> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ImportJob")
            .field("import", &self.import)
            .finish_non_exhaustive()
    }
}

/// Lets `next` read where blocking is allowed; gives the import back with what was read.
pub(super) async fn read<I, T>(
    mut import: I,
    what: &'static str,
    next: fn(&mut I) -> Result<T>,
) -> Result<(I, T)>
where
    I: Send + 'static,
    T: Send + 'static,
{
    let reading = spawn_blocking(move || {
        let batch = next(&mut import);
        (import, batch)
    });
    match reading.await {
        Ok((import, batch)) => Ok((import, batch?)),
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            Err(error) => {
                let problem = CsvProblem::Io(std::io::Error::other(error));
                Err(CsvError::new(what, None, problem).into())
            }
        },
    }
}

/// Merges the waiting entries of the indexes and counts the table anew for the planner: both
/// would happen by themselves some time later.
async fn tidy(database: &Database) -> Result<()> {
    let mut session = database.session().await?;
    for index in GIN_INDEXES {
        let merged = sql("SELECT gin_clean_pending_list(cast(:index AS text)::regclass)")
            .bind("index", index)
            .fetch_scalar_on::<i64>(&mut session)
            .await;
        if let Err(error) = merged {
            tracing::warn!(%error, index, "failed to merge the waiting entries of an index");
        }
    }
    analyze("restaurants", &mut session).await;
    Ok(())
}

/// Counts a table anew for the planner.
pub(super) async fn analyze(table: &str, connection: &mut Connection) {
    if let Err(error) = sql(format!("ANALYZE {table}")).execute_on(connection).await {
        tracing::warn!(%error, table, "failed to analyze a table");
    }
}
