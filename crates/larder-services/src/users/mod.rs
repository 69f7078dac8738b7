//! Users: who writes reviews.
//!
//! [`UserService`] finds and writes them; [`User`], [`NewUser`] and [`UserChanges`] are the rows,
//! as they are read and as they are written.

mod by_email;
mod by_id;
mod changes;
mod model;
mod password_hash;
#[cfg(test)]
mod plans;
mod service;

pub use by_id::UserDetail;
pub use changes::UserChanges;
pub use model::{Credentials, NewUser, User};
pub use password_hash::PasswordHash;
pub use service::UserService;

use diesel::expression::functions::declare_sql_function;
use diesel::sql_types::Text;

#[declare_sql_function]
extern "SQL" {
    /// A text in lower case, as the index on addresses has it.
    fn lower(text: Text) -> Text;
}
