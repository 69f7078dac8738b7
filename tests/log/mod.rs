//! The log of invalidations in the database: installing it, using it with few rights, emptying
//! it, and tables that others write.

use larder_database::{CacheMode, Database, DatabaseOptions};
use larder_services::MIGRATIONS;
use larder_testing::TestDatabase;
use tokio_postgres::NoTls;

mod catalog;
mod install;
mod prune;
mod rights;
mod tracking;

/// A database without the log, as nobody made it who would keep in step with others.
async fn without_log() -> TestDatabase {
    let change = |options: &mut DatabaseOptions| options.cache.mode = CacheMode::Local;
    TestDatabase::create_with(MIGRATIONS, change).await.unwrap()
}

/// A database with the log.
async fn with_log() -> TestDatabase {
    let test = without_log().await;
    assert!(test.database().install_log().await.unwrap());
    test
}

/// A connection that knows nothing of Larder, as psql's.
async fn plain(test: &TestDatabase) -> tokio_postgres::Client {
    connect(test.url()).await
}

async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// A role of the test's own that can log in and nothing else.
struct Role {
    name: String,
    url: String,
    admin: String,
}

impl Role {
    async fn create(test: &TestDatabase) -> Self {
        let database = test.url().rsplit('/').next().unwrap();
        let name = format!("{database}_role");
        let client = plain(test).await;
        client
            .batch_execute(&format!("CREATE ROLE {name} LOGIN PASSWORD 'secret'"))
            .await
            .unwrap();
        let host = test.url().rsplit('@').next().unwrap();
        Self {
            url: format!("postgres://{name}:secret@{host}"),
            admin: test.url().to_owned(),
            name,
        }
    }

    async fn open(&self) -> Database {
        let mut options = DatabaseOptions::from_url(&self.url).unwrap();
        options.pool.size = 1;
        options.pool.overflow = 1;
        options.cache.mode = CacheMode::Local;
        Database::open(options).await.unwrap()
    }

    /// To be called at the end; a role outlives the database that it has rights in.
    async fn remove(self) {
        let client = connect(&self.admin).await;
        let name = &self.name;
        client
            .batch_execute(&format!("DROP OWNED BY {name} CASCADE; DROP ROLE {name}"))
            .await
            .unwrap();
    }
}
