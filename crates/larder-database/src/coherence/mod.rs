//! How the database and the cache are kept in step.
//!
//! Three parts: the [`Picture`] of the server's catalog, which says what a statement reads
//! and writes; the [`Watcher`], which hears from the pool what was committed and tells the
//! cache; and the care that goes on in the background.

mod care;
mod heat;
mod picture;
mod rows;
mod watcher;
mod writes;

pub(crate) use self::care::{care_for, take_pictures};
pub(crate) use self::heat::Heat;
pub use self::heat::HotTable;
pub(crate) use self::picture::{CatalogState, Picture};
pub(crate) use self::rows::{
    new_rows_touched, read_dependencies, row_dependencies, row_touched, written_dependencies,
};
pub(crate) use self::watcher::Watcher;
