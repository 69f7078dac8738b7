//! Importing restaurants: from CSV or from the generator, row by row, into batches to be written.
//! Importing [`reviews`] is a part of its own.
//!
//! [`RestaurantReader`] turns CSV into rows and says of each row that it refuses why.
//! [`RestaurantGenerator`] makes rows up where there is no file. [`Import`] takes rows from
//! either, forms [`Batch`]es in which no source id occurs twice, and keeps the [`ImportReport`].
//! None of these knows the database: whoever writes a batch reports it back with
//! [`Import::written`]. [`ImportJob`] is who does that with a database;
//! [`RestaurantService::import`](crate::restaurants::RestaurantService::import) makes one.
//!
//! No row is lost: those that were read are imported, rejected, or duplicates of later ones.
//!
//! ```
//! use larder_services::import::{Import, RestaurantReader};
//!
//! let file = "source_id,name,latitude,longitude\n\
//!             1,Harbor Noodle House,25.77,-80.19\n\
//!             2,Corner Bakery,north,-80.2\n";
//! let mut import = Import::from_csv(RestaurantReader::new(file.as_bytes(), "example.csv")?);
//! while let Some(batch) = import.next_batch()? {
//!     let inserted = batch.len() as u64; // as the database says
//!     import.written(&batch, inserted);
//! }
//! let report = import.finish();
//! assert_eq!((report.read, report.imported, report.rejected_count), (2, 1, 1));
//! assert_eq!((report.rejected[0].line, report.rejected[0].field.as_str()), (3, "latitude"));
//! # Ok::<(), larder_services::Error>(())
//! ```

mod batches;
mod columns;
mod csv_error;
mod generate;
mod header;
mod job;
mod plausibility;
mod reader;
mod records;
mod report;
pub mod reviews;
mod row;
mod tape;
mod upsert;

pub use batches::{Batch, Import};
pub use columns::Column;
pub use csv_error::{CsvError, CsvProblem};
pub use generate::RestaurantGenerator;
pub use job::{ImportJob, ImportProgress};
pub use reader::RestaurantReader;
pub use report::ImportReport;
pub use row::{NumberedRestaurants, RejectedRow, RestaurantRow, Row, RowSource};
