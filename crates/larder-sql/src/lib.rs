//! What a SQL statement is, read from its text.
//!
//! Five questions are answered here, all without a server. They stand on one
//! small [lexer](Lexer) for PostgreSQL's lexical rules, which knows where
//! quotes, comments and identifiers begin and end:
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
//! - *What does it do?* [`classify`] gives a [`StatementProfile`]: the kind, the
//!   tables read and written, the functions called, a fingerprint and a
//!   normalised text; [`StatementProfiles`] remembers it by the text,
//!   [`ProfileMemo`] by any key.
//! - *Which tables are those?* A [`catalog::Catalog`] resolves the names, and
//!   adds what the text does not show.
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
//! # What a statement does
//!
//! ```
//! use larder_sql::{Effect, StatementProfiles};
//!
//! let profiles = StatementProfiles::default();
//! let update = profiles.classify(
//!     "update reviews set status = $1 from users where users.id = reviews.user_id",
//! );
//! assert_eq!(update.effect, Effect::Write);
//! assert_eq!(update.writes[0].name(), "reviews");
//! assert_eq!(update.reads[0].name(), "users");
//!
//! let block = profiles.classify("do $$ begin delete from reviews; end $$");
//! assert!(block.writes_everything());
//! ```
//!
//! A statement goes through three steps. The lexer's tokens become a *normal
//! form*: values, comments, whitespace and the case of letters are taken out,
//! lists of values become one value. All that is said of a statement follows
//! from its normal form. The first word then names the *command*. Queries,
//! INSERT, UPDATE, DELETE and MERGE go to the *parser* of the `sqlparser`
//! crate, and their tables and functions are read from its tree; the other
//! commands are read directly.
//!
//! Where the parser may have misread something, the effect is
//! [`Effect::Unknown`] and counts as writing everything: it does not
//! understand the text; its tree, written out, lacks a word of the text; it
//! takes a reserved word for a table or an alias; it finds a construct of
//! another dialect. Nothing is guessed.
//!
//! A profile does not hold what only the catalog knows: views, partitions,
//! triggers, rules, foreign keys, what functions do, and the functions behind
//! operators, casts and `row.function` written like a column. The module
//! [`catalog`] adds it.
//!
//! # Limits
//!
//! Everything accepts any text. It takes time linear in the length of the
//! text, except for the parser: it is given at most 20,000 words and signs and
//! 64 levels of parentheses, and runs on a stack of its own.
//!
//! The lexer assumes `standard_conforming_strings = on`, PostgreSQL's default:
//! a connection on which the setting is off reads backslashes in plain strings
//! differently and must not be used with this crate.

#![cfg_attr(
    test,
    expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")
)]

mod builtin_names;
pub mod catalog;
mod error;
mod failpoints;
mod lexer;
mod memo;
mod named;
mod parameters;
mod position;
mod profile;
mod session_use;
mod statement;
mod transaction_control;

pub use error::{Construct, Error, ErrorKind};
pub use lexer::{Lexer, Token, TokenKind};
pub use memo::{ProfileMemo, StatementProfiles};
pub use named::NamedStatement;
pub use parameters::{ParameterFaults, UnusedParameter};
pub use position::Position;
pub use profile::{
    Effect, Fingerprint, KeyCandidate, KeyCandidates, QualifiedName, SessionEffect, StatementKind,
    StatementProfile, UnknownReason, classify, is_in_subquery,
};
pub use session_use::session_use;
pub use statement::{Statements, leading_keyword, statements};
pub use transaction_control::{TransactionControl, transaction_control};
