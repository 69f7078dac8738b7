//! What a service needs in most of its files: `use larder::prelude::*`.
//!
//! It brings Diesel's own prelude too, with the asynchronous `RunQueryDsl` in the place
//! of the synchronous one. Diesel's macros, `diesel::table!` and the derives, look for a
//! crate named `diesel` among the dependencies of the crate that uses them, so a crate
//! with tables of its own names it too, without default features.

pub use diesel::prelude::*;
// By name, so that they win over what the glob brings under the same name.
pub use diesel_async::{AsyncConnection, RunQueryDsl, SaveChangesDsl, SimpleAsyncConnection};

pub use larder_config::{Config, Profile};
pub use larder_database::{CacheTarget, Database, Declarations, Scope, carry, sql};
pub use larder_pool::{Connection, IsolationLevel, Reader, Session};
pub use larder_services::inputs::{Distance, Limit, Point, Radius, kilometers, meters};
pub use larder_services::{
    CachedCalls, HasService, Service, cache_put, cached, invalidates, operation,
};

pub use crate::{Larder, LarderBuilder};
