//! Databases on a server: the migrated template and its clones.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use diesel::migration::MigrationSource;
use diesel::pg::Pg;
use larder_database::{CacheMode, Database, DatabaseOptions, sql};
use url::Url;

use crate::Error;
use crate::recorder::sql_of;

/// Taken while a template is made, so that tests that start together make one. "template" in ASCII.
const LOCK: i64 = 0x7465_6d70_6c61_7465;

const DRAIN: Duration = Duration::from_secs(5);

/// The server on which tests make their databases.
#[derive(Clone)]
pub(crate) struct Server {
    url: Url,
}

impl Server {
    /// The server that the environment names, if it names one.
    pub(crate) fn from_environment() -> Result<Option<Self>, Error> {
        for variable in ["LARDER_TEST_DATABASE_URL", "DATABASE_URL"] {
            if let Ok(text) = std::env::var(variable)
                && !text.is_empty()
            {
                let url = Url::parse(&text).map_err(|_| Error::Url { variable })?;
                return Ok(Some(Self { url }));
            }
        }
        Ok(None)
    }

    /// The URL of another database on the same server.
    pub(crate) fn url_of(&self, database: &str) -> String {
        let mut url = self.url.clone();
        url.set_path(database);
        url.into()
    }

    /// Makes a database with all migrations applied and gives its name.
    pub(crate) async fn create<S>(&self, migrations: S) -> Result<String, Error>
    where
        S: MigrationSource<Pg> + Send + 'static,
    {
        let template = template_name(&migrations)?;
        let admin = self.admin().await?;
        let name = unique_name();
        let created = async {
            self.ensure_template(&admin, &template, migrations).await?;
            let clone = format!("CREATE DATABASE {name} TEMPLATE {template}");
            admin.sql(clone).execute().await?;
            Ok(name.clone())
        }
        .await;
        admin.shutdown(DRAIN).await?;
        created
    }

    /// Drops a database and whoever is still connected to it. Calls `connected` when
    /// nothing is left to do but to tell the server.
    pub(crate) async fn drop_database(
        &self,
        name: &str,
        connected: impl FnOnce(),
    ) -> Result<(), Error> {
        let admin = self.admin().await?;
        connected();
        let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        admin.sql(drop).execute().await?;
        Ok(admin.shutdown(DRAIN).await?)
    }

    async fn admin(&self) -> Result<Database, Error> {
        open(alone(self.url.as_str())?).await
    }

    async fn ensure_template<S>(
        &self,
        admin: &Database,
        template: &str,
        migrations: S,
    ) -> Result<(), Error>
    where
        S: MigrationSource<Pg> + Send + 'static,
    {
        let mut session = admin.session().await?;
        let exists = || {
            sql("SELECT EXISTS (SELECT FROM pg_database WHERE datname = :name)")
                .bind("name", template)
        };
        if exists().fetch_scalar_on::<bool>(&mut session).await? {
            return Ok(());
        }
        sql("SELECT pg_advisory_lock(:lock)")
            .bind("lock", LOCK)
            .execute_on(&mut session)
            .await?;
        // Closed at the end, and with it the lock is gone, on every way out.
        let made = async {
            if exists().fetch_scalar_on::<bool>(&mut session).await? {
                return Ok(());
            }
            // Migrated under another name: what bears the template's name is complete.
            let draft = format!("{template}_draft");
            sql(format!("DROP DATABASE IF EXISTS {draft} WITH (FORCE)"))
                .execute_on(&mut session)
                .await?;
            sql(format!("CREATE DATABASE {draft}"))
                .execute_on(&mut session)
                .await?;
            let database = open(alone(&self.url_of(&draft))?).await?;
            database.migrate(migrations).await?;
            database.shutdown(DRAIN).await?;
            sql(format!("ALTER DATABASE {draft} RENAME TO {template}"))
                .execute_on(&mut session)
                .await?;
            Ok(())
        }
        .await;
        session.discard();
        made
    }
}

/// One connection, and no log of invalidations made.
fn alone(url: &str) -> Result<DatabaseOptions, Error> {
    let mut options = DatabaseOptions::from_url(url)?;
    options.pool.size = 1;
    options.cache.mode = CacheMode::Local;
    Ok(options)
}

/// Opens a database with a pool of fixed size.
async fn open(mut options: DatabaseOptions) -> Result<Database, Error> {
    options.pool.overflow = 0;
    Ok(Database::open(options).await?)
}

/// Named after the migrations and what they say, so that a changed set gets a template of its own.
fn template_name<S: MigrationSource<Pg>>(migrations: &S) -> Result<String, Error> {
    let mut hasher = DefaultHasher::new();
    let all = migrations
        .migrations()
        .map_err(|error| Error::Migrations(error.to_string()))?;
    for migration in &all {
        migration.name().to_string().hash(&mut hasher);
        sql_of(&**migration)
            .map_err(|error| Error::Migrations(error.to_string()))?
            .hash(&mut hasher);
    }
    Ok(format!("larder_template_{:016x}", hasher.finish()))
}

fn unique_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_micros());
    format!("larder_test_{now}_{}_{number}", std::process::id())
}
