//! How durable commits are: most of what a transaction costs.

use std::time::{Duration, Instant};

use larder_database::Database;

use crate::error::{Error, Result};
use crate::servers::is_postgresql_private;

/// How long the server may take to read its settings again.
const PATIENCE: Duration = Duration::from_secs(10);

/// Lets a private server keep commits safe, as servers do that are not thrown away. Says how
/// durable commits are.
pub(super) async fn prepare(db: &Database) -> Result<String> {
    if is_postgresql_private() {
        for setting in ["fsync", "synchronous_commit", "full_page_writes"] {
            db.sql(format!("ALTER SYSTEM SET {setting} = on"))
                .execute()
                .await?;
        }
        let reload = db.sql("SELECT pg_catalog.pg_reload_conf()");
        reload.fetch_scalar::<bool>().await?;
        let began = Instant::now();
        while durability(db).await? != ["on", "on"] {
            if began.elapsed() > PATIENCE {
                return Err(Error::NotDurable);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    let [fsync, commit] = durability(db).await?;
    Ok(format!(
        "The server has fsync = {fsync} and synchronous_commit = {commit}."
    ))
}

async fn durability(db: &Database) -> Result<[String; 2]> {
    Ok([
        db.sql("SHOW fsync").fetch_scalar().await?,
        db.sql("SHOW synchronous_commit").fetch_scalar().await?,
    ])
}
