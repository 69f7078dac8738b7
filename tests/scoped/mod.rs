//! A database used on somebody's behalf: each sees their own rows, by the policies of the server,
//! and nobody finds anything of whoever had the connection before.

mod cached;
mod calls;
mod leaks;
mod policies;
mod pooled;
mod refused;
mod roles;
mod rows;
mod second_tier;

use std::time::Duration;

use larder_database::{CacheMode, Database, DatabaseOptions, Scope};
use larder_testing::TestDatabase;
use tokio_postgres::NoTls;

use crate::support::accounts;

diesel::table! {
    /// The table whose rows belong to tenants.
    documents (id) {
        id -> Integer,
        tenant -> Text,
        body -> Text,
    }
}

/// Long enough that nothing expires in a test.
const LONG: Duration = Duration::from_secs(3600);

/// Tenants `a` and `b` have three and two documents, and each `shared` one more if they are
/// members. The table is under row-level security, for its owner too.
const SCHEMA: &str = "
    CREATE TABLE documents (id int PRIMARY KEY, tenant text NOT NULL, body text NOT NULL);
    INSERT INTO documents VALUES
        (1, 'a', 'a1'), (2, 'a', 'a2'), (3, 'a', 'a3'), (4, 'b', 'b1'), (5, 'b', 'b2');
    ALTER TABLE documents ENABLE ROW LEVEL SECURITY;
    ALTER TABLE documents FORCE ROW LEVEL SECURITY;
    CREATE POLICY own ON documents USING (tenant = current_setting('app.tenant', true));
";

/// A database with documents of two tenants, and the roles of the test: one that logs in, and one
/// that it can become.
struct Shop {
    test: TestDatabase,
    app: String,
    reader: String,
}

impl Shop {
    async fn open() -> Self {
        let test = accounts().await;
        let database = test.url().rsplit('/').next().unwrap();
        let (app, reader) = (format!("{database}_app"), format!("{database}_reader"));
        let shop = Self { test, app, reader };
        shop.admin(SCHEMA).await;
        let Self { app, reader, .. } = &shop;
        shop.admin(&format!(
            "CREATE ROLE {app} LOGIN PASSWORD 'secret'; CREATE ROLE {reader}; GRANT {reader} TO {app};
             GRANT SELECT, INSERT, UPDATE, DELETE ON documents, accounts TO {app}, {reader};"
        ))
        .await;
        shop.test.database().grant_log(app).await.unwrap();
        shop
    }

    /// Runs SQL as a superuser who knows nothing of Larder.
    async fn admin(&self, sql: &str) {
        let (client, connection) = tokio_postgres::connect(self.test.url(), NoTls)
            .await
            .unwrap();
        tokio::spawn(connection);
        client.batch_execute(sql).await.unwrap();
    }

    fn options(&self) -> DatabaseOptions {
        let host = self.test.url().rsplit('@').next().unwrap();
        let url = format!("postgres://{}:secret@{host}", self.app);
        let mut options = DatabaseOptions::from_url(&url).unwrap();
        options.pool.size = 2;
        options.pool.overflow = 0;
        options.cache.hot_writes = 0;
        options.cache.early_refresh = 0.0;
        options.cache.jitter = 0.0;
        options
    }

    /// A process that others write beside.
    async fn process(&self) -> Database {
        Database::open(self.options()).await.unwrap()
    }

    /// The same, alone with the database, and as the test needs it.
    async fn alone(&self, change: impl FnOnce(&mut DatabaseOptions)) -> Database {
        let mut options = self.options();
        options.cache.mode = CacheMode::Local;
        change(&mut options);
        Database::open(options).await.unwrap()
    }

    /// To be called at the end; roles outlive the database that they have rights in.
    async fn remove(self) {
        let Self { app, reader, .. } = &self;
        self.admin(&format!(
            "DROP OWNED BY {app} CASCADE; DROP OWNED BY {reader} CASCADE; \
             DROP ROLE {app}; DROP ROLE {reader}"
        ))
        .await;
    }
}

fn tenant(db: &Database, tenant: &str) -> Database {
    db.scoped(Scope::new().tenant(tenant)).unwrap()
}

/// What a handle sees of the documents, past the cache.
async fn bodies(db: &Database) -> Vec<String> {
    let rows = db.sql("SELECT body FROM documents ORDER BY id");
    let rows = rows.fetch_json().await.unwrap();
    rows.iter()
        .map(|row| row["body"].as_str().unwrap().to_owned())
        .collect()
}

/// How many documents a handle sees, through the cache.
async fn cached_count(db: &Database) -> i64 {
    let count = db.sql("SELECT count(*) FROM documents").cached();
    count.ttl(LONG).fetch_scalar().await.unwrap()
}

/// Whether the count is served from the cache now. Reading fills the cache.
async fn is_kept(db: &Database) -> bool {
    let before = db.cache_statistics().hits;
    cached_count(db).await;
    db.cache_statistics().hits > before
}

/// Why the count is not cached by this handle.
async fn why(db: &Database) -> Option<String> {
    let count = db.sql("SELECT count(*) FROM documents").cached();
    count.explain().await.unwrap().not_cached
}
