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
