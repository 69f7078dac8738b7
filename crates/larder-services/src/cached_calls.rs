//! What decorated functions are called on.

use larder_database::{CachedCall, Database, InvalidatingCall};

use crate::service::HasService;

/// What `#[cached]`, `#[cache_put]` and `#[invalidates]` find in the value that a function is
/// called on: `self`, its first argument, or what `on = ..` says. A database has it, and all
/// that [has a service](HasService).
pub trait CachedCalls {
    /// A call whose result is kept: see [`Database::cached_call`].
    fn cached_call(&self, name: &'static str) -> CachedCall;

    /// A call that makes results go: see [`Database::invalidating_call`].
    fn invalidating_call(&self, name: &'static str) -> InvalidatingCall;
}

impl CachedCalls for Database {
    fn cached_call(&self, name: &'static str) -> CachedCall {
        Self::cached_call(self, name)
    }

    fn invalidating_call(&self, name: &'static str) -> InvalidatingCall {
        Self::invalidating_call(self, name)
    }
}

/// Results belong to the service, and live as long as its results do.
impl<T: HasService + ?Sized> CachedCalls for T {
    fn cached_call(&self, name: &'static str) -> CachedCall {
        let service = self.service();
        let call = service.database().cached_call(name);
        call.service(service.name()).default_ttl(service.ttl())
    }

    fn invalidating_call(&self, name: &'static str) -> InvalidatingCall {
        let service = self.service();
        let call = service.database().invalidating_call(name);
        call.of_service(service.name())
    }
}
