//! The error of this crate.

use std::any::Any;
use std::sync::Arc;

/// Why a load gave no result. All callers that waited for the load get the same error.
///
/// Its text reads after "failed to", as that of the load's own error should.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError<E> {
    /// The load returned this error. A caller that waited alone has the only reference to it.
    #[error(transparent)]
    Failed(Arc<E>),

    /// The load panicked with this message.
    #[error("load a result: the load panicked: {0}")]
    Panicked(String),

    /// The load was ended before it returned, because its runtime shut down.
    #[error("load a result: the runtime shut down")]
    Cancelled,
}

/// The kinds of [`LoadError`], for programs that decide by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LoadErrorKind {
    /// The load returned an error.
    Failed,
    /// The load panicked.
    Panicked,
    /// The load was ended before it returned.
    Cancelled,
}

impl<E> LoadError<E> {
    /// The kind of this error.
    #[must_use]
    pub fn kind(&self) -> LoadErrorKind {
        match self {
            Self::Failed(_) => LoadErrorKind::Failed,
            Self::Panicked(_) => LoadErrorKind::Panicked,
            Self::Cancelled => LoadErrorKind::Cancelled,
        }
    }

    /// The error of a load that panicked with this payload.
    pub(crate) fn panicked(payload: &(dyn Any + Send)) -> Self {
        let message = payload
            .downcast_ref::<&str>()
            .map(|message| (*message).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned());
        Self::Panicked(message.unwrap_or_else(|| "with a value that is no text".to_owned()))
    }
}

// Derived, it would ask for `E: Clone`.
impl<E> Clone for LoadError<E> {
    fn clone(&self) -> Self {
        match self {
            Self::Failed(error) => Self::Failed(Arc::clone(error)),
            Self::Panicked(message) => Self::Panicked(message.clone()),
            Self::Cancelled => Self::Cancelled,
        }
    }
}
