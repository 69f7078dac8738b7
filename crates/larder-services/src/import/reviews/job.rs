//! Writing an import of reviews into a database, batch by batch.

use std::fmt;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use larder_database::Database;
use larder_macros::operation;

use super::report::Seen;
use super::write::{Outcome, Writer};
use super::{InspectionReader, ReviewImport, ReviewImportReport, ReviewSource};
use crate::error::Result;
use crate::import::ImportProgress;
use crate::import::job::{analyze, read};
use crate::inputs::{DisplayName, Email, Username};
use crate::schema::users;
use crate::service::{HasService, Service};
use crate::users::lower;

/// An import of reviews into a database; made by
/// [`ReviewService::import`](crate::reviews::ReviewService::import).
///
/// Batches are written one after the other, each in a transaction of its own. A review whose
/// source id is in the database already is updated:
///
/// - Only what the source has is set, so a file without a status leaves what moderation said.
/// - A row that is the same in the database already is not written again, and keeps its
///   `updated_at`.
///
/// A restaurant or user may be of any status, deleted ones too: what was said was said. One that
/// is not in the database is a reason to reject the row.
///
/// ```no_run
/// use larder_services::import::reviews::{InspectionReader, ReviewImport};
/// use larder_services::reviews::ReviewService;
///
/// # async fn example(reviews: ReviewService) -> larder_services::Result<()> {
/// let import = ReviewImport::from_inspections(InspectionReader::open("inspections.csv")?);
/// let report = reviews.import(import).run().await?;
/// println!("{} new, {} known, {} rejected", report.inserted, report.updated, report.rejected_count);
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is imported until it is run"]
pub struct ReviewImportJob<'p, S> {
    service: Service,
    import: ReviewImport<S>,
    on_progress: Box<dyn FnMut(ImportProgress) + Send + 'p>,
}

impl<S> HasService for ReviewImportJob<'_, S> {
    fn service(&self) -> &Service {
        &self.service
    }
}

impl<'p, S: ReviewSource + Send + 'static> ReviewImportJob<'p, S> {
    pub(crate) fn new(service: Service, import: ReviewImport<S>) -> Self {
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

    /// Imports everything, then brings the statistics of the table up to date; where the
    /// database's user may not do that, a warning is logged.
    ///
    /// The source is read on a thread for blocking work.
    ///
    /// # Errors
    /// [`ErrorKind::Csv`](crate::ErrorKind::Csv) where the source cannot be read on,
    /// [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) where the inspector is to be made and
    /// another user has that name, [`ErrorKind::Database`](crate::ErrorKind::Database) where the
    /// database fails; that error names the lines of the batch. Batches before stay written, so
    /// the import can be run again.
    ///
    /// # Cancel safety
    /// Dropped, it stops. Batches that were written stay written; the one that is on its way is
    /// written as a whole or not at all.
    #[operation("import")]
    pub async fn run(mut self) -> Result<ReviewImportReport> {
        let database = self.service.database().clone();
        let writer = Writer::of(self.import.source());
        if self.import.source().is_by_inspector() {
            make_inspector(&database).await?;
        }
        let mut import = self.import;
        let mut seen = Seen::default();
        loop {
            let (rest, batch) = read(import, "the reviews", ReviewImport::next_batch).await?;
            import = rest;
            let Some(batch) = batch else { break };
            let outcome = writer.write(&database, &batch).await?;
            account(outcome, &mut seen, &mut import.report);
            (self.on_progress)(ImportProgress {
                bytes_read: import.source().bytes_read(),
                rows: import.report.read,
            });
        }
        if import.report.imported > 0 {
            analyze("reviews", &mut *database.session().await?).await;
        }
        Ok(import.report)
    }
}

impl<S: fmt::Debug> fmt::Debug for ReviewImportJob<'_, S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ReviewImportJob")
            .field("import", &self.import)
            .finish_non_exhaustive()
    }
}

/// Adds a batch to the report. What an earlier batch has written and this one has written again
/// is a duplicate.
fn account(outcome: Outcome, seen: &mut Seen, report: &mut ReviewImportReport) {
    let new = |key: &Option<String>| key.as_deref().is_none_or(|key| seen.is_new(key));
    let rows = outcome.written.len() as u64;
    let imported = outcome.written.iter().map(new).map(u64::from).sum();
    // Somebody else may have deleted in between what an earlier batch wrote.
    let inserted = outcome.inserted.min(imported);
    report.imported += imported;
    report.inserted += inserted;
    report.updated += imported - inserted;
    report.duplicates += outcome.duplicates + (rows - imported);
    for row in outcome.rejected {
        report.reject(row);
    }
}

/// Makes the user who writes the reviews of inspections, where there is none.
async fn make_inspector(database: &Database) -> Result<()> {
    /// No password has it: it is the hash of none.
    const NO_HASH: &str = "!";
    let email = Email::new(InspectionReader::<()>::INSPECTOR_EMAIL)?;
    let username = Username::new(InspectionReader::<()>::INSPECTOR)?;
    let display_name = DisplayName::new("Health inspector")?;
    let made = database
        .transaction(async |conn| {
            let there: i64 = users::table
                .filter(lower(users::email).eq(lower(&email)))
                .count()
                .get_result(conn)
                .await?;
            if there == 0 {
                diesel::insert_into(users::table)
                    .values((
                        users::username.eq(&username),
                        users::email.eq(&email),
                        users::display_name.eq(&display_name),
                        users::password_hash.eq(NO_HASH),
                        users::is_active.eq(false),
                    ))
                    .execute(conn)
                    .await?;
            }
            QueryResult::Ok(())
        })
        .await;
    Ok(made?)
}
