//! Starting: which database, by which settings, and what is refused.

use larder::prelude::*;
use larder::{DatabaseKind, ErrorKind, LarderBuilder};
use larder_services::MIGRATIONS;
use larder_testing::TestDatabase;

use crate::gate::Gate;
use crate::support::until;
use crate::watched::Log;

type Variables = Vec<(String, String)>;

/// A builder that sees these variables and nothing of the process.
fn builder(variables: &[(&str, &str)]) -> LarderBuilder {
    let variables: Variables = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Larder::builder().load_with(|loader| loader.no_file().environment(variables))
}

#[tokio::test]
async fn the_url_of_the_environment_is_used() {
    let test = TestDatabase::create(MIGRATIONS).await.unwrap();
    let larder = builder(&[
        ("LARDER_PROFILE", "test"),
        (
            "DATABASE_URL",
            &test.url().replace("postgres://", "postgresql+psycopg2://"),
        ),
    ])
    .start()
    .await
    .unwrap();
    assert_eq!(larder.database_kind(), DatabaseKind::Server);
    assert_eq!(larder.config().profile(), Profile::Test);
    let name: String = larder
        .db()
        .sql("SELECT current_database()::text")
        .fetch_scalar()
        .await
        .unwrap();
    assert!(test.url().ends_with(&name));
    let status = larder.db().pool_status();
    assert_eq!((status.size, status.overflow), (2, 5));
    larder.shutdown().await.unwrap();
}

#[tokio::test]
async fn settings_reach_every_connection() {
    let test = TestDatabase::create(MIGRATIONS).await.unwrap();
    let larder = builder(&[
        ("LARDER_PROFILE", "dev"),
        ("DATABASE_URL", test.url()),
        ("DB_STATEMENT_TIMEOUT", "4321"),
        ("PG_IDLE_TX_TIMEOUT", "8765"),
        ("DB_ISOLATION_LEVEL", "SERIALIZABLE"),
        ("LARDER_DATABASE__APPLICATION_NAME", "the shop"),
    ])
    .set("pool.size", 3)
    .start()
    .await
    .unwrap();
    let settings: String = larder
        .db()
        .sql(
            "SELECT concat_ws('|', current_setting('statement_timeout'),
                  current_setting('idle_in_transaction_session_timeout'),
                  current_setting('transaction_isolation'), current_setting('application_name'))",
        )
        .fetch_scalar()
        .await
        .unwrap();
    assert_eq!(settings, "4321ms|8765ms|serializable|the shop");
    assert_eq!(larder.db().pool_status().size, 3);
    larder.shutdown().await.unwrap();
}

#[tokio::test]
async fn all_faults_are_told_before_anything_is_opened() {
    let error = builder(&[
        ("LARDER_PROFILE", "prod"),
        ("DB_POOL_SIZE", "many"),
        ("LARDER_POOL__OVERFLO", "3"),
    ])
    .start()
    .await
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let text = error.to_string();
    for part in [
        "DB_POOL_SIZE",
        "many",
        "LARDER_POOL__OVERFLO",
        "database.url",
    ] {
        assert!(text.contains(part), "{part} is missing in: {text}");
    }
}

#[tokio::test]
async fn without_a_url_the_database_is_embedded_in_dev_and_test_alone() {
    let error = builder(&[("LARDER_PROFILE", "staging")])
        .start()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);

    let larder = builder(&[("LARDER_PROFILE", "test")])
        .start()
        .await
        .unwrap();
    assert_eq!(larder.database_kind(), DatabaseKind::Embedded);
    assert!(larder.db().server_version().starts_with("17."));
    let status = larder.db().pool_status();
    assert_eq!((status.size, status.overflow), (1, 0));
    larder.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_wrong_url_is_refused_without_being_repeated() {
    let error = builder(&[
        ("LARDER_PROFILE", "test"),
        ("DATABASE_URL", "postgres://app:s3cr3t-one@[::bad/shop"),
    ])
    .start()
    .await
    .unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(
        text.contains("DATABASE_URL") && !text.contains("s3cr3t-one"),
        "{text}"
    );
}

#[tokio::test]
async fn a_running_instance_shows_no_password() {
    let test = TestDatabase::create(MIGRATIONS).await.unwrap();
    let role = format!("shown_in_{}", test.url().rsplit_once('/').unwrap().1);
    let db = test.database();
    db.sql(format!("CREATE ROLE {role} LOGIN PASSWORD 's3cr3t-two'"))
        .execute()
        .await
        .unwrap();
    db.grant_log(&role).await.unwrap();
    let place = test.url().rsplit_once('@').unwrap().1;
    let larder = builder(&[
        ("LARDER_PROFILE", "test"),
        (
            "DATABASE_URL",
            &format!("postgres://{role}:s3cr3t-two@{place}"),
        ),
    ])
    .start()
    .await
    .unwrap();
    let text = format!("{larder:?} {:?} {:?}", larder.db(), larder.config());
    larder.shutdown().await.unwrap();
    db.sql(format!("DROP OWNED BY {role} CASCADE"))
        .execute()
        .await
        .unwrap();
    db.sql(format!("DROP ROLE {role}")).execute().await.unwrap();
    assert!(!text.contains("s3cr3t-two"), "{text}");
}

#[tokio::test]
async fn migrations_are_applied_once_by_whoever_comes_first() {
    let test = TestDatabase::create(NoMigrations).await.unwrap();
    let pending = test
        .database()
        .pending_migrations(MIGRATIONS)
        .await
        .unwrap();
    assert_eq!(pending.len(), 4);
    assert!(pending[0].contains("restaurants"), "{pending:?}");

    let reports = futures::future::join_all((0..4).map(|_| async {
        let larder = builder(&[("LARDER_PROFILE", "test"), ("DATABASE_URL", test.url())])
            .start()
            .await
            .unwrap();
        let report = larder.migrate().await.unwrap();
        larder.shutdown().await.unwrap();
        report
    }))
    .await;
    let applied: usize = reports.iter().map(|report| report.applied.len()).sum();
    assert_eq!(applied, 4);
    assert!(
        test.database()
            .pending_migrations(MIGRATIONS)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(advisory_locks(test.database()).await, 0);
}

#[tokio::test]
async fn a_migration_that_fails_is_named_and_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let broken = directory.path().join("2026-01-01-000000_broken");
    std::fs::create_dir(&broken).unwrap();
    std::fs::write(
        broken.join("up.sql"),
        "CREATE TABLE half (id int); SELECT 1 / 0;",
    )
    .unwrap();
    std::fs::write(broken.join("down.sql"), "DROP TABLE half;").unwrap();
    let migrations =
        larder::diesel_migrations::FileBasedMigrations::from_path(directory.path()).unwrap();

    let test = TestDatabase::create(MIGRATIONS).await.unwrap();
    let error = test.database().migrate(migrations).await.unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("apply the migrations: 2026-01-01-000000_broken: "),
        "{text}"
    );
    assert!(text.contains("division by zero"), "{text}");
    let half: bool = test
        .database()
        .sql("SELECT to_regclass('half') IS NULL")
        .fetch_scalar()
        .await
        .unwrap();
    assert!(half);
    // Nobody holds the lock that keeps two migrations apart.
    assert_eq!(advisory_locks(test.database()).await, 0);
    test.database().migrate(MIGRATIONS).await.unwrap();
}

async fn advisory_locks(database: &Database) -> i64 {
    database
        .sql(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        )
        .fetch_scalar()
        .await
        .unwrap()
}

struct NoMigrations;

impl diesel::migration::MigrationSource<diesel::pg::Pg> for NoMigrations {
    fn migrations(
        &self,
    ) -> diesel::migration::Result<Vec<Box<dyn diesel::migration::Migration<diesel::pg::Pg>>>> {
        Ok(Vec::new())
    }
}

#[tokio::test]
async fn who_is_local_on_a_server_is_warned_and_who_is_shared_is_not() {
    let test = TestDatabase::create(MIGRATIONS).await.unwrap();
    for (mode, warned) in [("local", true), ("shared", false)] {
        let (log, guard) = Log::listen("larder=info");
        let variables = [
            ("LARDER_PROFILE", "dev"),
            ("DATABASE_URL", test.url()),
            ("LARDER_CACHE__MODE", mode),
        ];
        let larder = builder(&variables).start().await.unwrap();
        drop(guard);
        let text = log.text();
        let warning = "mode local: writes of other processes are not noticed";
        assert_eq!(text.contains(warning), warned, "{text}");
        assert!(text.contains(&format!("cache=\"{mode}")), "{text}");
        larder.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn a_type_that_is_kept_local_is_never_in_redis() {
    #[derive(QueryableByName)]
    struct Patient {
        #[diesel(sql_type = diesel::sql_types::Text)]
        name: String,
    }

    let gate = Gate::open().await;
    let test = TestDatabase::create(MIGRATIONS).await.unwrap();
    let variables = [("LARDER_PROFILE", "dev"), ("DATABASE_URL", test.url())];
    let larder = builder(&variables)
        .set("redis.url", gate.url())
        .keep_local::<Patient>()
        .start()
        .await
        .unwrap();
    until("all are in step", || {
        let cache = larder.statistics().cache;
        cache.l2_available && cache.follower.is_some_and(|follower| follower.has_lease)
    })
    .await;
    let stored = || larder.db().second_tier_statistics().unwrap().stored;
    let read = || {
        larder
            .db()
            .sql("SELECT name::text FROM restaurants")
            .cached()
    };
    let patients = read().fetch::<Patient>().await.unwrap();
    assert!(patients.iter().all(|patient| patient.name.is_empty()));
    assert_eq!(stored(), 0);
    read().fetch_json().await.unwrap();
    assert_eq!(stored(), 1, "another type of the same rows is shared");
    larder.shutdown().await.unwrap();
}
