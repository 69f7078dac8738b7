//! The database of one test.

use diesel::migration::MigrationSource;
use diesel::pg::Pg;
use larder_database::Database;

use crate::Error;
use crate::server::{Server, open};

/// A database that belongs to one test, migrated, and gone when this is dropped.
///
/// # Examples
///
/// ```no_run
/// # async fn example(migrations: diesel_migrations::EmbeddedMigrations) -> Result<(), larder_testing::Error> {
/// use larder_testing::TestDatabase;
///
/// let test = TestDatabase::create(migrations).await?;
/// let db = test.database();
/// let tables: i64 = db.sql("SELECT count(*) FROM pg_tables").fetch_scalar().await?;
/// assert!(tables > 0);
/// # Ok(())
/// # }
/// ```
pub struct TestDatabase {
    database: Database,
    url: String,
    home: Home,
}

enum Home {
    Server {
        server: Server,
        name: String,
    },
    #[cfg(feature = "embedded")]
    Embedded {
        _embedded: larder_embedded::EmbeddedDatabase,
    },
}

impl TestDatabase {
    /// How many connections a test has on a server. The embedded database has one.
    pub const CONNECTIONS: usize = 5;

    /// Makes a database with all of these migrations applied.
    ///
    /// # Errors
    ///
    /// If there is no server, or it refuses; the error says what to set.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it can leave a database named `larder_test_...` behind on the server.
    pub async fn create<S>(migrations: S) -> Result<Self, Error>
    where
        S: MigrationSource<Pg> + Send + 'static,
    {
        match Server::from_environment()? {
            Some(server) => {
                let name = server.create(migrations).await?;
                let url = server.url_of(&name);
                Ok(Self {
                    database: open(&url, Self::CONNECTIONS).await?,
                    url,
                    home: Home::Server { server, name },
                })
            }
            None => Self::embedded(migrations).await,
        }
    }

    #[cfg(feature = "embedded")]
    async fn embedded<S>(migrations: S) -> Result<Self, Error>
    where
        S: MigrationSource<Pg> + Send + 'static,
    {
        use larder_database::DatabaseOptions;
        use larder_embedded::{EmbeddedDatabase, EmbeddedOptions};

        let embedded = EmbeddedDatabase::start(EmbeddedOptions::default()).await?;
        let options =
            DatabaseOptions::from_url(embedded.url())?.embedded(std::time::Duration::from_secs(10));
        let database = Database::open(options).await?;
        database.migrate(migrations).await?;
        Ok(Self {
            database,
            url: embedded.url().to_owned(),
            home: Home::Embedded {
                _embedded: embedded,
            },
        })
    }

    #[cfg(not(feature = "embedded"))]
    #[expect(clippy::unused_async, reason = "the other variant of it waits")]
    async fn embedded<S>(_: S) -> Result<Self, Error> {
        Err(Error::NoServer)
    }

    /// The database, with a small pool.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Where it is, for a pool of one's own.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether it is an embedded one, with its single connection.
    pub fn is_embedded(&self) -> bool {
        match self.home {
            Home::Server { .. } => false,
            #[cfg(feature = "embedded")]
            Home::Embedded { .. } => true,
        }
    }
}

impl Drop for TestDatabase {
    /// Drops the database on the server, on a thread of its own: the runtime of the
    /// test may be gone or busy unwinding.
    fn drop(&mut self) {
        let (server, name) = match &self.home {
            Home::Server { server, name } => (server.clone(), name.clone()),
            #[cfg(feature = "embedded")]
            Home::Embedded { .. } => return,
        };
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            match runtime {
                Ok(runtime) => runtime.block_on(server.drop_database(&name)),
                Err(_) => Ok(()),
            }
        });
        if let Ok(Err(error)) = dropping.join() {
            tracing::warn!("failed to {error}");
        }
    }
}
