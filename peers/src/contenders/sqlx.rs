//! sqlx: `query_as` on its pool, which keeps the prepared statement.

use sqlx::postgres::{PgPool, PgPoolOptions};

use super::{CONNECTIONS, Contender, Entrant, SQLX, SQLX_NO_PING, opening};
use crate::error::{Cause, Result};

const READ: &str = "SELECT id, name, city, cuisine, latitude FROM restaurants WHERE id = $1";

/// A row.
#[derive(sqlx::FromRow)]
#[expect(
    dead_code,
    reason = "the columns are decoded to be measured, not to be looked at"
)]
struct Restaurant {
    id: i64,
    name: String,
    city: String,
    cuisine: Option<String>,
    latitude: f64,
}

pub(super) async fn open(url: &str) -> Result<Vec<Entrant>> {
    Ok(vec![
        Entrant::new(
            SQLX,
            "sqlx, ping (its default)",
            Sqlx(pool(SQLX, url, true).await?),
        ),
        Entrant::new(
            SQLX_NO_PING,
            "sqlx, no ping",
            Sqlx(pool(SQLX_NO_PING, url, false).await?),
        ),
    ])
}

async fn pool(name: &'static str, url: &str, ping: bool) -> Result<PgPool> {
    PgPoolOptions::new()
        .max_connections(CONNECTIONS as u32)
        .test_before_acquire(ping)
        .connect(url)
        .await
        .map_err(opening(name))
}

struct Sqlx(PgPool);

impl Contender for Sqlx {
    type Row = Restaurant;

    async fn read(&self, id: i64) -> Result<Restaurant, Cause> {
        let read = sqlx::query_as::<_, Restaurant>(READ).bind(id);
        Ok(read.fetch_one(&self.0).await?)
    }

    fn id(row: &Restaurant) -> i64 {
        row.id
    }
}
