//! All lanes of a pool, and which of them takes a read.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::keeper::keep;
use super::lane::{Lane, settings};
use super::moment::Moment;
use super::options::LaneOptions;
use super::replies::Limits;
use super::statements::LaneStatements;
use super::status::{BypassReason, LaneCounters, LaneStatus};
use crate::connect_options::{ConnectOptions, PoolerMode};
use crate::connector::Connector;
use crate::{Error, PoolOptions};

/// What stands behind the name by which the server lists the connections of a pool where it lists
/// its lanes.
pub const LANE_SUFFIX: &str = " lane";

/// The lanes of a pool, which go with it; none where there must not be any.
pub(crate) struct Lanes(Option<Arc<Group>>);

/// What all users of the lanes share, and the task that looks after them.
pub(super) struct Group {
    pub(super) options: LaneOptions,
    pub(super) max_lifetime: Option<Duration>,
    pub(super) idle_timeout: Option<Duration>,
    pub(super) connector: Connector,
    pub(super) statements: LaneStatements,
    pub(super) counters: LaneCounters,
    pub(super) stopped: CancellationToken,
    /// Something is to be done before the keeper would look by itself.
    pub(super) wake: Arc<Notify>,
    /// Somebody looked for a lane and there was none.
    pub(super) is_wanted: AtomicBool,
    /// The keeper looks seldom, because nothing is on its way.
    pub(super) is_asleep: AtomicBool,
    /// The list of lanes has changed, or one could not be opened.
    pub(super) changed: Notify,
    /// How often a lane could not be opened.
    pub(super) failures: AtomicUsize,
    open: ArcSwap<Vec<Arc<Lane>>>,
    /// Lanes from before this moment are not used any more.
    retired: Mutex<Option<Instant>>,
    runtime: Handle,
    has_keeper: AtomicBool,
}

impl Lanes {
    pub(crate) fn new(
        options: &PoolOptions,
        connect: &ConnectOptions,
        connector: &Connector,
        runtime: &Handle,
    ) -> Self {
        // Behind a pooler that lends its servers by transaction, what is set for a session is met
        // by everybody else. A database that takes no requests to cancel has one connection.
        let is_shareable = connect.pooler != PoolerMode::Transaction && connect.cancel_requests;
        if options.lanes.count == 0 || !is_shareable {
            return Self(None);
        }
        let settings = settings(connect, options.lanes.statement_timeout);
        Self(Some(Arc::new(Group {
            options: options.lanes.clone(),
            max_lifetime: options.max_lifetime,
            idle_timeout: options.idle_timeout,
            connector: connector.with_settings(settings, LANE_SUFFIX),
            statements: LaneStatements::new(),
            counters: LaneCounters::default(),
            stopped: CancellationToken::new(),
            wake: Arc::default(),
            is_wanted: AtomicBool::new(false),
            is_asleep: AtomicBool::new(false),
            changed: Notify::new(),
            failures: AtomicUsize::new(0),
            open: ArcSwap::default(),
            retired: Mutex::default(),
            runtime: runtime.clone(),
            has_keeper: AtomicBool::new(false),
        })))
    }

    pub(super) fn group(&self) -> Option<&Arc<Group>> {
        self.0.as_ref()
    }

    pub(crate) fn status(&self) -> LaneStatus {
        self.0
            .as_ref()
            .map(|group| group.status())
            .unwrap_or_default()
    }

    /// Nothing is read by the lanes any more that there are now.
    pub(crate) fn retire(&self) {
        if let Some(group) = &self.0 {
            group.retire();
        }
    }

    /// Takes no more reads. Those on their way are answered, and then the lanes close.
    pub(crate) fn shut_down(&self) {
        if let Some(group) = &self.0 {
            group.stopped.cancel();
            group.open.store(Arc::default());
        }
    }
}

impl Drop for Lanes {
    fn drop(&mut self) {
        self.shut_down();
    }
}

impl Group {
    /// Opens a lane, for the keeper.
    ///
    /// # Errors
    ///
    /// As connecting.
    pub(super) async fn open_lane(&self) -> Result<Lane, Error> {
        let limits = Limits {
            result_cap: self.options.result_cap,
            slow_after: self.options.slow_after,
        };
        Lane::open(
            &self.connector,
            limits,
            self.max_lifetime,
            Arc::clone(&self.wake),
        )
        .await
    }

    /// The lane that takes the next read: of those that are not held up the one with the least
    /// on its way.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub(super) fn choose(self: &Arc<Self>) -> Result<Arc<Lane>, BypassReason> {
        let open = self.open.load();
        if open.is_empty() {
            self.want();
            return Err(BypassReason::Closed);
        }
        if self.is_asleep.load(Ordering::Relaxed) {
            self.wake.notify_one();
        }
        let now = Moment::now();
        let with_room = open.iter().filter(|lane| lane.has_room(now));
        let least = with_room.min_by_key(|lane| lane.in_flight());
        least.cloned().ok_or(BypassReason::Busy)
    }

    /// Has lanes opened, unless that is being done.
    pub(super) fn want(self: &Arc<Self>) {
        if self.stopped.is_cancelled() {
            return;
        }
        self.is_wanted.store(true, Ordering::Relaxed);
        if self.has_keeper.swap(true, Ordering::AcqRel) {
            self.wake.notify_one();
        } else {
            self.runtime.spawn(keep(Arc::clone(self)));
        }
    }

    pub(super) fn open(&self) -> Arc<Vec<Arc<Lane>>> {
        self.open.load_full()
    }

    /// Changes which lanes there are; for the keeper alone. Nothing is opened after the end.
    pub(super) fn set_open(&self, lanes: Vec<Arc<Lane>>) {
        self.open.store(Arc::new(lanes));
        if self.stopped.is_cancelled() {
            self.open.store(Arc::default());
        }
        self.changed.notify_waiters();
    }

    pub(super) fn is_open(&self, id: u64) -> bool {
        self.open.load().iter().any(|lane| lane.id() == id)
    }

    fn retire(&self) {
        let mut retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        *retired = Some(Instant::now());
        drop(retired);
        for lane in self.open.load().iter() {
            lane.retire();
        }
        self.wake.notify_one();
    }

    /// Whether a lane is from before the moment in which all were retired.
    pub(super) fn is_retired(&self, lane: &Lane) -> bool {
        let retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        retired.is_some_and(|moment| lane.opened() < moment)
    }

    /// Waits until the lanes that there are by default are open, or one cannot be opened.
    pub(super) async fn opened(self: &Arc<Self>) -> usize {
        let failures = self.failures.load(Ordering::Relaxed);
        loop {
            let mut changed = pin!(self.changed.notified());
            // Listening before looking, so that no change is missed in between.
            changed.as_mut().enable();
            let open = self.open.load().len();
            let is_over = open >= self.options.count
                || self.failures.load(Ordering::Relaxed) != failures
                || self.stopped.is_cancelled();
            if is_over {
                return open;
            }
            self.want();
            tokio::select! {
                () = changed => {}
                () = self.stopped.cancelled() => {}
            }
        }
    }

    fn status(&self) -> LaneStatus {
        let open = self.open.load();
        let in_flight = open.iter().map(|lane| lane.in_flight()).sum();
        self.counters.status(open.len(), in_flight)
    }
}
