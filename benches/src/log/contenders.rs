//! Clients that write, in the ways that are compared.

use std::time::{Duration, Instant};

use diesel::sql_query;
use diesel::sql_types::BigInt;
use diesel_async::RunQueryDsl;
use larder_database::{CacheMode, CacheSettings, Database, Hints};

use crate::error::{Error, Result};

/// Who else writes, as Larder is told.
pub(super) enum Mode {
    Local,
    Shared(Hints),
}

impl Mode {
    pub(super) fn set(self, settings: &mut CacheSettings) {
        match self {
            Self::Local => settings.mode = CacheMode::Local,
            Self::Shared(hints) => {
                settings.mode = CacheMode::Shared;
                settings.hints = hints;
            }
        }
    }
}

/// What a transaction does.
#[derive(Debug, Clone, Copy)]
pub(super) enum Write {
    Row,
    RowAndNotify,
}

const ROW: &str = "UPDATE bench_counter SET n = n + 1 WHERE id = $1";
const ROW_AND_NOTIFY: &str = "WITH written AS \
    (UPDATE bench_counter SET n = n + 1 WHERE id = $1 RETURNING id) \
    SELECT pg_catalog.pg_notify('bench', id::text) FROM written";

/// So many clients of a database, each with a row of its own.
#[derive(Clone, Copy)]
pub(super) struct Clients<'a> {
    pub(super) db: &'a Database,
    pub(super) clients: usize,
}

impl Clients<'_> {
    /// Runs so many transactions, all clients together.
    pub(super) async fn transactions(self, write: Write, count: usize) -> Result<Duration> {
        let statement = match write {
            Write::Row => ROW,
            Write::RowAndNotify => ROW_AND_NOTIFY,
        };
        let each = count / self.clients;
        let began = Instant::now();
        let clients: Vec<_> = (1..=self.clients as i64)
            .map(|id| {
                let db = self.db.clone();
                tokio::spawn(async move {
                    for _ in 0..each {
                        db.transaction(async |conn| {
                            let write = sql_query(statement).bind::<BigInt, _>(id);
                            write.execute(conn).await
                        })
                        .await?;
                    }
                    Ok::<_, Error>(())
                })
            })
            .collect();
        for client in clients {
            client.await.map_err(|_| Error::Panicked)??;
        }
        Ok(began.elapsed())
    }

    /// Runs so many statements, one after the other.
    pub(super) async fn statements(self, count: usize) -> Result<Duration> {
        let began = Instant::now();
        for _ in 0..count {
            let write = sql_query(ROW).bind::<BigInt, _>(1);
            write.execute(&mut *self.db.session().await?).await?;
        }
        Ok(began.elapsed())
    }
}
