//! A clock that a test moves: results of reads get old when the test says so.

use std::time::Duration;

use diesel::migration::MigrationSource;
use diesel::pg::Pg;
use larder_database::{Clock, DatabaseOptions, ManualClock};

use crate::{Error, TestDatabase};

/// Lets results of reads live by a clock that stands still until it is advanced, and to the moment:
/// none ends a little earlier by chance, none is loaded anew before its time, and no table counts as
/// written too often. Nor does it go because a busy machine kept the process from looking at the log
/// of invalidations: `max_staleness` is a minute. What others write is noticed as soon as always.
///
/// For what is kept, and for how long. Deadlines, pools and Redis go by the time of the system.
///
/// This is for a database that a test opens itself; [`TestDatabase::create_timed`] does it for one
/// of its own.
///
/// # Examples
///
/// ```no_run
/// # async fn example(test: larder_testing::TestDatabase) -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use larder_testing::{Database, DatabaseOptions, stop_clock};
///
/// // Another process of the service, on the same database.
/// let mut options = DatabaseOptions::from_url(test.url())?;
/// let time = stop_clock(&mut options);
/// let other = Database::open(options).await?;
/// time.advance(Duration::from_secs(60));
/// # let _ = other;
/// # Ok(())
/// # }
/// ```
#[must_use = "without it the clock stands still for ever"]
pub fn stop_clock(options: &mut DatabaseOptions) -> ManualClock {
    let (clock, time) = Clock::manual();
    live_by(options, clock);
    time
}

fn live_by(options: &mut DatabaseOptions, clock: Clock) {
    let cache = &mut options.cache;
    cache.clock = clock;
    cache.jitter = 0.0;
    cache.early_refresh = 0.0;
    // What goes by the time of the system: a test writes much in a moment, and on a busy machine it
    // may not come to look at the log for long.
    cache.hot_writes = 0;
    cache.max_staleness = Duration::from_secs(60);
}

impl TestDatabase {
    /// Makes a database as [`create`](Self::create) does, with a clock for its results that stands
    /// still until the test advances it: see [`stop_clock`]. The definitions of its tables have been
    /// read, so its first reads are kept, however many come at one moment.
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create).
    ///
    /// # Cancel safety
    ///
    /// As [`create`](Self::create).
    ///
    /// # Examples
    ///
    /// With the migrations of the crate that is tested, in its directory `migrations`:
    ///
    /// ```text
    /// use std::time::Duration;
    /// use larder_testing::{TestDatabase, diesel_migrations};
    ///
    /// const MIGRATIONS: diesel_migrations::EmbeddedMigrations =
    ///     diesel_migrations::embed_migrations!();
    ///
    /// #[tokio::test]
    /// async fn a_menu_is_read_again_after_ten_minutes() {
    ///     let (test, time) = TestDatabase::create_timed(MIGRATIONS).await.unwrap();
    ///     let menus = Menus::new(test.database());
    ///     menus.of_restaurant(7).await.unwrap();
    ///
    ///     time.advance(Duration::from_secs(599));
    ///     test.observe(menus.of_restaurant(7)).await.assert_queries(0);
    ///
    ///     time.advance(Duration::from_secs(2));
    ///     test.observe(menus.of_restaurant(7)).await.assert_queries(1);
    /// }
    /// ```
    pub async fn create_timed<S>(migrations: S) -> Result<(Self, ManualClock), Error>
    where
        S: MigrationSource<Pg> + Send + 'static,
    {
        Self::create_timed_with(migrations, |_| {}).await
    }

    /// The same, with other options for its pool and its cache.
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create).
    ///
    /// # Cancel safety
    ///
    /// As [`create`](Self::create).
    pub async fn create_timed_with<S>(
        migrations: S,
        change: impl FnOnce(&mut DatabaseOptions),
    ) -> Result<(Self, ManualClock), Error>
    where
        S: MigrationSource<Pg> + Send + 'static,
    {
        let (clock, time) = Clock::manual();
        let test = Self::create_with(migrations, |options| {
            live_by(options, clock);
            change(options);
        })
        .await?;
        // Reads the catalog: of reads that come together while that takes long, all but one go past
        // the cache.
        let read = diesel::sql_query("SELECT 1");
        test.database().explain_cache(read).await?;
        Ok((test, time))
    }
}
