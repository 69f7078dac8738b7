//! The statements that read the catalog.

/// Gives one row with one column of type `jsonb`: the document that
/// [`CatalogSnapshot`](super::CatalogSnapshot) is read from.
///
/// It takes no parameters and needs no rights beyond those that every user has. It is for
/// PostgreSQL 13 and later. Names are resolved as the session that runs it would: run it on a
/// connection with the settings (search path, role) of those that the answer is used for.
pub const CATALOG_QUERY: &str = include_str!("catalog.sql");

/// Gives one row with one column of type `text` that differs whenever the answer of
/// [`CATALOG_QUERY`] may differ on the same connection.
///
/// It may also differ where the answer does not, for example after a `TRUNCATE`.
pub const DIGEST_QUERY: &str = include_str!("digest.sql");
