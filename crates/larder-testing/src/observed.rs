//! What a block of a test caused: its queries, and which of its reads were kept.

use std::fmt;

use larder_database::{CacheTrace, Database, ReadOrigin, TracedRead};

use crate::TestDatabase;

/// What a block returned and what it caused; made by [`observe`] and [`TestDatabase::observe`].
///
/// The assertions panic where the test stands, and list all statements, without values, and all
/// cached reads with what became of them.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Observed<T> {
    /// What the block returned.
    pub output: T,
    /// What it caused.
    pub trace: CacheTrace,
}

/// Runs a block and tells what it caused.
///
/// - **Statements** of the block itself count, written in Diesel, as raw SQL or in a batch, and those
///   of loads that its reads cause. `BEGIN`, `COMMIT` and their like do not count, nor does what
///   Larder asks for itself.
/// - **Reads** are those that go through the cache and calls of functions with `#[cached]`. A function
///   that runs and the cached reads in its body count each; one that is kept counts once.
/// - Work that the block spawns counts where it is [carried](crate::carry) along:
///   `tokio::spawn(carry(async { .. }))`. A block has to wait for it.
/// - A load in the background, of a result that is served past its time, counts as a statement if it
///   was sent before the block ended. A test that asserts on it reads in the block until the new
///   result is there.
/// - A load that somebody else began counts for them; the read is [joined](ReadOrigin::Joined), which
///   is a hit.
/// - Of blocks in one another the innermost counts. At most 100,000 statements and reads are noted.
///
/// The database is that of a [`TestDatabase`], of a service, or of an instance: `larder.db()`. An
/// instance in the profile `test` keeps nothing unless `cache.enabled` says so.
///
/// # Cancel safety
///
/// That of the block.
///
/// # Examples
///
/// ```no_run
/// # async fn example(db: larder_testing::Database) -> Result<(), Box<dyn std::error::Error>> {
/// use larder_testing::observe;
///
/// let menus = || db.sql("SELECT count(*) FROM menus").cached().fetch_scalar::<i64>();
/// let observed = observe(&db, async { Ok::<_, larder_database::Error>(menus().await? + menus().await?) }).await;
/// observed.assert_queries(1).assert_hits(1);
/// println!("{} menus, twice", observed.output? / 2);
/// # Ok(())
/// # }
/// ```
pub async fn observe<F: Future>(database: &Database, block: F) -> Observed<F::Output> {
    let (output, trace) = database.trace(block).await;
    Observed { output, trace }
}

impl TestDatabase {
    /// Runs a block and tells what it caused: see [`observe`].
    ///
    /// # Cancel safety
    ///
    /// That of the block.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example(test: larder_testing::TestDatabase) {
    /// let db = test.database();
    /// let menus = || db.sql("SELECT count(*) FROM menus").cached().fetch_scalar::<i64>();
    /// test.observe(menus()).await.assert_queries(1);
    /// test.observe(menus()).await.assert_queries(0).assert_hits(1);
    /// # }
    /// ```
    pub async fn observe<F: Future>(&self, block: F) -> Observed<F::Output> {
        observe(self.database(), block).await
    }
}

impl<T> Observed<T> {
    /// How many statements were sent to the database.
    #[must_use]
    pub fn queries(&self) -> usize {
        self.trace.statements.len()
    }

    /// The statements, without values, in the order in which they were sent.
    pub fn statements(&self) -> impl Iterator<Item = &str> {
        let statements = self.trace.statements.iter();
        statements.map(|sent| sent.statement.as_str())
    }

    /// The cached reads and calls of decorated functions, in the order of their ends.
    #[must_use]
    pub fn reads(&self) -> &[TracedRead] {
        &self.trace.reads
    }

    /// How many reads were answered without a statement of their own.
    #[must_use]
    pub fn hits(&self) -> usize {
        self.trace.hits()
    }

    /// How many were not: they were loaded, or went past the cache.
    #[must_use]
    pub fn misses(&self) -> usize {
        self.trace.misses()
    }

    /// What became of the reads of this name, in the order of their ends. A read is named
    /// `service:operation` or `service:function`; without a service by its function or its tables.
    #[must_use]
    pub fn origins(&self, name: &str) -> Vec<ReadOrigin> {
        let named = self.reads().iter().filter(|read| read.name == name);
        named.map(|read| read.origin).collect()
    }

    /// Asserts how many statements were sent to the database.
    ///
    /// # Panics
    ///
    /// If it is another number.
    #[track_caller]
    pub fn assert_queries(&self, expected: usize) -> &Self {
        self.assert_number("statement(s)", self.queries(), expected)
    }

    /// Asserts how many reads were answered without a statement of their own.
    ///
    /// # Panics
    ///
    /// If it is another number.
    #[track_caller]
    pub fn assert_hits(&self, expected: usize) -> &Self {
        self.assert_number("hit(s)", self.hits(), expected)
    }

    /// Asserts how many reads were loaded, or went past the cache.
    ///
    /// # Panics
    ///
    /// If it is another number.
    #[track_caller]
    pub fn assert_misses(&self, expected: usize) -> &Self {
        self.assert_number("miss(es)", self.misses(), expected)
    }

    /// Asserts what became of the reads of a name, in the order of their ends: see
    /// [`origins`](Self::origins).
    ///
    /// # Panics
    ///
    /// If it is something else.
    #[track_caller]
    pub fn assert_origins(&self, name: &str, expected: &[ReadOrigin]) -> &Self {
        let origins = self.origins(name);
        assert!(
            origins == expected,
            "expected of the reads named {name:?} {}, observed {}\n{self}",
            words(expected),
            words(&origins),
        );
        self
    }

    #[track_caller]
    fn assert_number(&self, what: &str, observed: usize, expected: usize) -> &Self {
        assert!(
            observed == expected,
            "expected {expected} {what}, observed {observed}\n{self}"
        );
        self
    }
}

/// All statements and all reads, each on a line.
impl<T> fmt::Display for Observed<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.trace.fmt(formatter)
    }
}

fn words(origins: &[ReadOrigin]) -> String {
    let words: Vec<_> = origins.iter().map(|origin| origin.as_str()).collect();
    format!("[{}]", words.join(", "))
}
