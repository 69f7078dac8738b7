//! Importing reviews: from CSV, or from the inspections of a health department.
//!
//! [`ReviewReader`] reads reviews that name a restaurant and a user of the database.
//! [`InspectionReader`] makes a review of each graded inspection. [`ReviewImport`] takes either,
//! and [`ReviewService::import`](crate::reviews::ReviewService::import) writes it.
//!
//! A review keeps the key that it has where it comes from, its source id, so importing a file
//! again updates what is there.

mod columns;
mod import;
mod inspections;
mod job;
mod keys;
mod reader;
mod report;
mod row;
mod write;

pub use columns::{InspectionColumn, ReviewColumn};
pub use import::ReviewImport;
pub use inspections::InspectionReader;
pub use job::ReviewImportJob;
pub use reader::ReviewReader;
pub use report::ReviewImportReport;
pub use row::{RestaurantKey, ReviewRow, ReviewSource, UserKey};
