//! One lane: a connection that many reads share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio_postgres::Statement as Prepared;

use super::moment::Moment;
use super::replies::{Ended, Limits, Replies};
use super::request::Request;
use crate::connection::{Link, Origin, StatementTimeout};
use crate::connector::Connector;
use crate::{ConnectOptions, Error};

/// A connection that many reads share.
pub(super) struct Lane {
    /// Tells it from all others of this process.
    id: u64,
    link: Arc<Link>,
    replies: Arc<Replies>,
    opened: Instant,
    /// When it is to be replaced.
    expires: Option<Instant>,
    /// It takes no more reads.
    retired: AtomicBool,
}

impl Lane {
    /// How many reads may be on their way: what is more waits better in the queue of the pool.
    const MOST_IN_FLIGHT: usize = 256;
    /// A lane on which one statement has been at work for so long gets no new ones.
    const STUCK: Duration = Duration::from_millis(20);

    /// Opens one.
    ///
    /// # Errors
    ///
    /// As connecting.
    pub(super) async fn open(
        connector: &Connector,
        limits: Limits,
        lifetime: Option<Duration>,
        on_end: Arc<Notify>,
    ) -> Result<Self, Error> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let replies = Replies::new(limits, on_end);
        let connector = connector.answering_to(Arc::clone(&replies));
        let connection = connector.connect().await?;
        let opened = connection.opened_at();
        // Not all at once, even if they were opened so.
        let expires = lifetime
            .and_then(|lifetime| opened.checked_add(lifetime.mul_f64(0.8 + 0.2 * fastrand::f64())));
        Ok(Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            link: Arc::clone(connection.link()),
            replies,
            opened,
            expires,
            retired: AtomicBool::new(false),
        })
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    pub(super) fn link(&self) -> &Arc<Link> {
        &self.link
    }

    /// Where its connection leads.
    pub(super) fn origin(&self) -> Origin<'_> {
        Origin::new(self.link.settings(), self.link.is_standby(), self.opened)
    }

    pub(super) fn opened(&self) -> Instant {
        self.opened
    }

    pub(super) fn is_open(&self) -> bool {
        !self.replies.has_ended() && !self.link.is_closed()
    }

    /// It takes no more reads, and is replaced.
    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Relaxed)
    }

    pub(super) fn has_expired(&self, now: Instant) -> bool {
        self.expires.is_some_and(|expires| now >= expires)
    }

    /// Whether it takes another read.
    pub(super) fn has_room(&self, now: Moment) -> bool {
        self.is_open()
            && !self.is_retired()
            && self.in_flight() < Self::MOST_IN_FLIGHT
            && self.replies.held_for(now) < Self::STUCK
    }

    pub(super) fn in_flight(&self) -> usize {
        self.replies.in_flight()
    }

    /// For how long one statement has held it.
    pub(super) fn held_for(&self, now: Moment) -> Duration {
        self.replies.held_for(now)
    }

    /// Whoever waits behind the statement that holds it is sent elsewhere.
    pub(super) fn relieve(&self) {
        self.replies.relieve();
    }

    /// Closes it at once: whoever waits for an answer is sent elsewhere.
    pub(super) fn sever(&self) {
        self.link.sever();
    }

    /// Sends reads, one behind the other.
    ///
    /// # Errors
    ///
    /// [`Ended`], and nothing was sent.
    pub(super) fn send<const N: usize>(
        &self,
        reads: [(Arc<Request>, Prepared); N],
    ) -> Result<(), Ended> {
        self.replies.send(&self.link, reads)
    }
}

/// The settings of a lane's session, beside those of all connections.
pub(super) fn settings(
    options: &ConnectOptions,
    statement_timeout: Duration,
) -> Vec<(String, String)> {
    let limit = statement_timeout.as_millis().max(1);
    let limit = match StatementTimeout::of(options) {
        // 0 is no limit at all.
        StatementTimeout::Milliseconds(stated @ 1..) => limit.min(stated.into()),
        _ => limit,
    };
    vec![
        ("default_transaction_read_only".to_owned(), "on".to_owned()),
        ("statement_timeout".to_owned(), limit.to_string()),
    ]
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

    use super::*;

    #[test]
    fn the_shorter_limit_counts() {
        for (stated, expected) in [
            (None, "1000"),
            (Some("60s"), "1000"),
            (Some("1min"), "1000"),
            (Some("0"), "1000"),
            (Some("500ms"), "500"),
            (Some("500"), "500"),
        ] {
            let mut options = ConnectOptions::parse("postgres://db/shop").unwrap();
            if let Some(stated) = stated {
                options = options.setting("statement_timeout", stated);
            }
            let settings = settings(&options, Duration::from_secs(1));
            let limit = settings
                .iter()
                .find(|(name, _)| name == "statement_timeout");
            assert_eq!(limit.unwrap().1, expected, "{stated:?}");
        }
    }
}
