//! What Larder needs in the database is not there: the log of invalidations, rights on it,
//! migrations.

use larder_services::MIGRATIONS;
use larder_testing::TestDatabase;
use larder_testing::servers::PostgresServer;
use tokio_postgres::{Client, NoTls};

use super::named::{Faulty, instance};

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

#[tokio::test]
async fn a_log_that_the_role_may_not_read_any_more_is_the_cause() {
    let server = PostgresServer::start().await.unwrap();
    let admin = connect(&server.url()).await;
    let role = "CREATE ROLE app LOGIN PASSWORD 'secret'; ALTER DATABASE postgres OWNER TO app;
        GRANT ALL ON SCHEMA public TO app; CREATE EXTENSION IF NOT EXISTS pg_trgm";
    admin.batch_execute(role).await.unwrap();
    let url = format!("postgres://app:secret@127.0.0.1:{}/postgres", server.port());
    let mut faulty = Faulty::start(instance(&url), "follower").await;
    // It is another's now, and nobody was granted anything.
    let take = "ALTER SCHEMA larder OWNER TO postgres; ALTER TABLE larder.epoch OWNER TO postgres;
        REVOKE ALL ON SCHEMA larder FROM app; REVOKE ALL ON larder.epoch FROM app";
    admin.batch_execute(take).await.unwrap();
    let report = faulty.is_named(&["log_unusable"]).await;
    let cure = report.causes[0].cure.as_deref().unwrap();
    assert!(cure.contains("larder cache install"), "{report}");
    let give = "ALTER SCHEMA larder OWNER TO app; ALTER TABLE larder.epoch OWNER TO app;
        GRANT ALL ON SCHEMA larder TO app; GRANT ALL ON larder.epoch TO app";
    admin.batch_execute(give).await.unwrap();
    faulty.until_over().await;
}

#[tokio::test]
async fn migrations_that_are_not_applied_are_the_cause() {
    let test = TestDatabase::create(MIGRATIONS).await.unwrap();
    let admin = connect(test.url()).await;
    let mut faulty = Faulty::start(instance(test.url()), "migrations").await;
    let newest = "(SELECT max(version) FROM __diesel_schema_migrations)";
    let forget = format!(
        "CREATE TABLE forgotten AS TABLE __diesel_schema_migrations;
        DELETE FROM __diesel_schema_migrations WHERE version = {newest}"
    );
    admin.batch_execute(&forget).await.unwrap();
    let report = faulty.is_named(&["pending"]).await;
    assert!(report.causes[0].reason.contains("1 migrations"), "{report}");
    let remember = "INSERT INTO __diesel_schema_migrations
        SELECT * FROM forgotten ON CONFLICT DO NOTHING";
    admin.batch_execute(remember).await.unwrap();
    faulty.until_over().await;
}
