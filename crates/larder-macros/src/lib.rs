//! The attribute macros of Larder. Services use them as `larder::operation` and its like.
//!
//! - [`macro@operation`]: a method that its service counts.
//! - [`macro@cached`]: a function whose result is kept; [`macro@cache_put`]: one whose result is
//!   kept for such a function; [`macro@invalidates`]: one after which something is not kept.
//! - [`macro@test`]: a test that is handed a database of its own.
//!
//! What they expand to names no crate: it calls methods of the value at hand, so it works alike
//! below the facade and inside this workspace. The test alone names the facade, `larder`.

mod arguments;
mod cached;
mod faults;
mod function;
mod invalidates;
mod key;
mod operation;
mod options;
mod returned;
mod tag;
mod test;

use proc_macro::TokenStream;

/// Makes an async function an operation of a service: calls, errors (`Err`), time, queries, cache
/// hits and misses are counted for that service.
///
/// It is put on an async method, with or without a trait, or on an async function whose first
/// argument is the service. Either returns a `Result`. The value has a method `service` that gives
/// the base, of its own or of the trait `HasService`.
///
/// ```
/// # struct Service;
/// # impl Clone for Service { fn clone(&self) -> Self { Service } }
/// # impl Service {
/// #     async fn operation<T, E>(&self, _: &'static str, of: impl Future<Output = Result<T, E>>) -> Result<T, E> { of.await }
/// # }
/// use larder_macros::operation;
///
/// struct Menus {
///     service: Service,
/// }
///
/// impl Menus {
///     fn service(&self) -> &Service {
///         &self.service
///     }
///
///     #[operation("price")]
///     async fn price(&self, dish: &str) -> Result<u32, std::num::ParseIntError> {
///         dish.trim().parse()
///     }
/// }
///
/// #[operation("double_price")]
/// async fn double_price(menus: &Menus, dish: &str) -> Result<u32, std::num::ParseIntError> {
///     Ok(menus.price(dish).await? * 2)
/// }
/// ```
///
/// The name consists of letters, digits and underscores. It is known when the program is compiled,
/// so the number of names is bounded.
///
/// What is written becomes
///
/// ```text
/// let base = self.service().clone();
/// base.operation("price", async move { dish.trim().parse() }).await
/// ```
#[proc_macro_attribute]
pub fn operation(arguments: TokenStream, item: TokenStream) -> TokenStream {
    operation::expand(arguments.into(), item.into()).into()
}

/// Keeps what an async function returns, until something that its body read is written.
///
/// It is put on an async method or function. What the body reads by way of Larder is noted while
/// it runs, so the result is forgotten when a table, a row, a tag or another cached function that
/// it rests on changes; nothing has to be said about that. Calls with equal arguments at one
/// moment run the body once. `Err` is not kept.
///
/// ```
/// # use std::hash::Hash;
/// # #[derive(Clone)] struct Database;
/// # struct Call;
/// # trait CachedCalls { fn cached_call(&self, _: &'static str) -> Call { Call } }
/// # impl CachedCalls for Database {}
/// # impl CachedCalls for Menus {}
/// # impl Call {
/// #     fn function(self, _: &'static str, _: &'static str) -> Self { self }
/// #     fn argument<A: Hash + ?Sized>(self, _: &A) -> Self { self }
/// #     fn ttl(self, _: std::time::Duration) -> Self { self }
/// #     fn tag(self, _: String) -> Self { self }
/// #     fn condition(self, _: bool) -> Self { self }
/// #     async fn run<T: Clone, E>(self, of: impl Future<Output = Result<T, E>>) -> Result<T, E> { of.await }
/// #     async fn run_option<T: Clone>(self, of: impl Future<Output = Option<T>>) -> Option<T> { of.await }
/// # }
/// use larder_macros::cached;
///
/// struct Menus {
///     database: Database,
///     region: String,
/// }
///
/// impl Menus {
///     /// The menu of a restaurant, whoever asks.
///     #[cached(ttl = "10m", tags("menu:{restaurant}"), skip(token), condition = limit <= 100)]
///     async fn menu(&self, restaurant: i64, limit: u32, token: &str) -> Result<Vec<String>, String> {
///         # let _ = (restaurant, limit, token);
///         Ok(Vec::new()) // Reads it.
///     }
///
///     /// Another menu for each region.
///     #[cached(key(self.region, dish), on = self.database)]
///     async fn price(&self, dish: &str) -> Option<u32> {
///         dish.parse().ok() // Reads it.
///     }
/// }
///
/// #[cached]
/// async fn dishes(database: &Database, restaurant: i64) -> Result<Vec<String>, String> {
///     # let _ = (database, restaurant);
///     Ok(Vec::new()) // Reads them.
/// }
/// ```
///
/// # What has the cache
///
/// `self`, or the first argument of a function without it, or what `on = ..` says: a database, or
/// a service. The trait that gives it the methods that are called here is in Larder's prelude.
///
/// # Options
///
/// | Option | What it says | Without it |
/// |---|---|---|
/// | `ttl = "10m"` | how long it is kept at most | as the service is configured |
/// | `stale_for = "1m"` | how long after that it is still given while one call loads it anew | as configured |
/// | `stale_if_error = "1h"` | how long after that it is still given where loading fails | as configured |
/// | `key(a, self.b)` | the arguments, and fields of them, that tell results apart | all arguments |
/// | `skip(a)` | an argument that does not | none |
/// | `tags("dish:{id}", "dishes")` | names to invalidate it by, arguments in braces with formats as in `format!` | none |
/// | `condition = id > 0`, or in quotes | which calls are kept and looked up; the others run the body | all |
/// | `name = "menu"` | its name, for its key, for statistics and for `cache_put`; those of one name in one service share results | the function's |
/// | `on = self.database` | what has the cache | `self`, or the first argument |
/// | `shared` | kept in Redis too; the result is `Serialize` and `DeserializeOwned` | in this process |
/// | `local` | never leaves this process | as configured |
/// | `allow_volatile` | kept though what is read changes by itself (`now()`), by its time alone | it is not kept |
/// | `skip_none` | `None` and `Ok(None)` are not kept | they are kept |
///
/// Durations are units in a row: `"1h 30m"`, `"500ms"`.
///
/// # The key
///
/// The arguments have to tell results apart. Every argument but the one that has the cache goes
/// into the key and implements `Hash`, and generic parameters go in by their names; those of an
/// `impl` only where the function takes `self`. An argument
/// that is a pattern cannot be told: name it, or use `key(..)` or `skip(..)`. What else changes
/// the result, such as a field of `self` or a setting, belongs into the key by `key(..)`. Where `on`
/// takes the cache from a part of an argument, the argument still goes into the key.
///
/// # What the body reads
///
/// Only reads by way of Larder are noted. What comes from elsewhere, a file, another server, a
/// clock, changes unseen: say a `ttl`, or a tag and invalidate it. Work that the body spawns into
/// another task has to carry the scope that notes what is read, otherwise what it reads is not
/// seen either.
///
/// What makes a result go that the body was given from the cache makes this one go too, but for
/// patterns of names: they match the name of this one or not.
///
/// # What it returns
///
/// A `Result`, an `Option` or anything else that is `Clone` and borrows nothing. A type is taken
/// for a `Result` or an `Option` by its last name, so `crate::Result<T>` is one.
///
/// # Cancel safety
///
/// The body runs in the task of its caller. When that is dropped, the body is dropped where it
/// waits, nothing is kept, and one of the calls that wait for it begins anew.
///
/// # With other attributes
///
/// The attribute that stands lower is around those above it: with `#[cached]` above
/// `#[operation]` all calls are counted, below it only those that ran the body.
///
/// What is written becomes
///
/// ```text
/// let call = self.cached_call("menu")
///     .function("module::Menus::menu::larder_here", type_name::<Self>())
///     .argument(&restaurant).argument(&limit)
///     .tag(format!("menu:{restaurant}"))
///     .ttl(Duration::from_nanos(600_000_000_000))
///     .condition(limit <= 100);
/// call.run(async move { Ok(Vec::new()) }).await
/// ```
#[proc_macro_attribute]
pub fn cached(arguments: TokenStream, item: TokenStream) -> TokenStream {
    cached::expand(cached::Decorator::Cached, arguments.into(), item.into()).into()
}

/// Runs an async function always, and keeps what it returns where a function with
/// [`macro@cached`] finds it.
///
/// The two belong together if both say the same `name` and are methods of the same type or of none,
/// the same kind of value has their cache, their keys have equal parts, of the same types and in
/// the same order, and their tags are the same. Both or none say `allow_volatile`, and they return
/// the same type. Other arguments of the function are left out of its key by `key(..)` or `skip(..)`.
///
/// ```
/// # use std::hash::Hash;
/// # #[derive(Clone)] struct Database;
/// # struct Call;
/// # trait CachedCalls { fn cached_call(&self, _: &'static str) -> Call { Call } }
/// # impl CachedCalls for Database {}
/// # impl CachedCalls for Menus {}
/// # impl Call {
/// #     fn function(self, _: &'static str, _: &'static str) -> Self { self }
/// #     fn argument<A: Hash + ?Sized>(self, _: &A) -> Self { self }
/// #     fn ttl(self, _: std::time::Duration) -> Self { self }
/// #     fn tag(self, _: String) -> Self { self }
/// #     fn condition(self, _: bool) -> Self { self }
/// #     async fn run<T: Clone, E>(self, of: impl Future<Output = Result<T, E>>) -> Result<T, E> { of.await }
/// #     async fn put<T: Clone, E>(self, of: impl Future<Output = Result<T, E>>) -> Result<T, E> { of.await }
/// # }
/// use larder_macros::{cache_put, cached};
///
/// struct Menus;
///
/// impl Menus {
///     #[cached(name = "price")]
///     async fn price(&self, dish: i64) -> Result<u32, String> {
///         # let _ = dish;
///         Ok(7) // Reads it.
///     }
///
///     #[cache_put(name = "price", key(dish))]
///     async fn set_price(&self, dish: i64, price: u32) -> Result<u32, String> {
///         # let _ = dish;
///         Ok(price) // Writes it first.
///     }
/// }
/// ```
///
/// The options are those of [`macro@cached`], and so is what they mean. `Err` is not kept. What is
/// kept is right only if the body returns what the cached function would return now; if something
/// else wrote meanwhile, it is not kept.
///
/// # Cancel safety
///
/// The body runs in the task of its caller. When that is dropped, nothing is kept, and what the
/// body wrote until then is written or not, as without the attribute.
///
/// What is written becomes
///
/// ```text
/// let call = self.cached_call("price").function(..).argument(&dish);
/// call.put(async move { Ok(price) }).await
/// ```
#[proc_macro_attribute]
pub fn cache_put(arguments: TokenStream, item: TokenStream) -> TokenStream {
    cached::expand(cached::Decorator::CachePut, arguments.into(), item.into()).into()
}

/// Invalidates what is kept, after an async function has succeeded.
///
/// Writes by way of Larder invalidate what they change by themselves. This is for what Larder
/// cannot see: a tag that stands for something outside of the database, or tables that somebody
/// else writes.
///
/// ```
/// # use std::hash::Hash;
/// # struct Call;
/// # trait CachedCalls { fn invalidating_call(&self, _: &'static str) -> Call { Call } }
/// # impl CachedCalls for Menus {}
/// # impl Call {
/// #     fn tag(self, _: String) -> Self { self }
/// #     fn call(self, _: &'static str) -> Self { self }
/// #     fn argument<A: Hash + ?Sized>(self, _: &A) -> Self { self }
/// #     fn condition(self, _: bool) -> Self { self }
/// #     async fn run<T, E>(self, of: impl Future<Output = Result<T, E>>) -> Result<T, E> { of.await }
/// # }
/// use larder_macros::invalidates;
///
/// struct Menus;
///
/// impl Menus {
///     #[invalidates(tags("menu:{restaurant}"), calls("price"(dish)), condition = restaurant > 0)]
///     async fn upload(&self, restaurant: i64, dish: i64) -> Result<(), String> {
///         # let _ = (restaurant, dish);
///         Ok(()) // Sends it.
///     }
/// }
/// ```
///
/// | Option | What is invalidated |
/// |---|---|
/// | `tags("menu:{restaurant}")` | what has one of the tags, arguments in braces with formats as in `format!` |
/// | `tables("dishes")` | what was read from one of the tables |
/// | `service = "menus"` or `service = this_service` | what belongs to a service |
/// | `calls("menu"(restaurant))` | what a function with [`macro@cached`] of this name keeps for these parts of its key, of the same types and in the same order, with the same kind of value having its cache; one without generic parameters. Where that does not fit, nothing is invalidated: a tag is safer |
/// | `everything` | everything |
///
/// | Option | What it says | Without it |
/// |---|---|---|
/// | `condition = id > 0`, or in quotes | whether this call invalidates; looked at before the body | it does |
/// | `before` | invalidates before the body, whatever that returns | after it |
/// | `on = self.database` | what has the cache | `self`, or the first argument |
///
/// After `Err` or `None` nothing is invalidated; a function that returns neither always succeeds.
/// Inside a transaction of the same task it takes effect when that is committed. Tags and
/// arguments are taken before the body runs.
///
/// # Cancel safety
///
/// The body runs in the task of its caller. When that is dropped before the body has ended,
/// nothing is invalidated; what the body did until then is done. Where that matters, say `before`
/// in another attribute below this one, or invalidate in the body.
///
/// What is written becomes
///
/// ```text
/// let call = self.invalidating_call("upload")
///     .tag(format!("menu:{restaurant}")).call("price").argument(&dish)
///     .condition(restaurant > 0);
/// call.run(async move { Ok(()) }).await
/// ```
#[proc_macro_attribute]
pub fn invalidates(arguments: TokenStream, item: TokenStream) -> TokenStream {
    invalidates::expand(arguments.into(), item.into()).into()
}

/// Makes an async function a test that is handed a database of its own.
///
/// ```text
/// use larder::prelude::*;
///
/// #[larder::test(migrations = "migrations")]
/// async fn a_new_shop_has_no_dishes(larder: Larder) -> larder::Result<()> {
///     let dishes: i64 = larder.db().sql("SELECT count(*) FROM dishes").fetch_scalar().await?;
///     assert_eq!(dishes, 0);
///     Ok(())
/// }
/// ```
///
/// The test takes a `Larder`, its `Database` or the `TestDatabase`, or several of them, by value or
/// by reference: they are one. The database is a clone of a migrated template on the server that
/// `LARDER_TEST_DATABASE_URL` or `DATABASE_URL` names; without a server it is an embedded one, with
/// the feature `embedded` of `larder`; without both the test says what to set. Settings are read as
/// the service reads them, in the profile test.
///
/// Afterwards the database is dropped, also when the test panics. With `LARDER_TEST_KEEP=1` that of a
/// test that has failed is kept on its server, and its name is printed.
///
/// | Option | What it says | Without it |
/// |---|---|---|
/// | `migrations = "migrations"` | a directory of the crate, read when the test runs; or an expression, such as `larder::services::MIGRATIONS` | the database is empty |
/// | `flavor = "multi_thread"` | the runtime has several threads | one |
/// | `worker_threads = 2` | how many | as many as the machine has cores |
/// | `settings("pool.size" = 2, "cache.enabled" = true)` | settings, above every other source | those of the profile test |
///
/// It needs the feature `testing` of `larder`.
#[proc_macro_attribute]
pub fn test(arguments: TokenStream, item: TokenStream) -> TokenStream {
    test::expand(arguments.into(), item.into()).into()
}
