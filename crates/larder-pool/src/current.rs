//! Which transactions the current task has open, and what it notes in them.

use std::any::Any;
use std::sync::Arc;

use crate::connection::Notes;
use crate::written::Note;
use crate::{Pool, TransactionSettings};

tokio::task_local! {
    static OPEN: Arc<OpenTransaction>;
}

/// A transaction within which the current task runs, and the one around it.
struct OpenTransaction {
    pool: u64,
    /// `None` where a connection is held that has no transaction.
    notes: Option<Arc<Notes>>,
    around: Option<Arc<OpenTransaction>>,
}

impl Pool {
    /// Runs a future that holds one of the pool's connections, as the closure of a transaction
    /// does: [`is_in_transaction`](Self::is_in_transaction) is true inside it.
    ///
    /// # Cancel safety
    ///
    /// It is as safe to drop as `future`.
    pub async fn within<F: Future>(&self, future: F) -> F::Output {
        let pool = self.0.connector.shared().watch.id();
        within(pool, None, future).await
    }

    /// Whether the current task runs within a transaction of this pool: inside the closure of
    /// [`transaction`](Self::transaction) or of [`Connection::transaction`](crate::Connection::transaction). Tasks that it
    /// spawned do not.
    pub fn is_in_transaction(&self) -> bool {
        is_within(self.0.connector.shared().watch.id())
    }

    /// Whether the current task runs within a transaction of this pool that is under other
    /// settings than these. One that is under none does not count.
    pub fn is_in_transaction_under_others(&self, settings: &TransactionSettings) -> bool {
        let pool = self.0.connector.shared().watch.id();
        any(|open| {
            let notes = open.notes.as_ref().filter(|_| open.pool == pool);
            let under = notes.and_then(|notes| notes.settings());
            under.is_some_and(|under| under != settings)
        })
    }

    /// Notes something in the transaction of this pool within which the current task runs, the
    /// innermost one: it is among the [`Effects`](crate::Effects) that the observer hears of, and
    /// the transaction counts as one that wrote. A transaction that is rolled back drops it; one
    /// whose savepoint is rolled back may keep it.
    ///
    /// Gives `false`, and notes nothing, where the current task is in no transaction of this
    /// pool. Transactions are those of [`transaction`](Self::transaction) and
    /// [`Connection::transaction`](crate::Connection::transaction); the future of [`within`](Self::within) is none by itself.
    #[must_use = "a note that no transaction takes has to take effect at once"]
    pub fn note_in_transaction(&self, note: Arc<dyn Any + Send + Sync>) -> bool {
        note_within(self.0.connector.shared().watch.id(), &note)
    }
}

/// Runs a future that belongs to a transaction of a pool, which takes these notes.
pub(crate) async fn within<F: Future>(
    pool: u64,
    notes: Option<Arc<Notes>>,
    future: F,
) -> F::Output {
    let around = OPEN.try_with(Arc::clone).ok();
    let open = OpenTransaction {
        pool,
        notes,
        around,
    };
    OPEN.scope(Arc::new(open), future).await
}

/// Whether the current task runs within a transaction of this pool.
fn is_within(pool: u64) -> bool {
    any(|open| open.pool == pool)
}

/// Notes something in the innermost transaction of this pool within which the current task runs.
/// Says whether there is one.
fn note_within(pool: u64, note: &Note) -> bool {
    any(|open| {
        let notes = open.notes.as_ref().filter(|_| open.pool == pool);
        notes.is_some_and(|notes| notes.add(note))
    })
}

/// Whether this is so for a transaction of the current task, from the innermost outwards until
/// it is.
fn any(mut is_so: impl FnMut(&OpenTransaction) -> bool) -> bool {
    OPEN.try_with(|innermost| {
        let mut open = Some(innermost);
        while let Some(transaction) = open {
            if is_so(transaction) {
                return true;
            }
            open = transaction.around.as_ref();
        }
        false
    })
    .unwrap_or(false)
}
