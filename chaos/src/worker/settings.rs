//! Larder as the workers use it: all settings that depend on the mode stand here.

use larder::config::ConfigLoader;
use larder::prelude::{Declarations, Larder, Profile};

use super::Plan;
use crate::mode::Mode;

/// How the server lists the connections of the workers, before their number.
pub(crate) const APPLICATION: &str = "chaos-worker-";

/// Starts Larder as the plan wants it.
pub(super) async fn start(plan: &Plan) -> larder::Result<Larder> {
    let bound = plan.bound;
    let builder = Larder::builder()
        .load_with(|loader: ConfigLoader| {
            loader
                .no_file()
                .environment(std::iter::empty::<(&str, &str)>())
        })
        .profile(Profile::Test)
        .set("database.url", plan.database.as_str())
        .set(
            "database.application_name",
            format!("{APPLICATION}{}", plan.process),
        )
        .set("database.statement_timeout", "10s")
        .set("database.connect_timeout", "5s")
        .set("pool.size", 8)
        .set("pool.overflow", 8)
        .set("pool.acquire_timeout", "5s")
        .set("pool.shutdown_timeout", "5s")
        .set("cache.enabled", true)
        .set("cache.ttl", "1h")
        .set("cache.max_entries", 10_000)
        .set("cache.max_staleness", format!("{bound}ms"))
        // Both do nothing but take their time.
        .declare(
            Declarations::new()
                .triggers_write("late", std::iter::empty::<&str>())
                .function_reads("linger", std::iter::empty::<&str>()),
        );
    let builder = match plan.mode {
        Mode::Local => builder.set("cache.mode", "local"),
        Mode::NoL2 | Mode::L2Hints | Mode::L2NoHints => builder
            .set("cache.mode", "shared")
            .set("cache.poll_interval", format!("{}ms", bound / 4)),
    };
    let builder = match (plan.mode, &plan.redis) {
        (Mode::L2Hints, Some(url)) => builder
            .set("redis.url", url.as_str())
            .set("cache.hints", "redis")
            .set("cache.load_lock", "200ms"),
        (Mode::L2NoHints, Some(url)) => builder
            .set("redis.url", url.as_str())
            .set("cache.hints", "off"),
        _ => builder,
    };
    builder.start().await
}
