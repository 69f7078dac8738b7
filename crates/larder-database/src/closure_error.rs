//! Which errors the closure of a transaction may return, and what they become.

use diesel::result::Error as DieselError;
use larder_pool::{ServerError, TransactionError};

use crate::Error;

/// An error that the closure of a transaction may return.
///
/// Two kinds of closure are common. One consists of queries alone and returns
/// Diesel's error; its transaction returns [`Error`], enriched with the server's own
/// words. The other returns an error of the application, which only has to be able
/// to hold an [`Error`] (`From<Error>`); its transaction returns just that type. A
/// closure that uses `?` has to name its error type once, as every async block does:
/// `Ok::<_, MyError>(value)`.
///
/// `?` on an error of Diesel's in such a closure keeps the message and the constraint, and
/// the SQLSTATE of the kinds that Diesel tells apart (unique, foreign key, serialization
/// failure, ...). The whole error of the server is `conn.last_server_error()`.
///
/// An error that is not a type of its own, such as `Box<dyn Error + Send + Sync>`, does not
/// work as the compiler stands: use an enum of your own or `anyhow::Error`.
///
/// # Examples
///
/// ```
/// #[derive(Debug, thiserror::Error)]
/// enum ShopError {
///     #[error("sold out")]
///     SoldOut,
///     #[error(transparent)]
///     Database(#[from] larder_database::Error),
///     // For `?` on Diesel's own errors, and for `conn.transaction`.
///     #[error(transparent)]
///     Query(#[from] diesel::result::Error),
/// }
///
/// # async fn example(db: larder_database::Database) -> Result<(), ShopError> {
/// db.transaction(async |conn| {
///     use diesel_async::RunQueryDsl;
///     diesel::sql_query("DELETE FROM carts").execute(conn).await?;
///     if diesel::sql_query("UPDATE stock SET pieces = pieces - 1").execute(conn).await? == 0 {
///         return Err(ShopError::SoldOut);
///     }
///     Ok(())
/// })
/// .await
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of a transaction's closure",
    note = "implement `From<larder::database::Error>` for it, or return `diesel::result::Error`"
)]
pub trait ClosureError: Sized + Send {
    /// What the transaction returns.
    type Outcome;

    /// The closure failed with this error; `server` is what the connection last
    /// heard from the server.
    fn into_outcome(self, server: Option<ServerError>) -> Self::Outcome;

    /// The transaction itself failed.
    fn outcome_of(error: Error) -> Self::Outcome;
}

impl<E: From<Error> + Send> ClosureError for E {
    type Outcome = E;

    fn into_outcome(self, _: Option<ServerError>) -> E {
        self
    }

    fn outcome_of(error: Error) -> E {
        error.into()
    }
}

impl ClosureError for DieselError {
    type Outcome = Error;

    fn into_outcome(self, server: Option<ServerError>) -> Error {
        Error::of_statement(self, server)
    }

    fn outcome_of(error: Error) -> Error {
        error
    }
}

/// What a caller gets for a transaction that did not take effect.
pub(crate) fn outcome<E: ClosureError>(error: TransactionError<E>) -> E::Outcome {
    match error {
        TransactionError::Closure { error, server } => error.into_outcome(server),
        TransactionError::Pool(error) => E::outcome_of(error.into()),
    }
}
