//! Which transactions the current task has open.

use std::sync::Arc;

tokio::task_local! {
    static OPEN: Arc<OpenTransaction>;
}

/// A transaction within which the current task runs, and the one around it.
struct OpenTransaction {
    pool: u64,
    around: Option<Arc<OpenTransaction>>,
}

/// Runs a future that belongs to a transaction of a pool.
pub(crate) async fn within<F: Future>(pool: u64, future: F) -> F::Output {
    let around = OPEN.try_with(Arc::clone).ok();
    OPEN.scope(Arc::new(OpenTransaction { pool, around }), future)
        .await
}

/// Whether the current task runs within a transaction of this pool.
pub(crate) fn is_within(pool: u64) -> bool {
    OPEN.try_with(|innermost| {
        let mut open = Some(innermost);
        while let Some(transaction) = open {
            if transaction.pool == pool {
                return true;
            }
            open = transaction.around.as_ref();
        }
        false
    })
    .unwrap_or(false)
}
