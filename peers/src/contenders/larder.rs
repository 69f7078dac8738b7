//! Larder: a session of its pool for each read, and a reader, whose reads share its lanes.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use larder_database::{Database, DatabaseOptions};

use super::diesel_async::{Restaurant, restaurants};
use super::{CONNECTIONS, Contender, Entrant, LARDER_LANES, LARDER_POOL, opening};
use crate::error::{Cause, Result};

/// With all that a service has by default: metrics, the classification of every statement, the
/// log of invalidations and its follower.
pub(super) async fn open(url: &str) -> Result<Vec<Entrant>> {
    let mut options = DatabaseOptions::from_url(url).map_err(opening(LARDER_POOL))?;
    options.pool.size = CONNECTIONS;
    options.pool.overflow = 0;
    let db = Database::open(options)
        .await
        .map_err(opening(LARDER_POOL))?;
    Ok(vec![
        Entrant::new(LARDER_LANES, "Larder's lanes", Lanes(db.clone())),
        Entrant::new(LARDER_POOL, "Larder's pool", Pool(db)),
    ])
}

struct Lanes(Database);

impl Contender for Lanes {
    type Row = Restaurant;

    async fn read(&self, id: i64) -> Result<Restaurant, Cause> {
        let read = restaurants::table.find(id);
        Ok(read.get_result(&mut self.0.reader()).await?)
    }

    fn id(row: &Restaurant) -> i64 {
        row.id
    }
}

struct Pool(Database);

impl Contender for Pool {
    type Row = Restaurant;

    async fn read(&self, id: i64) -> Result<Restaurant, Cause> {
        let mut session = self.0.session().await?;
        let read = restaurants::table.find(id);
        Ok(read.get_result(&mut *session).await?)
    }

    fn id(row: &Restaurant) -> i64 {
        row.id
    }
}
