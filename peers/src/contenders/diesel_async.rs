//! diesel-async as it comes, on bb8 and on deadpool.

use diesel::prelude::*;
use diesel_async::pooled_connection::AsyncDieselConnectionManager;
use diesel_async::pooled_connection::bb8::Pool as Bb8Pool;
use diesel_async::pooled_connection::deadpool::Pool as DeadpoolPool;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::{
    CONNECTIONS, Contender, DIESEL_BB8, DIESEL_BB8_PING, DIESEL_DEADPOOL, Entrant, opening,
};
use crate::error::{Cause, Result};

diesel::table! {
    restaurants (id) {
        id -> BigInt,
        name -> Text,
        city -> Text,
        cuisine -> Nullable<Text>,
        latitude -> Double,
    }
}

/// A row, also of Larder's.
#[derive(Queryable)]
#[expect(
    dead_code,
    reason = "the columns are decoded to be measured, not to be looked at"
)]
pub(super) struct Restaurant {
    pub(super) id: i64,
    name: String,
    city: String,
    cuisine: Option<String>,
    latitude: f64,
}

pub(super) async fn open(url: &str) -> Result<Vec<Entrant>> {
    let deadpool = DeadpoolPool::builder(manager(url))
        .max_size(CONNECTIONS)
        .build()
        .map_err(opening(DIESEL_DEADPOOL))?;
    Ok(vec![
        Entrant::new(
            DIESEL_BB8,
            "diesel-async on bb8, no ping",
            Bb8(bb8(DIESEL_BB8, url, false).await?),
        ),
        Entrant::new(
            DIESEL_BB8_PING,
            "diesel-async on bb8, ping (its default)",
            Bb8(bb8(DIESEL_BB8_PING, url, true).await?),
        ),
        Entrant::new(
            DIESEL_DEADPOOL,
            "diesel-async on deadpool, ping (its default)",
            Deadpool(deadpool),
        ),
    ])
}

async fn bb8(name: &'static str, url: &str, ping: bool) -> Result<Bb8Pool<AsyncPgConnection>> {
    Bb8Pool::builder()
        .max_size(CONNECTIONS as u32)
        .test_on_check_out(ping)
        .build(manager(url))
        .await
        .map_err(opening(name))
}

fn manager(url: &str) -> AsyncDieselConnectionManager<AsyncPgConnection> {
    AsyncDieselConnectionManager::new(url)
}

struct Bb8(Bb8Pool<AsyncPgConnection>);

impl Contender for Bb8 {
    type Row = Restaurant;

    async fn read(&self, id: i64) -> Result<Restaurant, Cause> {
        let mut connection = self.0.get().await?;
        let read = restaurants::table.find(id);
        Ok(read.get_result(&mut *connection).await?)
    }

    fn id(row: &Restaurant) -> i64 {
        row.id
    }
}

struct Deadpool(DeadpoolPool<AsyncPgConnection>);

impl Contender for Deadpool {
    type Row = Restaurant;

    async fn read(&self, id: i64) -> Result<Restaurant, Cause> {
        let mut connection = self.0.get().await?;
        let read = restaurants::table.find(id);
        Ok(read.get_result(&mut *connection).await?)
    }

    fn id(row: &Restaurant) -> i64 {
        row.id
    }
}
