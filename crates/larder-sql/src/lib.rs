//! What a SQL statement is, read from its text.
//!
//! Three questions are answered here, all without a server and without a SQL
//! grammar. They stand on one small [lexer](Lexer) for PostgreSQL's lexical
//! rules, which knows where quotes, comments and identifiers begin and end:
//!
//! - *Which parameters does it name?* [`NamedStatement`] turns `:name` into
//!   `$1`, `$2`, ... so that values are bound by the protocol and never become
//!   part of the text.
//! - *Where does one statement end and the next begin?* [`statements`] splits
//!   at the semicolons that separate statements, [`leading_keyword`] gives the
//!   first word.
//! - *Does it begin or end a transaction?* [`transaction_control`] finds
//!   `COMMIT` and its like, which must not pass beside the code that owns the
//!   transaction.
//!
//! ```
//! use larder_sql::{NamedStatement, TransactionControl, transaction_control};
//!
//! let statement = NamedStatement::parse(
//!     "select id::text from restaurants where city = :city and tags[1:2] @> :tags",
//! )?;
//! assert_eq!(
//!     statement.sql(),
//!     "select id::text from restaurants where city = $1 and tags[1:2] @> $2",
//! );
//! assert_eq!(statement.names(), ["city", "tags"]);
//! // The values stand in another order than the parameters: $1 is the second one given.
//! assert_eq!(statement.bind_order(["tags", "city"])?, [1, 0]);
//!
//! assert_eq!(transaction_control(statement.sql()), None);
//! assert_eq!(
//!     transaction_control("insert into t values ('commit'); commit work"),
//!     Some(TransactionControl::Commit),
//! );
//! # Ok::<(), larder_sql::Error>(())
//! ```
//!
//! All of it takes time linear in the length of the text and accepts any text.
//! The lexer assumes `standard_conforming_strings = on`, PostgreSQL's default:
//! a connection on which the setting is off reads backslashes in plain strings
//! differently and must not be used with this crate.

#![cfg_attr(
    test,
    expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")
)]

mod error;
mod lexer;
mod named;
mod parameters;
mod position;
mod profile;
mod statement;
mod transaction_control;

pub use error::{Construct, Error, ErrorKind};
pub use lexer::{Lexer, Token, TokenKind};
pub use named::NamedStatement;
pub use parameters::{ParameterFaults, UnusedParameter};
pub use position::Position;
pub use profile::{
    Effect, Fingerprint, QualifiedName, StatementKind, StatementProfile, UnknownReason, classify,
};
pub use statement::{Statements, leading_keyword, statements};
pub use transaction_control::{TransactionControl, transaction_control};
