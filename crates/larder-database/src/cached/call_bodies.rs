//! The ways in which the body of a function is given to its call: by what it returns, whether it is
//! kept in Redis too, and whether it is what reads or what writes.

use std::convert::Infallible;

use futures::FutureExt;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::call::CachedCall;
use super::composite_load::Form;

impl CachedCall {
    /// Serves what is kept, or runs the body. Errors are not kept. The result stays in this
    /// process.
    ///
    /// # Errors
    ///
    /// Those of the body.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the body is dropped; one of those who wait for its result runs its own.
    pub fn run<V, E, F>(self, body: F) -> impl Future<Output = Result<V, E>>
    where
        V: Clone + Send + Sync + 'static,
        F: Future<Output = Result<V, E>>,
    {
        self.serve(body, None, |_| true)
    }

    /// As [`run`](Self::run), for a function that returns an option.
    ///
    /// # Cancel safety
    ///
    /// As [`run`](Self::run).
    pub fn run_option<V, F>(self, body: F) -> impl Future<Output = Option<V>>
    where
        V: Clone + Send + Sync + 'static,
        F: Future<Output = Option<V>>,
    {
        self.serve(body.map(Ok), None, |_| true).map(never_fails)
    }

    /// As [`run`](Self::run), for a function that cannot fail.
    ///
    /// # Cancel safety
    ///
    /// As [`run`](Self::run).
    pub fn run_plain<V, F>(self, body: F) -> impl Future<Output = V>
    where
        V: Clone + Send + Sync + 'static,
        F: Future<Output = V>,
    {
        let call = self.unless_fallible::<V>();
        call.serve(body.map(Ok), None, |_| true).map(never_fails)
    }

    /// As [`run`](Self::run), and keeps the result in Redis too, if there is one. The result has to
    /// be serialisable in a form that is not self-describing, as for
    /// [`load_shared`](crate::CachedRead::load_shared).
    ///
    /// # Errors
    ///
    /// Those of the body.
    ///
    /// # Cancel safety
    ///
    /// As [`run`](Self::run).
    pub fn run_shared<V, E, F>(self, body: F) -> impl Future<Output = Result<V, E>>
    where
        V: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
        F: Future<Output = Result<V, E>>,
    {
        self.serve(body, Some(Form::of()), |_| true)
    }

    /// As [`run_option`](Self::run_option), and keeps the result in Redis too.
    ///
    /// # Cancel safety
    ///
    /// As [`run`](Self::run).
    pub fn run_option_shared<V, F>(self, body: F) -> impl Future<Output = Option<V>>
    where
        V: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
        F: Future<Output = Option<V>>,
    {
        self.serve(body.map(Ok), Some(Form::of()), |_| true)
            .map(never_fails)
    }

    /// As [`run_plain`](Self::run_plain), and keeps the result in Redis too.
    ///
    /// # Cancel safety
    ///
    /// As [`run`](Self::run).
    pub fn run_plain_shared<V, F>(self, body: F) -> impl Future<Output = V>
    where
        V: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
        F: Future<Output = V>,
    {
        let call = self.unless_fallible::<V>();
        call.serve(body.map(Ok), Some(Form::of()), |_| true)
            .map(never_fails)
    }

    /// Runs the body in any case, and keeps what it returns where a call of the same service, name,
    /// function, arguments and tags finds it: what a write has made of something is known without
    /// reading it again.
    ///
    /// It is kept in this process, and only where that is certain to be right: the body's
    /// transactions were committed, it has read nothing that it wrote afterwards, and nobody else's
    /// write was heard of while it ran. Otherwise the next call reads.
    ///
    /// # Errors
    ///
    /// Those of the body.
    ///
    /// # Cancel safety
    ///
    /// That of the body.
    pub fn put<V, E, F>(self, body: F) -> impl Future<Output = Result<V, E>>
    where
        V: Clone + Send + Sync + 'static,
        F: Future<Output = Result<V, E>>,
    {
        self.replace(body, None, |_| true)
    }

    /// As [`put`](Self::put), for a function that returns an option.
    ///
    /// # Cancel safety
    ///
    /// That of the body.
    pub fn put_option<V, F>(self, body: F) -> impl Future<Output = Option<V>>
    where
        V: Clone + Send + Sync + 'static,
        F: Future<Output = Option<V>>,
    {
        self.replace(body.map(Ok), None, |_| true).map(never_fails)
    }

    /// As [`put`](Self::put), for a function that cannot fail.
    ///
    /// # Cancel safety
    ///
    /// That of the body.
    pub fn put_plain<V, F>(self, body: F) -> impl Future<Output = V>
    where
        V: Clone + Send + Sync + 'static,
        F: Future<Output = V>,
    {
        let call = self.unless_fallible::<V>();
        call.replace(body.map(Ok), None, |_| true).map(never_fails)
    }

    /// As [`put`](Self::put): for a function whose results are kept in Redis too. What is there of
    /// it is older than the write, and so refused by everybody.
    ///
    /// # Errors
    ///
    /// Those of the body.
    ///
    /// # Cancel safety
    ///
    /// That of the body.
    pub fn put_shared<V, E, F>(self, body: F) -> impl Future<Output = Result<V, E>>
    where
        V: Clone + Send + Sync + 'static,
        F: Future<Output = Result<V, E>>,
    {
        self.put(body)
    }

    /// As [`put_option`](Self::put_option): see [`put_shared`](Self::put_shared).
    ///
    /// # Cancel safety
    ///
    /// That of the body.
    pub fn put_option_shared<V, F>(self, body: F) -> impl Future<Output = Option<V>>
    where
        V: Clone + Send + Sync + 'static,
        F: Future<Output = Option<V>>,
    {
        self.put_option(body)
    }

    /// As [`put_plain`](Self::put_plain): see [`put_shared`](Self::put_shared).
    ///
    /// # Cancel safety
    ///
    /// That of the body.
    pub fn put_plain_shared<V, F>(self, body: F) -> impl Future<Output = V>
    where
        V: Clone + Send + Sync + 'static,
        F: Future<Output = V>,
    {
        self.put_plain(body)
    }
}

/// A call that does not keep `None`; made by [`CachedCall::skip_none`].
#[derive(Debug)]
#[must_use = "nothing is run until the body is given"]
pub struct SkippingNone(pub(super) CachedCall);

/// Each runs the body as the method of [`CachedCall`] of the same name does.
macro_rules! skipping_none {
    ($($serve:ident $form:expr, $result:ident $option:ident $($serde:ident)*;)*) => {
        impl SkippingNone {
            $(
                /// For a function that returns a result of an option.
                ///
                /// # Errors
                ///
                /// Those of the body.
                ///
                /// # Cancel safety
                ///
                /// As [`CachedCall::run`].
                pub fn $result<V, E, F>(
                    self,
                    body: F,
                ) -> impl Future<Output = Result<Option<V>, E>>
                where
                    V: $($serde +)* Clone + Send + Sync + 'static,
                    F: Future<Output = Result<Option<V>, E>>,
                {
                    self.0.$serve(body, $form, Option::is_some)
                }

                /// For a function that returns an option.
                ///
                /// # Cancel safety
                ///
                /// As [`CachedCall::run`].
                pub fn $option<V, F>(self, body: F) -> impl Future<Output = Option<V>>
                where
                    V: $($serde +)* Clone + Send + Sync + 'static,
                    F: Future<Output = Option<V>>,
                {
                    self.0.$serve(body.map(Ok), $form, Option::is_some).map(never_fails)
                }
            )*
        }
    };
}

skipping_none! {
    serve None, run run_option;
    serve Some(Form::of()), run_shared run_option_shared Serialize DeserializeOwned;
    replace None, put put_option;
    replace None, put_shared put_option_shared;
}

fn never_fails<V>(result: Result<V, Infallible>) -> V {
    match result {
        Ok(value) => value,
        Err(never) => match never {},
    }
}
