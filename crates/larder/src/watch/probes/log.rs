//! The log of invalidations: whether it is followed, and how large it is.

use std::sync::Arc;

use larder_database::{Database, sql};
use larder_health::{Finding, Probe};

use super::{Context, asking, reading};

/// The bytes of the partitions. The catalog tells without a right on the schema.
const SIZE: &str = "\
    SELECT coalesce(sum(pg_catalog.pg_total_relation_size(c.oid)), 0)::bigint
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'larder' AND c.relkind = 'r' AND c.relname ~ '^invalidation_[0-9]$'";

pub(super) fn follower(context: &Context<'_>) -> Arc<dyn Probe> {
    let database = context.database.clone();
    Arc::new(reading(context, "follower", move || follow(&database)))
}

/// Whether the log of invalidations is followed. Without that nothing is served from the cache,
/// and each read asks the database: right, and slow.
fn follow(database: &Database) -> Finding {
    let Some(follower) = database.follower_statistics() else {
        return Finding::healthy();
    };
    let Some(since) = follower.since_last_poll else {
        return match follower.last_error {
            Some(error) => cured(
                Finding::degraded(format!(
                    "nothing is served from the cache since the start: failed to {error}"
                )),
                &error,
            ),
            None => Finding::unknown("the log of invalidations has not been looked into yet"),
        };
    };
    let milliseconds = (since.as_secs_f64() * 1_000.0).round();
    let finding = match (follower.has_lease, follower.last_error) {
        (true, None) => Finding::healthy(),
        (true, Some(error)) => cured(Finding::warning(format!("failed to {error}")), &error),
        (false, error) => {
            let reason = error.unwrap_or_else(|| "get an answer of the last look yet".to_owned());
            let finding = Finding::degraded(format!(
                "nothing is served from the cache: the log of invalidations was last read {milliseconds} ms ago, and Larder failed to {reason}"
            ));
            cured(finding, &reason)
        }
    };
    finding.observing(milliseconds, "ms").measured("delay")
}

fn cured(finding: Finding, error: &str) -> Finding {
    let (fault, cure) = match error.contains("larder cache install") {
        true => (
            "log_unusable",
            "run `larder cache install` as a role that may create schemas, and grant the service its rights on the schema larder",
        ),
        false => (
            "lease",
            "see what keeps the database from answering a small query: a lock on the tables of the schema larder, its load, the load of this process",
        ),
    };
    finding.of_fault(fault).curing(cure)
}

pub(super) fn size(context: &Context<'_>) -> Arc<dyn Probe> {
    let link = Arc::clone(&context.link);
    let max = context.config.health.max_log_size;
    let ask = move || {
        let link = Arc::clone(&link);
        async move {
            let size =
                link.ask(async |connection| sql(SIZE).fetch_scalar_on::<i64>(connection).await);
            let Some(Ok(size)) = size.await else {
                return Finding::unknown("the size of the log cannot be asked for now");
            };
            let bytes = u64::try_from(size).unwrap_or_default();
            let finding = match bytes > max.as_u64() {
                true => Finding::degraded(format!(
                    "the log of invalidations has {}, above {max}",
                    larder_config::ByteSize(bytes)
                )),
                false => Finding::healthy(),
            };
            finding.observing(bytes as f64, "bytes").of_fault("large").cured_by(|| {
                "see what keeps it from being pruned: transactions that are open for hours (pg_stat_activity.xact_start), or a service without EXECUTE on larder.prune()".to_owned()
            })
        }
    };
    Arc::new(asking(context, "log", ask))
}
