//! Applying what a look at the log has told.

use larder_cache::{Cause, Touched, TransactionId};

use super::history::{Follower, begin_anew};
use super::members::{Fleet, apply};
use super::poll::Look;
use super::statistics::count;
use crate::Error;
use crate::database::Inner;
use crate::events::CacheEvent;

/// Applies what a look has told.
///
/// # Errors
///
/// If everything has to begin anew and the log cannot be read.
pub(super) async fn go_on(
    inner: &Inner,
    fleet: &Fleet,
    follower: &mut Follower,
    look: Look,
) -> Result<(), Error> {
    let history = format!("{} {}", follower.database, look.epoch);
    // A server that was set back without anybody telling it: it gives ids again.
    let set_back = look.snapshot.next() < follower.seen.next();
    if history != follower.history || set_back {
        tracing::warn!(
            "the database has another history than before: nothing that was cached is used"
        );
        count(&fleet.counters.histories, 1);
        inner.events.send(|| CacheEvent::HistoryChanged);
        return begin_anew(inner, fleet, follower).await;
    }
    if look.is_cut_off {
        tracing::info!("there is too much news in the log of invalidations: the cache begins anew");
        return begin_anew(inner, fleet, follower).await;
    }
    if has_gap(follower, &look) {
        tracing::warn!(
            "the log of invalidations was pruned beyond what was read: the cache begins anew"
        );
        count(&fleet.counters.gaps, 1);
        inner.events.send(|| CacheEvent::LogGap);
        return begin_anew(inner, fleet, follower).await;
    }
    fleet.knowledge.raise_horizon(look.horizon);
    let mut news = Vec::with_capacity(look.rows.len());
    // With a change of definitions among them, it is not known which of the others came after it.
    let changed = look
        .rows
        .iter()
        .any(|(id, row)| row.changes_definitions() && !fleet.is_applied(*id, row));
    let definitions = inner.picture.definitions().filter(|_| !changed);
    for (transaction, touched) in look.rows {
        // An own write too, if it was applied by definitions that were no longer right.
        if !(fleet.is_applied(transaction, &touched) && touched.is_known_by(definitions)) {
            let touched = as_known(inner, touched, definitions);
            // All of it before the first is applied: whoever begins to read after that, knows.
            fleet.learn(&touched, transaction);
            news.push(touched);
        }
    }
    fleet.forget_applied(&look.snapshot);
    count(&fleet.counters.rows, news.len() as u64);
    for touched in &news {
        if touched.changes_definitions() {
            inner.picture.changed();
        }
        follower.must_load_switches |= touched.changes_switches();
        follower.must_warm |= touched.asks_for_warming();
        inner.watcher.heat.wrote(touched);
        apply(&inner.cache, touched, Cause::Remote);
    }
    follower.horizon = look.horizon;
    follower.seen = look.snapshot;
    Ok(())
}

/// What a row says, or everything if its writer knew other definitions: it cannot have known what
/// else it touched.
fn as_known(inner: &Inner, touched: Touched, definitions: Option<u64>) -> Touched {
    if touched.is_known_by(definitions) {
        return touched;
    }
    // One of the two has missed a change of definitions. If it is this process, it looks now.
    if inner.picture.may_look_for_a_table() {
        inner.picture.changed();
    }
    Touched::everything()
}

/// Whether rows were pruned that have not been read: of transactions that were not there yet, or
/// were running, when the log was last looked at.
fn has_gap(follower: &Follower, look: &Look) -> bool {
    if look.horizon <= follower.horizon {
        return false;
    }
    let is_lost = |id: &TransactionId| {
        *id < look.horizon
            && look.snapshot.sees(*id)
            && look.rows.iter().all(|(found, _)| found != id)
    };
    follower.seen.next() < look.horizon || follower.seen.running().iter().any(is_lost)
}
