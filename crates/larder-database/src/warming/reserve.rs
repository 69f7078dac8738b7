//! Values that were fetched from Redis before anybody asked for them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use larder_cache::Key;
use larder_cache::l2::Fetch;

/// The bytes that Redis had under the hottest keys, as they are there.
///
/// Each is taken out when it is read, and all that is left is dropped after a while. Whoever takes one
/// judges it as if Redis had answered it just now.
#[derive(Default)]
pub(crate) struct Reserve {
    values: Mutex<Values>,
    /// So that nobody has to lock what is empty.
    left: AtomicUsize,
    taken: AtomicU64,
}

#[derive(Default)]
struct Values {
    by_key: HashMap<u128, Reserved>,
    bytes: usize,
}

struct Reserved {
    bytes: Vec<u8>,
    /// How long Redis would have kept it.
    life: Option<Duration>,
    /// Before it was asked for.
    since: Instant,
}

impl Reserve {
    /// How many bytes are kept at most.
    const MOST_BYTES: usize = 32 << 20;

    /// How long they are kept. What nobody has read by then is not that hot.
    pub(super) const LONGEST: Duration = Duration::from_secs(60);

    /// Keeps what Redis answered, to a question that was asked at this moment. False: there is no
    /// room for more.
    pub(super) fn keep(&self, key: u128, fetched: Fetch, since: Instant) -> bool {
        let Fetch::Found { bytes, life } = fetched else {
            return true;
        };
        let mut values = self.lock();
        if values.bytes + bytes.len() > Self::MOST_BYTES {
            return false;
        }
        values.bytes += bytes.len();
        let reserved = Reserved { bytes, life, since };
        if let Some(before) = values.by_key.insert(key, reserved) {
            values.bytes -= before.bytes.len();
        }
        self.left.store(values.by_key.len(), Ordering::Relaxed);
        true
    }

    /// Takes a value out, with what is left of its life.
    pub(crate) fn take(&self, key: Key) -> Option<Fetch> {
        if self.left() == 0 {
            return None;
        }
        let mut values = self.lock();
        let Reserved { bytes, life, since } = values.by_key.remove(&key.as_u128())?;
        values.bytes -= bytes.len();
        self.left.store(values.by_key.len(), Ordering::Relaxed);
        drop(values);
        let age = since.elapsed();
        if age > Self::LONGEST {
            return None;
        }
        let life = match life {
            Some(life) => Some(life.checked_sub(age)?),
            None => None,
        };
        Some(Fetch::Found { bytes, life })
    }

    /// A value that was taken out has been served.
    pub(crate) fn served(&self) {
        self.taken.fetch_add(1, Ordering::Relaxed);
    }

    /// How many were served.
    pub(crate) fn count_served(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// How many are there.
    pub(super) fn left(&self) -> usize {
        self.left.load(Ordering::Relaxed)
    }

    /// Drops what has been there too long.
    pub(super) fn tidy(&self) {
        if self.left() == 0 {
            return;
        }
        let mut values = self.lock();
        values
            .by_key
            .retain(|_, reserved| reserved.since.elapsed() < Self::LONGEST);
        values.by_key.shrink_to_fit();
        values.bytes = values.by_key.values().map(|value| value.bytes.len()).sum();
        self.left.store(values.by_key.len(), Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Values> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use larder_cache::KeyBuilder;

    use super::*;

    fn found(bytes: usize, life: Duration) -> Fetch {
        Fetch::Found {
            bytes: vec![7; bytes],
            life: Some(life),
        }
    }

    #[test]
    fn a_value_is_taken_once_and_has_aged() {
        let reserve = Reserve::default();
        let key = KeyBuilder::new().u32(1).finish();
        let minute = Duration::from_secs(60);
        let since = Instant::now()
            .checked_sub(minute / 2)
            .unwrap_or_else(Instant::now);
        assert!(reserve.keep(key.as_u128(), found(3, 2 * minute), since));
        assert!(reserve.keep(key.as_u128(), Fetch::Missing, since));
        let Some(Fetch::Found { bytes, life }) = reserve.take(key) else {
            unreachable!("it was kept");
        };
        assert_eq!(bytes, [7; 3]);
        assert!(life.is_some_and(|life| life <= minute * 3 / 2));
        assert_eq!(reserve.take(key), None);
        // Its time is up.
        assert!(reserve.keep(key.as_u128(), found(3, minute / 3), since));
        assert_eq!(reserve.take(key), None);
        // It was there too long.
        let since = Instant::now()
            .checked_sub(2 * minute)
            .unwrap_or_else(Instant::now);
        assert!(reserve.keep(key.as_u128(), found(3, 9 * minute), since));
        assert_eq!(reserve.left(), 1);
        reserve.tidy();
        assert_eq!(reserve.left(), 0);
    }

    #[test]
    fn it_is_bounded() {
        let reserve = Reserve::default();
        let half = Reserve::MOST_BYTES / 2;
        let keep = |key, bytes| reserve.keep(key, found(bytes, Reserve::LONGEST), Instant::now());
        assert!(keep(1, half) && keep(2, half - 1));
        assert!(!keep(3, 2));
        assert!(keep(3, 1));
        assert_eq!(reserve.left(), 3);
    }
}
