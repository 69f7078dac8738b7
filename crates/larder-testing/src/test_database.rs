//! The database of one test.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use diesel::migration::MigrationSource;
use diesel::pg::Pg;
use larder_database::{Database, DatabaseOptions};

use crate::Error;
use crate::server::Server;

/// How long the end of a test waits until the server can be told to drop its database.
const CONNECT: Duration = Duration::from_secs(10);

/// How long it then waits for the server.
const PATIENCE: Duration = Duration::from_millis(250);

/// A database that belongs to one test, migrated, and gone when this and all its clones are dropped.
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
#[derive(Clone)]
pub struct TestDatabase {
    database: Database,
    place: TestPlace,
    home: Arc<Home>,
}

/// Where the database of a test is.
#[derive(Clone)]
pub struct TestPlace {
    url: String,
    is_embedded: bool,
}

impl TestPlace {
    /// Its URL, which is a secret.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether it is an embedded one, with its single connection.
    pub fn is_embedded(&self) -> bool {
        self.is_embedded
    }
}

/// Where the database is. Dropped, it takes the database with it.
enum Home {
    Server {
        server: Server,
        name: String,
        /// It stays when its test is over.
        kept: AtomicBool,
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
        Self::create_with(migrations, |_| {}).await
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
    pub async fn create_with<S>(
        migrations: S,
        change: impl FnOnce(&mut DatabaseOptions),
    ) -> Result<Self, Error>
    where
        S: MigrationSource<Pg> + Send + 'static,
    {
        Self::create_at(migrations, |place| {
            let mut options = DatabaseOptions::from_url(place.url())?;
            match place.is_embedded() {
                true => {
                    options = options.embedded(Duration::from_secs(10), Duration::from_secs(60))
                }
                false => {
                    options.pool.size = Self::CONNECTIONS;
                    options.pool.overflow = 0;
                }
            }
            change(&mut options);
            Ok::<_, Error>(options)
        })
        .await
    }

    /// The same, with options that are made when it is known where the database is. For an embedded
    /// one they have to be made [for it](DatabaseOptions::embedded).
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create), and those of `options`.
    ///
    /// # Cancel safety
    ///
    /// As [`create`](Self::create).
    pub async fn create_at<S, E>(
        migrations: S,
        options: impl FnOnce(&TestPlace) -> Result<DatabaseOptions, E>,
    ) -> Result<Self, E>
    where
        S: MigrationSource<Pg> + Send + 'static,
        E: From<Error>,
    {
        let Some(server) = Server::from_environment()? else {
            return Box::pin(Self::embedded(migrations, options)).await;
        };
        let name = Box::pin(server.create(migrations)).await?;
        let place = TestPlace {
            url: server.url_of(&name),
            is_embedded: false,
        };
        // From here on it is dropped, also if nobody can connect to it.
        let home = Arc::new(Home::Server {
            server,
            name,
            kept: AtomicBool::new(false),
        });
        let database = Box::pin(Database::open(options(&place)?))
            .await
            .map_err(Error::from)?;
        Ok(Self {
            database,
            place,
            home,
        })
    }

    #[cfg(feature = "embedded")]
    async fn embedded<S, E>(
        migrations: S,
        options: impl FnOnce(&TestPlace) -> Result<DatabaseOptions, E>,
    ) -> Result<Self, E>
    where
        S: MigrationSource<Pg> + Send + 'static,
        E: From<Error>,
    {
        use larder_embedded::{EmbeddedDatabase, EmbeddedOptions};

        let embedded = EmbeddedDatabase::start(EmbeddedOptions::default())
            .await
            .map_err(Error::from)?;
        let place = TestPlace {
            url: embedded.url().to_owned(),
            is_embedded: true,
        };
        let database = Box::pin(Database::open(options(&place)?))
            .await
            .map_err(Error::from)?;
        database.migrate(migrations).await.map_err(Error::from)?;
        Ok(Self {
            database,
            place,
            home: Arc::new(Home::Embedded {
                _embedded: embedded,
            }),
        })
    }

    #[cfg(not(feature = "embedded"))]
    #[expect(clippy::unused_async, reason = "the other variant of it waits")]
    async fn embedded<S, E: From<Error>>(
        _: S,
        _: impl FnOnce(&TestPlace) -> Result<DatabaseOptions, E>,
    ) -> Result<Self, E> {
        Err(Error::NoServer.into())
    }

    /// The database, with a small pool.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Where it is, for a pool of one's own.
    pub fn url(&self) -> &str {
        self.place.url()
    }

    /// Whether it is an embedded one, with its single connection.
    pub fn is_embedded(&self) -> bool {
        self.place.is_embedded()
    }

    /// Keeps it when the test is over, for somebody to look at, and gives its name on the server.
    /// `None` if it is an embedded one, which is gone with its process.
    pub fn keep(&self) -> Option<&str> {
        match &*self.home {
            Home::Server { name, kept, .. } => {
                kept.store(true, Ordering::Relaxed);
                Some(name)
            }
            #[cfg(feature = "embedded")]
            Home::Embedded { .. } => None,
        }
    }
}

impl Drop for Home {
    /// Drops the database on the server, from a thread of its own: the runtime of the
    /// test may be gone or busy unwinding.
    fn drop(&mut self) {
        let (server, name) = match self {
            Self::Server { kept, .. } if kept.load(Ordering::Relaxed) => return,
            Self::Server { server, name, .. } => (server.clone(), name.clone()),
            #[cfg(feature = "embedded")]
            Self::Embedded { .. } => return,
        };
        let (report, reports) = mpsc::channel();
        std::thread::spawn(move || drop_on_server(&server, &name, &report));
        // The server first waits for connections that are still logging in, to any of its
        // databases, and one of those may be ours, stuck on the very thread that waits here.
        // So nobody waits long: once it is told, the server goes on by itself.
        if reports.recv_timeout(CONNECT).is_ok() {
            let _ = reports.recv_timeout(PATIENCE);
        }
    }
}

/// Reports when the server is about to be told, and when it is done.
fn drop_on_server(server: &Server, name: &str, report: &mpsc::Sender<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let dropped = match runtime {
        Ok(runtime) => runtime.block_on(server.drop_database(name, || {
            let _ = report.send(());
        })),
        Err(error) => return tracing::warn!("failed to drop the database of a test: {error}"),
    };
    if let Err(error) = dropped {
        tracing::warn!("failed to {error}");
    }
    let _ = report.send(());
}
