//! A call of a decorated function: what the attribute macros say of it, and how it is served.

use std::any::{TypeId, type_name};
use std::borrow::Cow;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use larder_cache::{Dependency, Key, KeyBuilder};
use larder_metrics::OperationScope;
use tokio::time::timeout;

use super::call_bodies::SkippingNone;
use super::call_load::CallLoad;
use super::composite_load::Form;
use super::options::ReadOptions;
use super::portable::portable_bytes;
use crate::Database;
use crate::coherence::CatalogState;
use crate::scope::{CallKind, CallScope, Context, Part};

/// A call of a function whose result is kept; made by [`Database::cached_call`].
///
/// It is what `#[cached]` and `#[cache_put]` make of the body of a function, and can be used by
/// itself. What the body reads through Larder is recorded while it runs: statements of this task
/// and of futures that are joined in it, other cached reads, other calls, and tasks that
/// [carry](crate::carry) it along. The result is kept until one of those is made wrong by a write.
///
/// A result that must not be kept is not: where the body writes, reads inside a transaction that
/// was open before, reads by a statement that cannot be cached, from another database, or in a
/// session with other settings. [`Database::explain_call`] says why.
///
/// The body runs in the caller's own task. Others who ask for the same meanwhile wait for it; if it
/// is dropped, one of them runs its own.
///
/// What the body reads by other ways than Larder is not seen. The arguments have to decide the
/// result, and their [`Hash`] has to tell them apart.
#[derive(Debug)]
#[must_use = "nothing is run until the body is given"]
pub struct CachedCall {
    database: Database,
    service: Option<Cow<'static, str>>,
    name: &'static str,
    /// Which function of that name it is.
    function: Option<(&'static str, &'static str)>,
    arguments: Vec<u8>,
    /// This very call.
    dependency: Option<Dependency>,
    options: ReadOptions,
    condition: bool,
}

impl Database {
    /// A call of a function of this name whose result is kept.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example(db: larder_database::Database) -> Result<(), larder_database::Error> {
    /// let city = "Miami";
    /// let menus: i64 = db
    ///     .cached_call("menus_of_city")
    ///     .argument(city)
    ///     .run(async {
    ///         let menus = db.sql("SELECT count(*) FROM menus WHERE city = :city");
    ///         menus.bind("city", city).fetch_scalar().await
    ///     })
    ///     .await?;
    /// # drop(menus);
    /// # Ok::<_, larder_database::Error>(())
    /// # }
    /// ```
    pub fn cached_call(&self, name: &'static str) -> CachedCall {
        CachedCall {
            database: self.clone(),
            service: None,
            name,
            function: None,
            arguments: Vec::new(),
            dependency: None,
            options: ReadOptions::of(self),
            condition: true,
        }
    }
}

impl CachedCall {
    /// The service that it belongs to: all its results can be invalidated by that.
    pub fn service(mut self, service: impl Into<Cow<'static, str>>) -> Self {
        self.service = Some(service.into());
        self
    }

    /// Which of several functions of this name it is: the path of something inside its body, of which
    /// the place counts that the function stands in, and the type that it is a method of, if it is
    /// one. Calls of one service and name share results where both and the arguments are equal.
    pub fn function(mut self, inside: &'static str, owner: &'static str) -> Self {
        self.function = Some((place_of(inside), owner));
        self
    }

    /// An argument that decides the result, each in its turn.
    pub fn argument<A: Hash + ?Sized>(mut self, argument: &A) -> Self {
        add_argument(&mut self.arguments, argument);
        self
    }

    /// How long the result is good for, unless a write invalidates it earlier. Without it the
    /// configured `cache.ttl` holds. Zero does not keep it.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.options.ttl = Some(ttl);
        self
    }

    /// The same where none was given yet.
    pub fn default_ttl(mut self, ttl: Option<Duration>) -> Self {
        self.options.ttl = self.options.ttl.or(ttl);
        self
    }

    /// For how long after its time a result is still served while one caller runs the function
    /// anew. Not at all by default. What a write has invalidated is never served.
    pub fn stale_for(mut self, stale_for: Duration) -> Self {
        self.options.stale_for = stale_for;
        self
    }

    /// For how long after its time a result is still served when the function fails. Not at all
    /// by default.
    pub fn stale_if_error(mut self, stale_if_error: Duration) -> Self {
        self.options.stale_if_error = stale_if_error;
        self
    }

    /// Lets the result be invalidated by this tag too; may be said several times.
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.options.tags.push(tag.into());
        self
    }

    /// Whether the cache is used for this call. Where it is not, the body simply runs.
    pub fn condition(mut self, condition: bool) -> Self {
        self.condition &= condition;
        self
    }

    /// Keeps a result that depends on the time or on chance.
    pub fn allow_volatile(mut self) -> Self {
        self.options.allow_volatile = true;
        self
    }

    /// Keeps the result in this process only, and never in Redis.
    pub fn local_only(mut self) -> Self {
        self.options.local_only = true;
        self
    }

    /// Does not keep `None`: for a function that returns an option, or a result of one.
    pub fn skip_none(self) -> SkippingNone {
        SkippingNone(self)
    }

    /// For what is taken as it is: a `Result` under another name would be kept with its errors.
    pub(super) fn unless_fallible<V>(self) -> Self {
        let is_result = type_name::<V>().starts_with("core::result::Result<");
        if is_result {
            tracing::error!(
                name = self.name,
                "not kept: what it returns is a Result under another name; say so by a type whose last name is Result"
            );
        }
        self.condition(!is_result)
    }

    /// Serves what is kept, or runs the body.
    ///
    /// The future has the body in it once, and a body that runs is on the heap. An async function
    /// would have it twice, and each that it is passed on to twice again: of decorated functions
    /// that call each other none would fit on a stack.
    #[expect(clippy::manual_async_fn, reason = "that has its arguments twice")]
    pub(super) fn serve<V, E, F>(
        mut self,
        body: F,
        form: Option<Form<V>>,
        keep: fn(&V) -> bool,
    ) -> impl Future<Output = Result<V, E>>
    where
        V: Clone + Send + Sync + 'static,
        F: Future<Output = Result<V, E>>,
    {
        async move {
            let part = self.begin();
            // In one piece: a future that holds the body twice is twice as large at each level.
            let outcome = 'call: {
                let (key, state) = match self.place::<V>().await {
                    Ok(place) => place,
                    Err(reason) => break 'call self.run_past(Box::pin(body), reason).await,
                };
                let inner = self.database.inner();
                let is_inside = Context::look(|context| {
                    let call = context.call.as_deref();
                    call.is_some_and(|call| call.is_within(key))
                });
                if is_inside == Some(true) {
                    // A function that calls itself with the same arguments would wait for itself.
                    break 'call Box::pin(body).await;
                }
                let service = self.service.as_deref().unwrap_or_default();
                let class = inner.classes.of_operation(service, self.name);
                let form = form.filter(|_| !self.options.local_only && inner.may_share_type::<V>());
                if let Some(value) = inner.kept::<V>(key, || self.class(), &self.options.tags) {
                    OperationScope::record_hit();
                    class.hit();
                    if let (Some(tier), Some(_)) = (&inner.second_tier, &form)
                        && tier.hot_keys.draws()
                    {
                        tier.hot_keys.hit(self.shared_key::<V>(&state));
                    }
                    break 'call Ok(value);
                }
                let mut load = self.load(key, state, CallKind::Read, keep);
                load.form = form;
                let is_shared = load.form.is_some();
                load.shared_key = is_shared.then(|| self.shared_key::<V>(&load.state));
                // A hit does not carry what only a miss needs.
                Box::pin(load.serve(Box::pin(body), &class)).await
            };
            // What a failure had read was told, and what went past the cache ran for the call around.
            part.end();
            outcome
        }
    }

    /// Runs the body in any case, see [`serve`](Self::serve).
    #[expect(clippy::manual_async_fn, reason = "that has its arguments twice")]
    pub(super) fn replace<V, E, F>(
        mut self,
        body: F,
        _: Option<Form<V>>,
        keep: fn(&V) -> bool,
    ) -> impl Future<Output = Result<V, E>>
    where
        V: Clone + Send + Sync + 'static,
        F: Future<Output = Result<V, E>>,
    {
        async move {
            let part = self.begin();
            let outcome = match self.place::<V>().await {
                Ok((key, state)) => {
                    let load = self.load(key, state, CallKind::Write, keep);
                    Box::pin(load.put(Box::pin(body))).await
                }
                Err(reason) => self.run_past(Box::pin(body), reason).await,
            };
            part.end();
            outcome
        }
    }

    /// The call begins, and whatever becomes of it, the call around depends on what this one does
    /// beside what it reads.
    fn begin(&mut self) -> Part {
        // By which `calls(..)` of another function finds it.
        let call = call_dependency(self.service.as_deref(), self.name, &self.arguments);
        self.dependency = Some(call);
        if let Some(service) = &self.service {
            self.options.operation = Some((service.clone(), Cow::Borrowed(self.name)));
        }
        let part = Part::begin();
        part.depends_on(self.options.dependencies().chain(self.dependency));
        self.options.tell_scope();
        part
    }

    /// Runs the body past the cache.
    async fn run_past<F: Future>(&self, body: F, reason: &'static str) -> F::Output {
        let outcome = body.await;
        // After what the body reads: told in the order of their ends.
        let inner = self.database.inner();
        inner.went_past(|| self.class(), || Some(reason.to_owned()));
        outcome
    }

    fn load<V>(
        &self,
        key: Key,
        state: Arc<CatalogState>,
        kind: CallKind,
        keep: fn(&V) -> bool,
    ) -> CallLoad<'_, V> {
        let inner = self.database.inner();
        CallLoad {
            database: Arc::clone(inner),
            scope: self.scope(key, kind, &state),
            state,
            key,
            freshness: self.options.freshness(inner.default_ttl),
            options: &self.options,
            call: self.dependency,
            class: self.class(),
            shared_key: None,
            form: None,
            keep,
        }
    }

    /// What its result is kept under, or why it goes past the cache.
    async fn place<V: 'static>(&self) -> Result<(Key, Arc<CatalogState>), &'static str> {
        let inner = self.database.inner();
        let ttl = self.options.freshness(inner.default_ttl).ttl;
        if !self.condition {
            return Err("its condition is not met");
        }
        if !inner.cache.is_enabled() {
            return Err("the cache is switched off (cache.enabled)");
        }
        if ttl.is_zero() {
            return Err("it is to be kept for no time");
        }
        // What is kept does not have what the transaction has written.
        if inner.pool.is_in_transaction() {
            return Err("it is called inside a transaction");
        }
        // Without the catalog nothing can be kept. The body finds out by itself what is wrong.
        // Nor is it waited for long: whoever calls may hold the connection that it takes.
        const PATIENCE: Duration = Duration::from_secs(1);
        // That it is given up is no failure of the call around.
        let apart = Context::current().without_call();
        let looking = timeout(PATIENCE, inner.picture_that_holds());
        let holds = apart.enter(looking).await;
        let state = holds.ok().and_then(Result::ok).flatten();
        let state = state.ok_or("the catalog cannot be read")?;
        if let Some(scope) = self.options.scope() {
            inner.learn_role(scope).await;
        }
        let mut key = KeyBuilder::with_seed(inner.key_seed(&state));
        self.add_to(&mut key);
        key.type_id(TypeId::of::<V>());
        Ok((key.finish(), state))
    }

    /// Adds which call it is to a key. How long its result is good for is not part of it: of a
    /// function that is said once.
    fn add_to(&self, key: &mut KeyBuilder) {
        key.text("call").text(self.name);
        match self.function {
            Some((path, owner)) => key.text(path).text(owner),
            None => key.optional_bytes(None),
        };
        match &self.service {
            Some(service) => key.text(service),
            None => key.optional_bytes(None),
        };
        key.bytes(&self.arguments);
        key.bytes(&[u8::from(self.options.allow_volatile)]);
        let scope = self.options.scope();
        let scope = scope.map(|scope| scope.digest.as_u128().to_le_bytes());
        key.optional_bytes(scope.as_ref().map(<[u8; 16]>::as_slice));
        for tag in &self.options.tags {
            key.text(tag);
        }
    }

    /// The same for other programs, where types have other ids.
    fn shared_key<V>(&self, state: &CatalogState) -> Key {
        let mut key = KeyBuilder::with_seed(self.database.inner().key_seed(state));
        self.add_to(&mut key);
        key.text(type_name::<V>());
        key.finish()
    }

    fn scope(&self, key: Key, kind: CallKind, state: &Arc<CatalogState>) -> Arc<CallScope> {
        Arc::new(CallScope::new(
            key,
            kind,
            Arc::clone(&self.database.inner().picture),
            Arc::clone(state),
            self.options.allow_volatile,
            self.options.scope.clone(),
        ))
    }

    fn class(&self) -> String {
        self.options.class(|| self.name.to_owned())
    }
}

/// The place of a function, by the path of something inside its body: `shop::Menus` for
/// `shop::Menus::menu::{{closure}}::larder_here`.
fn place_of(inside: &str) -> &str {
    let mut path = inside;
    loop {
        let Some((outer, last)) = path.rsplit_once("::") else {
            return path;
        };
        path = outer;
        // What follows on the name of the function is closures and the thing inside.
        if !matches!(last, "larder_here" | "{{closure}}") {
            return path;
        }
    }
}

/// Adds an argument with its length: `("a", "bc")` is not `("ab", "c")`.
pub(super) fn add_argument<A: Hash + ?Sized>(arguments: &mut Vec<u8>, argument: &A) {
    let bytes = portable_bytes(argument);
    arguments.extend((bytes.len() as u64).to_le_bytes());
    arguments.extend(bytes);
}

/// What stands for the results of calls of a name with these arguments.
pub(super) fn call_dependency(service: Option<&str>, name: &str, arguments: &[u8]) -> Dependency {
    let mut key = KeyBuilder::new();
    match service {
        Some(service) => key.text(service),
        None => key.optional_bytes(None),
    };
    let key = key.text(name).bytes(arguments).finish();
    // No tag that anybody writes begins like this.
    Dependency::tag(&format!("\0call {key}"))
}

#[cfg(test)]
mod tests {
    use super::place_of;

    #[test]
    fn the_place_of_a_function_is_what_it_stands_in() {
        for (inside, place) in [
            ("shop::menu::larder_here", "shop"),
            ("shop::Menus::menu::{{closure}}::larder_here", "shop::Menus"),
            (
                "<shop::Menus as shop::Lunch>::list::{{closure}}::{{closure}}::larder_here",
                "<shop::Menus as shop::Lunch>",
            ),
            ("shop::one::load::{{closure}}::larder_here", "shop::one"),
            ("menu", "menu"),
        ] {
            assert_eq!(place_of(inside), place);
        }
    }
}
