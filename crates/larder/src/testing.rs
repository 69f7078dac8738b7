//! Tests of a service: [`macro@crate::test`], and all of `larder-testing`.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::time::Duration;

use diesel::migration::MigrationSource;
use diesel::pg::Pg;
use diesel_migrations::{EmbeddedMigrations, FileBasedMigrations};
use larder_config::{Profile, SettingValue};

use larder_metrics::Exporter;
use tokio::runtime::{Builder, Runtime};

pub use larder_testing::*;

use crate::watch::Additions;
use crate::{DatabaseKind, Larder};

/// Set to something else than `0`, it keeps the database of a test that has failed.
const KEEP: &str = "LARDER_TEST_KEEP";

/// How long sessions are waited for that a test has left in use.
const DRAIN: Duration = Duration::from_secs(1);

type Problem = Box<dyn std::error::Error + Send + Sync>;

/// A test as it was declared.
#[doc(hidden)]
#[derive(Debug)]
pub struct TestCase {
    name: &'static str,
    /// Several threads, and how many if that was said.
    threads: Option<Option<usize>>,
    settings: Vec<(&'static str, SettingValue)>,
}

impl TestCase {
    #[doc(hidden)]
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            threads: None,
            settings: Vec::new(),
        }
    }

    #[doc(hidden)]
    #[must_use]
    pub fn threads(mut self, number: Option<usize>) -> Self {
        self.threads = Some(number);
        self
    }

    #[doc(hidden)]
    #[must_use]
    pub fn set(mut self, key: &'static str, value: impl Into<SettingValue>) -> Self {
        self.settings.push((key, value.into()));
        self
    }

    fn runtime(&self) -> std::io::Result<Runtime> {
        let mut builder = match self.threads {
            None => Builder::new_current_thread(),
            Some(_) => Builder::new_multi_thread(),
        };
        if let Some(Some(number)) = self.threads {
            builder.worker_threads(number);
        }
        builder.enable_all().build()
    }

    /// Makes the database, and an instance on it.
    async fn fixture<S>(self, migrations: S) -> Result<TestFixture, Problem>
    where
        S: MigrationSource<Pg> + Send + 'static,
    {
        let mut loaded = None;
        let test = TestDatabase::create_at(migrations, |place| {
            let mut builder = Larder::builder().profile(Profile::Test);
            for (key, value) in self.settings {
                builder = builder.set(key, value);
            }
            let config = builder.set("database.url", place.url()).load()?;
            let options = DatabaseOptions::from_config(&config, place.url())?;
            let limits = (
                config.embedded.connect_timeout,
                config.database.statement_timeout,
            );
            loaded = Some(config);
            Ok::<_, Problem>(match place.is_embedded() {
                true => options.embedded(limits.0, limits.1),
                false => options,
            })
        })
        .await?;
        let config = loaded.ok_or("load the settings of the test")?;
        let kind = match test.is_embedded() {
            true => DatabaseKind::Embedded,
            false => DatabaseKind::Server,
        };
        let exporter = config.metrics.enabled.then(Exporter::install);
        let database = test.database().clone();
        let larder = Larder::of(config, database, kind, None, exporter, Additions::default());
        Ok(TestFixture { larder, test })
    }
}

/// What a test is given.
#[doc(hidden)]
pub struct TestFixture {
    // In this order: the instance is gone before its database.
    larder: Larder,
    test: TestDatabase,
}

/// What [`macro@crate::test`] can hand to a test: a [`Larder`], its [`Database`] or the
/// [`TestDatabase`], or a reference to one of them. All of them are one database.
#[diagnostic::on_unimplemented(
    message = "#[larder::test] cannot give a `{Self}`",
    label = "a test takes `Larder`, `Database` or `TestDatabase`, or references to them"
)]
pub trait FromTest<'t> {
    /// Takes it out of what was prepared for the test.
    #[doc(hidden)]
    fn from_test(fixture: &'t TestFixture) -> Self;
}

macro_rules! given {
    ($($given:ty, $fixture:ident => $of:expr;)*) => {$(
        impl FromTest<'_> for $given {
            fn from_test($fixture: &TestFixture) -> Self {
                $of.clone()
            }
        }

        impl<'t> FromTest<'t> for &'t $given {
            fn from_test($fixture: &'t TestFixture) -> Self {
                &$of
            }
        }
    )*};
}

given! {
    Larder, fixture => fixture.larder;
    TestDatabase, fixture => fixture.test;
    Database, fixture => *fixture.larder.db();
}

/// What a test may return: nothing, or a `Result`, of which `Err` is a failure.
#[diagnostic::on_unimplemented(
    message = "a test cannot return a `{Self}`",
    label = "a test returns nothing or a `Result`"
)]
pub trait TestOutcome {
    /// Whether the test has failed.
    #[doc(hidden)]
    fn has_failed(&self) -> bool;
}

impl TestOutcome for () {
    fn has_failed(&self) -> bool {
        false
    }
}

impl<T, E> TestOutcome for std::result::Result<T, E> {
    fn has_failed(&self) -> bool {
        self.is_err()
    }
}

/// The migrations in a directory, as they are when the test runs.
#[doc(hidden)]
#[expect(clippy::panic, reason = "a test fails by panicking")]
pub fn migrations_in(directory: &'static str) -> FileBasedMigrations {
    match FileBasedMigrations::from_path(Path::new(directory)) {
        Ok(migrations) => migrations,
        Err(error) => panic!("failed to read the migrations in {directory}: {error}"),
    }
}

/// An empty database.
#[doc(hidden)]
pub fn no_migrations() -> EmbeddedMigrations {
    EmbeddedMigrations::new(&[])
}

/// Runs a test.
#[doc(hidden)]
#[expect(clippy::panic, reason = "a test fails by panicking")]
pub fn run<S, F, T>(case: TestCase, migrations: S, body: F) -> T
where
    S: MigrationSource<Pg> + Send + 'static,
    F: AsyncFnOnce(&TestFixture) -> T,
    T: TestOutcome,
{
    let name = case.name;
    let prepared = case.runtime().map_err(Problem::from).and_then(|runtime| {
        let fixture = runtime.block_on(case.fixture(migrations))?;
        Ok((runtime, fixture))
    });
    let (runtime, fixture) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => panic!("failed to {error}"),
    };
    let outcome = catch_unwind(AssertUnwindSafe(|| runtime.block_on(body(&fixture))));
    if has_failed(&outcome) && keeps_failed() {
        keep(name, &fixture.test);
    }
    // A session that the test has left in use is closed under its user.
    let _ = runtime.block_on(fixture.larder.db().shutdown(DRAIN));
    // What the test has left running ends before its database goes.
    drop(runtime);
    drop(fixture);
    outcome.unwrap_or_else(|panic| resume_unwind(panic))
}

fn has_failed<T: TestOutcome>(outcome: &Result<T, Box<dyn Any + Send>>) -> bool {
    outcome.as_ref().map_or(true, T::has_failed)
}

fn keeps_failed() -> bool {
    std::env::var_os(KEEP).is_some_and(|value| !value.is_empty() && value != "0")
}

/// Keeps the database of a test and says where it is.
fn keep(test: &str, database: &TestDatabase) {
    match database.keep() {
        Some(name) => eprintln!("{test}: its database is kept, with the name {name}"),
        None => eprintln!("{test}: its database is embedded and cannot be kept"),
    }
}
