//! Whether the database has the migrations that the code expects.

use std::sync::Arc;

use larder_database::{Database, Error};
use larder_health::{Finding, Probe};
use larder_pool::Connection;

use super::{Context, ExpectedMigrations, asking};

pub(super) fn pending(context: &Context<'_>, expected: &[ExpectedMigrations]) -> Arc<dyn Probe> {
    let link = Arc::clone(&context.link);
    let expected: Arc<[ExpectedMigrations]> = expected.into();
    let ask = move || {
        let (link, expected) = (Arc::clone(&link), Arc::clone(&expected));
        async move {
            let pending = link.ask(async |connection| look(&expected, connection).await);
            match pending.await {
                Some(Ok(pending)) => judge(&pending),
                Some(Err(error)) => Finding::unknown(format!("failed to {error}")),
                None => Finding::unknown("migrations cannot be asked for now"),
            }
        }
    };
    Arc::new(asking(context, "migrations", ask))
}

/// Those that are missing. Of those of Larder's services only where a database has any of them: not
/// everybody uses the services.
async fn look(
    expected: &[ExpectedMigrations],
    connection: &mut Connection,
) -> Result<Vec<String>, Error> {
    let services = &larder_services::MIGRATIONS;
    let mut pending = Database::pending_migrations_on(services, connection).await?;
    if pending.len() == count(services) {
        pending.clear();
    }
    for migrations in expected {
        let missing = Database::pending_migrations_on(&**migrations, connection).await?;
        pending.extend(missing);
    }
    Ok(pending)
}

fn count(migrations: &impl diesel::migration::MigrationSource<diesel::pg::Pg>) -> usize {
    migrations
        .migrations()
        .map_or(0, |migrations| migrations.len())
}

fn judge(pending: &[String]) -> Finding {
    let finding = match pending {
        [] => Finding::healthy(),
        [first, ..] => Finding::degraded(format!(
            "{} migrations are not applied, the first is {first}",
            pending.len()
        )),
    };
    finding
        .observing(pending.len() as f64, "")
        .of_fault("pending")
        .cured_by(|| {
            "apply them: `larder migrate`, larder.migrate() or larder.migrate_with(..)".to_owned()
        })
}
