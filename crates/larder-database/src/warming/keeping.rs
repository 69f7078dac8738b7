//! The list of the hottest keys in Redis, and fetching what stands under them.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use larder_cache::l2::Fetch;
use tokio::time::{sleep, timeout};

use crate::database::Inner;
use crate::fleet::{PIECE, SecondTier};

/// How long a list is kept in Redis: about as long as the results that it names.
const LIFE: Duration = Duration::from_secs(60 * 60);

impl Inner {
    /// Fetches the values of the hottest keys. How many there were; none without Redis, and none
    /// as long as it does not answer.
    pub(super) async fn fetch_hot_keys(self: &Arc<Self>) -> u64 {
        let (Some(tier), Some(fleet)) = (&self.second_tier, &self.fleet) else {
            return 0;
        };
        let Some(identity) = fleet.identity().filter(|_| tier.hot_keys.is_on()) else {
            return 0;
        };
        until_connected(tier).await;
        let list = match tier.redis().get(&tier.list_of_hot_keys(&identity)).await {
            Fetch::Found { bytes, .. } => tier.hot_keys.read(&bytes),
            _ => Vec::new(),
        };
        let listed = list.len() as u64;
        self.warmer.note(|progress| progress.hot_keys = listed);
        let fetched = fetch_into_reserve(tier, &list).await;
        self.warmer.note(|progress| progress.fetched += fetched);
        fetched
    }

    /// Writes the list of the hottest keys, if anything was read since it was last written.
    pub(crate) async fn keep_hot_keys(&self) {
        let (Some(tier), Some(fleet)) = (&self.second_tier, &self.fleet) else {
            return;
        };
        let Some(identity) = fleet.identity() else {
            return;
        };
        if !tier.hot_keys.has_news() || !tier.redis().is_available() {
            return;
        }
        let key = tier.list_of_hot_keys(&identity);
        let others = match tier.redis().get(&key).await {
            Fetch::Found { bytes, .. } => tier.hot_keys.read(&bytes),
            Fetch::Missing => Vec::new(),
            // What others have listed is not overwritten unread.
            Fetch::Unavailable => return,
        };
        let list = tier.hot_keys.list(&others);
        tier.redis().put(key, list, LIFE);
    }
}

/// Keeps the list of the hottest keys in Redis up to date, and drops what is left of the reserve. Ends
/// with the database.
pub(crate) async fn tend_hot_keys(database: Weak<Inner>) {
    /// A process that is killed soon has told at least this much.
    const FIRST: Duration = Duration::from_secs(5);
    const LONGEST: Duration = Duration::from_secs(30);
    let Some(mut calls) = database.upgrade().map(|inner| inner.warmer.listen()) else {
        return;
    };
    let mut pause = FIRST;
    loop {
        let stopped = calls.wait_for(|calls| calls.is_stopped);
        if timeout(pause, stopped).await.is_ok() {
            return;
        }
        let Some(inner) = database.upgrade() else {
            return;
        };
        if let Some(tier) = &inner.second_tier {
            tier.reserve.tidy();
        }
        inner.keep_hot_keys().await;
        // What a young process reads changes its list most.
        pause = LONGEST.min(pause * 2);
    }
}

/// Waits for the first connection to Redis, which is made in the background.
async fn until_connected(tier: &SecondTier) {
    const PAUSE: Duration = Duration::from_millis(5);
    const PATIENCE: Duration = Duration::from_secs(2);
    let since = Instant::now();
    while !tier.redis().is_available() && since.elapsed() < PATIENCE {
        sleep(PAUSE).await;
    }
}

/// Fetches values some hundreds at a time, the hottest first.
async fn fetch_into_reserve(tier: &SecondTier, list: &[(u128, u32)]) -> u64 {
    let before = tier.reserve.left();
    for piece in list.chunks(PIECE) {
        let keys: Vec<String> = piece.iter().map(|(key, _)| tier.key_of(key)).collect();
        let since = Instant::now();
        let fetched = tier.redis().get_many(&keys).await;
        // One that is in trouble is not asked for more.
        if fetched.iter().all(|fetch| *fetch == Fetch::Unavailable) {
            break;
        }
        let mut kept = piece.iter().zip(fetched);
        if !kept.all(|((key, _), fetch)| tier.reserve.keep(*key, fetch, since)) {
            break;
        }
    }
    tier.reserve.left().saturating_sub(before) as u64
}
