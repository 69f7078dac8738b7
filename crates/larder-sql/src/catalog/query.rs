//! The statements that read the catalog.

/// Gives one row with one column of type `jsonb`: the document that
/// [`CatalogSnapshot`](super::CatalogSnapshot) is read from.
///
/// It takes no parameters and needs no rights beyond those that every user has. It is for
/// PostgreSQL 13 and later. Names are resolved as the session that runs it would: run it on a
/// connection with the settings (search path, role) of those that the answer is used for.
///
/// It waits for locks on views that are just being changed, so it needs a deadline. On a database
/// of many thousands of tables the server may compile it first, which takes longer than running it:
/// `SET LOCAL jit = off` avoids that.
pub const CATALOG_QUERY: &str = include_str!("catalog.sql");

/// Gives one row with one column of type `text` that differs whenever the answer of
/// [`CATALOG_QUERY`] may differ on the same connection.
///
/// It has two parts with a space between: the first tells of the definitions alone, and is the same
/// on all connections to a database; the second of the role, the search path and temporary tables.
///
/// It may also differ where the answer does not, for example after a `TRUNCATE`.
pub const DIGEST_QUERY: &str = include_str!("digest.sql");
