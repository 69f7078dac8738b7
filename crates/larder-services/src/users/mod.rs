//! Users: who writes reviews.

mod model;
mod password_hash;

pub use model::{Credentials, NewUser, User};
pub use password_hash::PasswordHash;
