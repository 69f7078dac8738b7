//! Reads that are registered by name.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::time::timeout;

use crate::Database;

type Outcome = Result<(), Box<dyn StdError + Send + Sync>>;
type Run = dyn Fn(Database) -> BoxFuture<'static, Outcome> + Send + Sync;

/// A read that warms the cache, and its name.
#[derive(Clone)]
pub(crate) struct Registered {
    pub(super) name: Arc<str>,
    run: Arc<Run>,
}

impl Registered {
    pub(crate) fn new<F, Fut>(name: impl Into<String>, read: F) -> Self
    where
        F: Fn(Database) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Outcome> + Send + 'static,
    {
        Self {
            name: name.into().into(),
            run: Arc::new(move |database| Box::pin(read(database))),
        }
    }

    /// Whether both have the same name.
    pub(crate) fn has_name_of(&self, other: &Self) -> bool {
        self.name == other.name
    }

    /// Runs it in a task of its own, so that its panic is only its failure, and for so long at most.
    pub(super) async fn run(
        self,
        database: Database,
        deadline: Duration,
    ) -> (Arc<str>, Result<(), String>) {
        let task = Ends(tokio::spawn((self.run)(database)));
        let outcome = timeout(deadline, task.outcome()).await;
        let outcome = outcome.unwrap_or_else(|_| {
            Err(format!(
                "it was ended after {deadline:?}, the longest that cache.warm_timeout allows"
            ))
        });
        (self.name, outcome)
    }
}

/// A task that ends when nobody waits for it any more.
struct Ends(tokio::task::JoinHandle<Outcome>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Ends {
    async fn outcome(mut self) -> Result<(), String> {
        match (&mut self.0).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(with_causes(&*error)),
            Err(error) if error.is_panic() => Err("it panicked".to_owned()),
            Err(_) => Err("it was stopped".to_owned()),
        }
    }
}

/// An error and what caused it. Those that repeat their cause say it once.
fn with_causes(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text += ": ";
            text += &next;
        }
        cause = error.source();
    }
    text
}

impl fmt::Debug for Registered {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("Registered")
            .field(&self.name)
            .finish()
    }
}
