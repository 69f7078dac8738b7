//! What `cargo xtask bench` tells about servers.

use crate::error::{Error, Result};

/// Where Redis is.
const REDIS: &str = "LARDER_TEST_REDIS_URL";

/// The program of Redis, for a bench that ends it.
const REDIS_SERVER: &str = "LARDER_BENCH_REDIS_SERVER";

/// Set where PostgreSQL was started for this bench, which may set it up as it needs it.
const PRIVATE_POSTGRESQL: &str = "LARDER_BENCH_PRIVATE_POSTGRESQL";

pub(crate) fn redis_url() -> Result<String> {
    variable(REDIS)
}

pub(crate) fn redis_server() -> Result<String> {
    variable(REDIS_SERVER)
}

pub(crate) fn is_postgresql_private() -> bool {
    std::env::var_os(PRIVATE_POSTGRESQL).is_some()
}

fn variable(name: &'static str) -> Result<String> {
    std::env::var(name)
        .ok()
        .filter(|value| !value.trim().is_empty())
        .ok_or(Error::NoServer(name))
}
