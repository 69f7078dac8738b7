//! Raw SQL with named parameters that are bound, never spliced.

mod fetch;
mod read;
mod statement;
mod value;

pub use self::fetch::BoundSql;
pub use self::statement::{Sql, sql};
pub use self::value::SqlValue;

pub(crate) use self::statement::{Shape, scalar_of};
