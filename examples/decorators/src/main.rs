//! Functions that Larder keeps the results of.
//!
//! ```text
//! cargo run -p decorators                                    # on a PostgreSQL inside the program
//! DATABASE_URL=postgres://... cargo run -p decorators        # on yours; it makes a table of its own
//! ```
//!
//! The program counts the dishes of restaurants by two kinds of decorators, writes, and counts again.
//! It prints for each call whether the function ran or its result was kept:
//!
//! ```text
//! #[cached]              dishes of 1: 2  ran
//! #[cached]              dishes of 1: 2  kept
//! ```
//!
//! - [`own`]: Larder's `#[cached]`, `#[cache_put]` and `#[invalidates]`. Which tables a function
//!   reads is seen while it runs.
//! - [`concurrent`]: `#[concurrent_cached]` of the crate `cached`, with Larder as its store. Which
//!   tables a function reads is said when the store is made. For programs that use `cached`
//!   already.

mod concurrent;
mod own;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use larder::Larder;
use larder::database::Database;

use crate::own::Dishes;

/// The database, for functions that are not methods.
static DATABASE: OnceLock<Database> = OnceLock::new();

/// How often a decorated function ran.
static RUNS: AtomicU64 = AtomicU64::new(0);

/// The database of the program.
fn db() -> &'static Database {
    #[expect(clippy::expect_used, reason = "main opens it first")]
    DATABASE.get().expect("the database is opened first")
}

/// To be called by each function that really runs.
fn runs() {
    RUNS.fetch_add(1, Ordering::Relaxed);
}

#[tokio::main]
async fn main() -> larder::Result<()> {
    let larder = Larder::from_env().await?;
    larder.migrate().await?;
    DATABASE.get_or_init(|| larder.db().clone());
    start_over().await?;
    by_own(&Dishes::new(larder.db())).await?;
    start_over().await?;
    by_concurrent().await?;
    db().sql("DROP TABLE example_dishes").execute().await?;
    larder.shutdown().await
}

/// Three dishes of two restaurants.
async fn start_over() -> larder::Result<()> {
    for statement in [
        "CREATE TABLE IF NOT EXISTS example_dishes (restaurant bigint NOT NULL, name text NOT NULL)",
        "TRUNCATE example_dishes",
        "INSERT INTO example_dishes VALUES (1, 'Ropa vieja'), (1, 'Flan'), (2, 'Pho')",
    ] {
        db().sql(statement).execute().await?;
    }
    Ok(())
}

async fn by_own(dishes: &Dishes) -> larder::Result<()> {
    let name = "#[cached]";
    show(name, 1, dishes.of(1)).await?;
    show(name, 1, dishes.of(1)).await?;
    show(name, 2, dishes.of(2)).await?;
    write().await?;
    show(name, 1, dishes.of(1)).await?;
    show(name, 1, dishes.of(1)).await?;
    show("#[cache_put] adds one", 1, dishes.add(1, "Natilla")).await?;
    show(name, 1, dishes.of(1)).await?;
    dishes.changed_elsewhere(1).await?;
    show(name, 1, dishes.of(1)).await
}

async fn by_concurrent() -> larder::Result<()> {
    let name = "#[concurrent_cached]";
    show(name, 1, concurrent::dishes(1)).await?;
    show(name, 1, concurrent::dishes(1)).await?;
    show(name, 2, concurrent::dishes(2)).await?;
    write().await?;
    show(name, 1, concurrent::dishes(1)).await?;
    show(name, 1, concurrent::dishes(1)).await?;
    println!("all of the service dishes is invalidated");
    db().invalidate().service("dishes").await?;
    show(name, 1, concurrent::dishes(1)).await
}

/// Prints what a function gives, and whether it ran for that.
async fn show(
    decorator: &str,
    restaurant: i64,
    call: impl Future<Output = larder::Result<i64>>,
) -> larder::Result<()> {
    let before = RUNS.load(Ordering::Relaxed);
    let dishes = call.await?;
    let ran = RUNS.load(Ordering::Relaxed) > before;
    let how = if ran { "ran" } else { "kept" };
    println!("{decorator:<21}  dishes of {restaurant}: {dishes}  {how}");
    Ok(())
}

async fn write() -> larder::Result<()> {
    println!("a dish is added to restaurant 1");
    db().sql("INSERT INTO example_dishes VALUES (1, 'Tostones')")
        .execute()
        .await?;
    Ok(())
}
