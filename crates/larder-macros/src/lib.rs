//! The attribute macros of Larder. Services use them as `larder::operation`.
//!
//! - [`macro@operation`]: a method that its service counts.
//!
//! What they expand to names no crate: it calls methods of the value at hand, so it works alike
//! below the facade and inside this workspace.

mod operation;

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
