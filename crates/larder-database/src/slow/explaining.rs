//! Asking the server for plans, in the background.

use std::sync::{Arc, Weak};
use std::time::Duration;

use larder_metrics::statements::PlanSnapshot;
use larder_pool::ExplainOptions;
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::notice::Asked;
use super::plan::snapshot;
use crate::QuerySettings;
use crate::database::Inner;

/// How long a connection may be missing that nobody has use for.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long until it is looked for again.
const PAUSE: Duration = Duration::from_secs(1);

/// Takes the plans that are asked for, if anybody asks for plans, in a task that ends with the
/// database.
pub(crate) fn explain_in_background(
    database: &Arc<Inner>,
    asked: Option<mpsc::Receiver<Asked>>,
    settings: &QuerySettings,
) {
    let Some(asked) = asked else {
        return;
    };
    let mut options = ExplainOptions::default();
    options.timeout = settings.explain_timeout;
    let database = Arc::downgrade(database);
    tokio::spawn(explain_all(database, asked, options, settings.show_values));
}

/// Takes one plan after the other.
async fn explain_all(
    database: Weak<Inner>,
    mut asked: mpsc::Receiver<Asked>,
    options: ExplainOptions,
    show_values: bool,
) {
    while let Some(asked) = asked.recv().await {
        let mut options = options.clone();
        options.analyze = asked.analyze;
        let Some(plan) = explain(&database, &asked, &options).await else {
            continue;
        };
        let Some(plan) = snapshot(&plan, asked.analyze, show_values) else {
            tracing::debug!("the server's plan is not what EXPLAIN (FORMAT JSON) gives");
            continue;
        };
        keep(&database, asked.fingerprint, plan);
    }
}

async fn explain(
    database: &Weak<Inner>,
    asked: &Asked,
    options: &ExplainOptions,
) -> Option<String> {
    let mut waited = Duration::ZERO;
    loop {
        // Held for a moment only: who drops the database wants it closed.
        let pool = database.upgrade()?.pool.clone();
        if pool.is_shut_down() {
            return None;
        }
        let plan = pool.explain(&asked.statement, asked.scope.as_ref(), options);
        match plan.await {
            Ok(Some(plan)) => return Some(plan),
            Ok(None) if waited < PATIENCE => {}
            Ok(None) => return None,
            Err(error) => {
                // Of a temporary table, for instance, no other session can tell anything.
                tracing::debug!(%error, "failed to explain a slow statement");
                return None;
            }
        }
        drop(pool);
        sleep(PAUSE).await;
        waited += PAUSE;
    }
}

fn keep(database: &Weak<Inner>, fingerprint: u64, plan: PlanSnapshot) {
    if let Some(inner) = database.upgrade() {
        inner
            .watcher
            .queries
            .statements()
            .keep_plan(fingerprint, plan);
    }
}
