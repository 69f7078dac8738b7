//! Moments of a connection, and what is armed to happen at them.

use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use super::Fault;
use super::wire::Event;

/// Something that passes through a [`Proxy`](super::Proxy).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    what: What,
    /// How often it has to come.
    left: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    Connection,
    Statement(String),
    Reply(String),
    Ready,
    ReplyBytes,
}

impl Moment {
    /// A client has connected.
    pub fn connection() -> Self {
        Self::first(What::Connection)
    }

    /// A client sends a statement whose text contains this, prepared or not. A fault strikes before
    /// the server gets it. PostgreSQL only.
    pub fn statement(text: impl Into<String>) -> Self {
        Self::first(What::Statement(text.into()))
    }

    /// The server has completed a command and says so by a tag that begins with this, such as
    /// `COMMIT`, `INSERT` or `SELECT 3`; a refusal is `ERROR` and the SQLSTATE, as in `ERROR 40001`. A
    /// fault strikes before the client gets it. PostgreSQL only.
    pub fn reply(tag: impl Into<String>) -> Self {
        Self::first(What::Reply(tag.into()))
    }

    /// The server is ready for the next statement: it has answered the one before in full, or logged
    /// the client in. PostgreSQL only.
    pub fn ready() -> Self {
        Self::first(What::Ready)
    }

    /// The server has replied so many bytes, on all connections together. A fault strikes the one
    /// whose reply goes beyond that, after so many bytes have passed.
    pub fn reply_bytes(bytes: u64) -> Self {
        Self {
            what: What::ReplyBytes,
            left: bytes,
        }
    }

    /// Not the first that comes but the n-th, from 1.
    ///
    /// # Examples
    ///
    /// ```
    /// use larder_testing::proxy::Moment;
    ///
    /// let third = Moment::reply("INSERT").nth(3);
    /// # let _ = third;
    /// ```
    #[must_use]
    pub fn nth(mut self, n: u64) -> Self {
        self.left = n.max(1);
        self
    }

    fn first(what: What) -> Self {
        Self { what, left: 1 }
    }

    fn is(&self, event: &Event) -> bool {
        match (&self.what, event) {
            (What::Connection, Event::Connection) | (What::Ready, Event::Ready) => true,
            (What::Statement(text), Event::Statement(statement)) => statement.contains(text),
            (What::Reply(begin), Event::Reply(tag)) => tag.starts_with(begin),
            _ => false,
        }
    }
}

/// Becomes ready when a moment has come. It may be dropped; a fault strikes all the same.
#[derive(Debug)]
#[must_use = "await it, or drop it on purpose"]
pub struct Occurrence(oneshot::Receiver<()>);

impl Future for Occurrence {
    type Output = ();

    /// Ready, too, when the moment cannot come any more: the fault was disarmed or the proxy is gone.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(context).map(|_| ())
    }
}

/// What is armed.
#[derive(Default)]
pub(super) struct Rules(Mutex<Vec<Rule>>);

struct Rule {
    moment: Moment,
    /// Without one somebody only waits for the moment.
    fault: Option<Fault>,
    tell: oneshot::Sender<()>,
}

impl Rules {
    pub(super) fn arm(&self, moment: Moment, fault: Option<Fault>) -> Occurrence {
        let (tell, told) = oneshot::channel();
        self.lock().push(Rule {
            moment,
            fault,
            tell,
        });
        Occurrence(told)
    }

    /// Forgets the faults.
    pub(super) fn disarm(&self) {
        self.lock().retain(|rule| rule.fault.is_none());
    }

    /// The fault that strikes at this event, before it passes.
    pub(super) fn strike(&self, event: &Event) -> Option<Fault> {
        self.count(event, |rule| rule.fault.is_some())
    }

    /// Tells those who wait for an event that it has passed.
    pub(super) fn passed(&self, event: &Event) {
        self.count(event, |rule| rule.fault.is_none());
    }

    fn count(&self, event: &Event, concerned: impl Fn(&Rule) -> bool) -> Option<Fault> {
        let mut rules = self.lock();
        let mut fault = None;
        for rule in rules.iter_mut() {
            if concerned(rule) && rule.moment.is(event) {
                rule.moment.left -= 1;
            }
        }
        let due = rules.extract_if(.., |rule| {
            concerned(rule) && rule.moment.left == 0 && rule.moment.what != What::ReplyBytes
        });
        for rule in due {
            fault = fault.or(rule.fault);
            // Nobody has to wait for it.
            let _ = rule.tell.send(());
        }
        fault
    }

    /// How many bytes of replies may pass until a fault strikes.
    pub(super) fn bytes_until_fault(&self) -> Option<u64> {
        let rules = self.lock();
        let counting = rules
            .iter()
            .filter(|rule| rule.fault.is_some() && rule.moment.what == What::ReplyBytes);
        counting.map(|rule| rule.moment.left).min()
    }

    /// Counts bytes of replies that have passed.
    pub(super) fn count_bytes(&self, bytes: u64) {
        let mut rules = self.lock();
        for rule in rules.iter_mut() {
            if rule.moment.what == What::ReplyBytes {
                rule.moment.left = rule.moment.left.saturating_sub(bytes);
            }
        }
        let reached = |rule: &mut Rule| {
            rule.fault.is_none() && rule.moment.what == What::ReplyBytes && rule.moment.left == 0
        };
        for rule in rules.extract_if(.., reached) {
            let _ = rule.tell.send(());
        }
    }

    /// The fault that strikes because all its bytes have passed.
    pub(super) fn strike_at_bytes(&self) -> Option<Fault> {
        let mut rules = self.lock();
        let at = rules.iter().position(|rule| {
            rule.fault.is_some() && rule.moment.what == What::ReplyBytes && rule.moment.left == 0
        })?;
        let rule = rules.remove(at);
        let _ = rule.tell.send(());
        rule.fault
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Rule>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
