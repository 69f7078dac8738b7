//! tokio-postgres by itself, one connection that all tasks share: what pipelining can give at
//! most, without a pool, without Diesel, and with one statement holding up all that follow it.

use tokio_postgres::{Client, Statement};

use super::{Contender, Entrant, TOKIO_POSTGRES, opening};
use crate::error::{Cause, Result};
use crate::fixture;

const READ: &str = "SELECT id, name, city, cuisine, latitude FROM restaurants WHERE id = $1";

/// A row.
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
    let client = fixture::connect(url).await?;
    let read = client.prepare(READ).await;
    let read = read.map_err(opening(TOKIO_POSTGRES))?;
    Ok(vec![Entrant::new(
        TOKIO_POSTGRES,
        "tokio-postgres, one shared connection",
        Shared { client, read },
    )])
}

struct Shared {
    client: Client,
    read: Statement,
}

impl Contender for Shared {
    type Row = Restaurant;

    async fn read(&self, id: i64) -> Result<Restaurant, Cause> {
        let row = self.client.query_one(&self.read, &[&id]).await?;
        Ok(Restaurant {
            id: row.try_get(0)?,
            name: row.try_get(1)?,
            city: row.try_get(2)?,
            cuisine: row.try_get(3)?,
            latitude: row.try_get(4)?,
        })
    }

    fn id(row: &Restaurant) -> i64 {
        row.id
    }
}
