//! What belongs to the work of a task: the call whose reads are recorded, and who traces it.
//!
//! A decorated function is cached with all that its body reads through Larder. What that is
//! cannot be told from its text, so it is recorded while the body runs: each statement that is
//! sent, and each cached read that is answered, finds the [`CallScope`] of its task here and
//! leaves a note. A [`Trace`] finds its way in the same manner.
//!
//! Both are task-locals: they hold for calls of functions and for futures that are joined.
//! Work that is spawned takes them along by [`carry`].

mod call_scope;
mod statement;
mod trace;

use std::sync::Arc;

pub(crate) use self::call_scope::{CallKind, CallScope, Found, Given, Part};
pub(crate) use self::trace::Trace;
pub use self::trace::{CacheTrace, ReadOrigin, TracedRead, TracedStatement};

use crate::slow::RequestRepetitions;

tokio::task_local! {
    static CONTEXT: Context;
}

/// What the current task works for.
#[derive(Clone, Default)]
pub(crate) struct Context {
    /// The innermost call whose reads are recorded.
    pub(crate) call: Option<Arc<CallScope>>,
    pub(crate) trace: Option<Arc<Trace>>,
    /// The request that it is a part of.
    pub(crate) repetitions: Option<Arc<RequestRepetitions>>,
}

impl Context {
    /// That of the current task; an empty one where there is none.
    pub(crate) fn current() -> Self {
        Self::look(Self::clone).unwrap_or_default()
    }

    /// Looks at that of the current task, if there is one.
    #[inline]
    pub(crate) fn look<R>(look: impl FnOnce(&Self) -> R) -> Option<R> {
        CONTEXT.try_with(look).ok()
    }

    /// Whether somebody wants to hear what the current task reads.
    #[inline]
    pub(crate) fn is_heard() -> bool {
        CONTEXT
            .try_with(|context| context.call.is_some() || context.trace.is_some())
            .unwrap_or(false)
    }

    /// Runs a future in this context.
    pub(crate) async fn enter<F: Future>(self, future: F) -> F::Output {
        CONTEXT.scope(self, future).await
    }

    /// The same as part of a request: the one that it is in, or one of its own.
    pub(crate) fn in_request(mut self) -> Self {
        self.repetitions.get_or_insert_default();
        self
    }

    /// The same with another call.
    pub(crate) fn with_call(self, call: Arc<CallScope>) -> Self {
        Self {
            call: Some(call),
            ..self
        }
    }

    /// Runs the body of a call. However it ends, what it has read counts for the call around it,
    /// too.
    pub(crate) async fn enter_call<F: Future>(call: Arc<CallScope>, body: F) -> F::Output {
        let around = Self::current();
        if let Some(around) = &around.call
            && call.kind == CallKind::Write
        {
            // It would not be made again where the result is kept.
            around.refuse("it calls a function that writes");
        }
        let _passes_on = PassesOn {
            from: Arc::clone(&call),
            to: around.call.clone(),
        };
        around.with_call(call).enter(body).await
    }

    /// The same without a call: for work whose reads somebody else passes on.
    pub(crate) fn without_call(self) -> Self {
        Self { call: None, ..self }
    }
}

/// Passes on what a call has found when its body ends, or is dropped.
struct PassesOn {
    from: Arc<CallScope>,
    to: Option<Arc<CallScope>>,
}

impl Drop for PassesOn {
    fn drop(&mut self) {
        if let Some(to) = &self.to {
            to.had_inside(&self.from);
        }
    }
}

/// Takes along into a spawned task what the current one works for: reads in it become dependencies
/// of the decorated function that spawns it, and count in a [trace](crate::Database::trace).
///
/// Without it a spawned task reads for nobody, and what it reads does not make the result of the
/// function go. The function has to wait for the task: what is read after it has returned comes
/// too late.
///
/// # Cancel safety
///
/// That of the future.
///
/// # Examples
///
/// ```no_run
/// # async fn example(db: larder_database::Database) -> Result<(), Box<dyn std::error::Error>> {
/// use larder_database::carry;
///
/// let other = db.clone();
/// let menus = tokio::spawn(carry(async move {
///     other.sql("SELECT count(*) FROM menus").fetch_scalar::<i64>().await
/// }));
/// println!("{} menus", menus.await??);
/// # Ok(())
/// # }
/// ```
pub fn carry<F: Future>(future: F) -> impl Future<Output = F::Output> {
    // Taken when it is made: where it is polled first, another task runs.
    let context = Context::current();
    context.enter(future)
}
