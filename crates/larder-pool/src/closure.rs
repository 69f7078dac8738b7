//! The bound that lets an async closure be called across threads.

/// An async closure that can be called once with `Argument` and whose future is known by name.
///
/// `AsyncFnOnce` alone does not let a caller demand that the closure's future can be
/// sent to another thread. This trait does: `F: AsyncClosure<A, R, Future: Send>`.
/// It is implemented for every async closure, and there is nothing to implement by hand.
pub trait AsyncClosure<Argument, Output>:
    AsyncFnOnce(Argument) -> Output
    + FnOnce(Argument) -> <Self as AsyncClosure<Argument, Output>>::Future
{
    /// The future of one call.
    type Future: Future<Output = Output>;
}

impl<F, Argument, Fut, Output> AsyncClosure<Argument, Output> for F
where
    F: AsyncFnOnce(Argument) -> Output + FnOnce(Argument) -> Fut,
    Fut: Future<Output = Output>,
{
    type Future = Fut;
}

/// The counterpart of [`AsyncClosure`] for closures that can be called again and again.
///
/// It is implemented for every async closure whose future borrows nothing of the closure itself:
/// one that takes its captures by reference, or clones inside what it would give away. There is
/// nothing to implement by hand.
pub trait RepeatableClosure<Argument, Output>:
    AsyncFn(Argument) -> Output + Fn(Argument) -> <Self as RepeatableClosure<Argument, Output>>::Future
{
    /// The future of one call.
    type Future: Future<Output = Output>;
}

impl<F, Argument, Fut, Output> RepeatableClosure<Argument, Output> for F
where
    F: AsyncFn(Argument) -> Output + Fn(Argument) -> Fut,
    Fut: Future<Output = Output>,
{
    type Future = Fut;
}
