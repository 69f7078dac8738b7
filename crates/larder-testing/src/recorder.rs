//! Reading the SQL of a migration, which Diesel does not give out: the migration is run
//! on a connection that only writes down what it is told.

use diesel::connection::{
    AnsiTransactionManager, CacheSize, Connection, ConnectionSealed, Instrumentation,
    SimpleConnection,
};
use diesel::migration::Migration;
use diesel::pg::{Pg, PgQueryBuilder};
use diesel::query_builder::{QueryBuilder, QueryFragment, QueryId};
use diesel::result::{ConnectionError, ConnectionResult, QueryResult};

/// The statements of a migration, as text.
///
/// # Errors
///
/// What the migration reports, such as a file that cannot be read.
pub(crate) fn sql_of(migration: &dyn Migration<Pg>) -> diesel::migration::Result<String> {
    let mut recorder = Recorder::default();
    migration.run(&mut recorder)?;
    Ok(recorder.sql)
}

#[derive(Default)]
struct Recorder {
    sql: String,
    transaction: AnsiTransactionManager,
    instrumentation: Option<Box<dyn Instrumentation>>,
}

impl SimpleConnection for Recorder {
    fn batch_execute(&mut self, sql: &str) -> QueryResult<()> {
        self.sql.push_str(sql);
        self.sql.push('\n');
        Ok(())
    }
}

impl ConnectionSealed for Recorder {}

impl Connection for Recorder {
    type Backend = Pg;
    type TransactionManager = AnsiTransactionManager;

    fn establish(_: &str) -> ConnectionResult<Self> {
        Err(ConnectionError::BadConnection(
            "it leads nowhere".to_owned(),
        ))
    }

    fn execute_returning_count<T>(&mut self, source: &T) -> QueryResult<usize>
    where
        T: QueryFragment<Pg> + QueryId,
    {
        let mut builder = PgQueryBuilder::default();
        source.to_sql(&mut builder, &Pg)?;
        self.batch_execute(&builder.finish())?;
        Ok(0)
    }

    fn transaction_state(&mut self) -> &mut AnsiTransactionManager {
        &mut self.transaction
    }

    fn instrumentation(&mut self) -> &mut dyn Instrumentation {
        &mut self.instrumentation
    }

    fn set_instrumentation(&mut self, instrumentation: impl Instrumentation) {
        self.instrumentation = Some(Box::new(instrumentation));
    }

    fn set_prepared_statement_cache_size(&mut self, _: CacheSize) {}
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

    use diesel::migration::MigrationSource;
    use diesel_migrations::FileBasedMigrations;

    use super::*;

    #[test]
    fn a_migration_is_read_without_a_server() {
        let directory = tempfile::tempdir().unwrap();
        let folder = directory.path().join("2026-01-01-000000_first");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("up.sql"), "CREATE TABLE t (n int);").unwrap();
        std::fs::write(folder.join("down.sql"), "DROP TABLE t;").unwrap();
        let source = FileBasedMigrations::from_path(directory.path()).unwrap();
        let migrations = MigrationSource::<Pg>::migrations(&source).unwrap();
        assert_eq!(
            sql_of(&*migrations[0]).unwrap(),
            "CREATE TABLE t (n int);\n"
        );
    }
}
