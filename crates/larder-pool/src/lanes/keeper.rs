//! The task that looks after the lanes: opens them, replaces them, and helps whoever is stuck.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::sleep;

use super::group::Group;
use super::lane::Lane;
use super::moment::Moment;
use crate::Error;

/// Looks after the lanes until they are shut down.
pub(super) async fn keep(group: Arc<Group>) {
    let mut keeper = Keeper::new(group);
    let group = Arc::clone(&keeper.group);
    loop {
        let pause = keeper.look();
        tokio::select! {
            biased;
            () = group.stopped.cancelled() => return,
            Some(opened) = keeper.opening.join_next() => keeper.opened(opened.ok()),
            () = group.wake.notified() => {}
            () = sleep(pause) => {}
        }
    }
}

struct Keeper {
    group: Arc<Group>,
    opening: JoinSet<Result<Lane, Error>>,
    /// How many there should be.
    target: usize,
    /// No attempt is made before this, and the pause after the next one that fails.
    not_before: Instant,
    pause: Duration,
    /// Since when there has been much, or little, to do for the lanes.
    much_since: Option<Instant>,
    little_since: Option<Instant>,
    /// When there was last anything to do, and how much had been read by then.
    last_active: Instant,
    reads: u64,
}

impl Keeper {
    const FIRST_PAUSE: Duration = Duration::from_millis(50);
    const LONGEST_PAUSE: Duration = Duration::from_secs(30);
    /// How often it looks while reads are on their way, and while none are.
    const ACTIVE: Duration = Duration::from_millis(20);
    const ASLEEP: Duration = Duration::from_secs(5);
    /// How long after the last read it goes on looking often.
    const AFTERWARDS: Duration = Duration::from_secs(1);
    /// With more than this on its way on each, for so long, there is one lane more.
    const MUCH: usize = 24;
    const MUCH_FOR: Duration = Duration::from_millis(500);
    /// With less than this on each that would be left, for so long, there is one less.
    const LITTLE: usize = 4;
    const LITTLE_FOR: Duration = Duration::from_secs(30);
    /// A server that does not end a statement by itself in time does not answer at all.
    const GRACE: Duration = Duration::from_secs(1);

    fn new(group: Arc<Group>) -> Self {
        let now = Instant::now();
        Self {
            target: group.options.count,
            group,
            opening: JoinSet::new(),
            not_before: now,
            pause: Self::FIRST_PAUSE,
            much_since: None,
            little_since: None,
            last_active: now,
            reads: 0,
        }
    }

    /// Does what there is to do, and says after how long it is to look again.
    fn look(&mut self) -> Duration {
        let now = Instant::now();
        let open = self.still_open(now);
        self.help(&open);
        let open = self.resize(open, now);
        self.open_missing(open.len(), now);
        let is_active = now.duration_since(self.last_active) < Self::AFTERWARDS;
        let is_trying = open.len() + self.opening.len() < self.target;
        self.group.is_asleep.store(!is_active, Ordering::Relaxed);
        if is_active {
            Self::ACTIVE
        } else if is_trying {
            self.not_before.saturating_duration_since(now)
        } else {
            Self::ASLEEP
        }
    }

    /// Takes away the lanes that are lost, outdated or too old. What is on its way on them is
    /// still answered where that can be.
    fn still_open(&mut self, now: Instant) -> Arc<Vec<Arc<Lane>>> {
        let open = self.group.open();
        let stays = |lane: &Lane| lane.is_open() && !lane.is_retired() && !lane.has_expired(now);
        if open.iter().all(|lane| stays(lane)) {
            return open;
        }
        for lane in open.iter().filter(|lane| !lane.is_open()) {
            tracing::debug!(cause = lane.link().lost(), "a lane was lost");
            if now.duration_since(lane.opened()) < Self::AFTERWARDS {
                // Else they would be opened and lost in a circle.
                self.back_off(now);
            }
        }
        let left = open.iter().filter(|lane| stays(lane)).cloned().collect();
        self.group.set_open(left);
        self.group.open()
    }

    /// Helps those who wait behind a statement that takes long.
    fn help(&self, open: &[Arc<Lane>]) {
        let options = &self.group.options;
        let now = Moment::now();
        for lane in open {
            let held_for = lane.held_for(now);
            if held_for > options.statement_timeout + Self::GRACE {
                lane.sever();
            } else if held_for > options.slow_after && lane.in_flight() > 1 {
                lane.relieve();
            }
        }
    }

    /// Decides how many there should be.
    fn resize(&mut self, open: Arc<Vec<Arc<Lane>>>, now: Instant) -> Arc<Vec<Arc<Lane>>> {
        let options = &self.group.options;
        let in_flight: usize = open.iter().map(|lane| lane.in_flight()).sum();
        let reads = self.group.counters.reads();
        if self.group.is_wanted.swap(false, Ordering::Relaxed) {
            self.last_active = now;
            self.target = self.target.max(options.count);
        }
        if in_flight > 0 || reads != self.reads {
            self.last_active = now;
            self.reads = reads;
        }
        let idle = now.duration_since(self.last_active);
        if self.group.idle_timeout.is_some_and(|limit| idle >= limit) {
            self.target = 0;
        }
        let has_much = in_flight > Self::MUCH * open.len() && !open.is_empty();
        let has_little = in_flight < Self::LITTLE * open.len().saturating_sub(1);
        if lasts(&mut self.much_since, has_much, now, Self::MUCH_FOR) {
            self.target = (open.len() + 1).min(options.most());
        }
        if lasts(&mut self.little_since, has_little, now, Self::LITTLE_FOR)
            && self.target > options.count
        {
            self.target -= 1;
        }
        if open.len() <= self.target {
            return open;
        }
        let mut left: Vec<_> = open.to_vec();
        left.sort_by_key(|lane| std::cmp::Reverse(lane.in_flight()));
        left.truncate(self.target);
        self.group.set_open(left);
        self.group.open()
    }

    fn open_missing(&mut self, open: usize, now: Instant) {
        if now < self.not_before {
            return;
        }
        for _ in open + self.opening.len()..self.target {
            let group = Arc::clone(&self.group);
            self.opening.spawn(async move { group.open_lane().await });
        }
    }

    /// An attempt to open one has ended; without a result if it was given up.
    fn opened(&mut self, opened: Option<Result<Lane, Error>>) {
        match opened {
            Some(Ok(lane)) => {
                self.pause = Self::FIRST_PAUSE;
                // Made before all were retired, it may lead to a server that is no longer the
                // right one.
                if !self.group.is_retired(&lane) {
                    let mut open = self.group.open().to_vec();
                    open.push(Arc::new(lane));
                    self.group.set_open(open);
                }
            }
            failed => {
                if let Some(Err(error)) = failed {
                    tracing::debug!("failed to open a lane: failed to {error}");
                }
                self.back_off(Instant::now());
                self.group.failures.fetch_add(1, Ordering::Relaxed);
                self.group.changed.notify_waiters();
            }
        }
    }

    fn back_off(&mut self, now: Instant) {
        self.not_before = now + self.pause.mul_f64(0.5 + 0.5 * fastrand::f64());
        self.pause = (self.pause * 2).min(Self::LONGEST_PAUSE);
    }
}

/// Whether something has been so for this long. Then it has to be so for as long again.
fn lasts(since: &mut Option<Instant>, is_so: bool, now: Instant, long: Duration) -> bool {
    if !is_so {
        *since = None;
        return false;
    }
    let began = *since.get_or_insert(now);
    let lasts = now.duration_since(began) >= long;
    if lasts {
        *since = None;
    }
    lasts
}
