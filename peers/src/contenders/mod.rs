//! The ways to read a row, each as its users write it.
//!
//! All have a pool of [`CONNECTIONS`]. [`LARDER_LANES`] has none of it: its reads share a few
//! connections, which is what it is there to show. The names of libraries' defaults are in the
//! labels, because a default that asks the server whether a connection is alive costs a round trip.

mod diesel_async;
mod larder;
mod sea_orm;
mod sqlx;
mod tokio_postgres;

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;

use crate::arguments::Options;
use crate::error::{Cause, Error, Result};
use crate::fixture::{Fixture, ROWS};

/// The size of every pool: sqlx's default.
pub(crate) const CONNECTIONS: usize = 10;

/// The names of contenders, as the JSON has them.
pub(crate) const LARDER_POOL: &str = "larder_pool";
pub(crate) const LARDER_LANES: &str = "larder_lanes";
pub(crate) const DIESEL_BB8: &str = "diesel_bb8";
pub(crate) const DIESEL_BB8_PING: &str = "diesel_bb8_ping";
pub(crate) const DIESEL_DEADPOOL: &str = "diesel_deadpool";
pub(crate) const SQLX: &str = "sqlx";
pub(crate) const SQLX_NO_PING: &str = "sqlx_no_ping";
pub(crate) const SEA_ORM: &str = "sea_orm";
pub(crate) const TOKIO_POSTGRES: &str = "tokio_postgres";

/// One way to read rows.
pub(crate) trait Contender: Send + Sync + 'static {
    /// All five columns.
    type Row: Send;

    /// Reads the row of this id.
    fn read(&self, id: i64) -> impl Future<Output = Result<Self::Row, Cause>> + Send;

    /// The id in a row.
    fn id(row: &Self::Row) -> i64;
}

/// A contender whose type does not matter any more.
pub(crate) struct Entrant {
    pub(crate) name: &'static str,
    pub(crate) label: &'static str,
    read: Box<dyn Fn(usize, usize) -> BoxFuture<'static, Result<Duration>> + Send + Sync>,
}

impl Entrant {
    /// Every read runs in the contender's own types: only a whole round is a boxed future.
    fn new<C: Contender>(name: &'static str, label: &'static str, contender: C) -> Self {
        let contender = Arc::new(contender);
        let read = move |tasks, each| -> BoxFuture<'static, Result<Duration>> {
            Box::pin(read_all(name, Arc::clone(&contender), tasks, each))
        };
        Self {
            name,
            label,
            read: Box::new(read),
        }
    }

    /// Lets so many tasks read so many rows each; how long that took.
    pub(crate) async fn read(&self, tasks: usize, each: usize) -> Result<Duration> {
        (self.read)(tasks, each).await
    }
}

async fn read_all<C: Contender>(
    name: &'static str,
    contender: Arc<C>,
    tasks: usize,
    each: usize,
) -> Result<Duration> {
    let began = Instant::now();
    let running: Vec<_> = (0..tasks)
        .map(|task| {
            let contender = Arc::clone(&contender);
            // The same rows for every contender.
            let mut random = fastrand::Rng::with_seed(task as u64);
            tokio::spawn(async move {
                for _ in 0..each {
                    let id = random.i64(1..=ROWS);
                    let row = contender.read(id).await;
                    let row = row.map_err(|cause| Error::Read(name, cause))?;
                    if C::id(black_box(&row)) != id {
                        return Err(Error::WrongRow(name));
                    }
                }
                Ok(())
            })
        })
        .collect();
    for task in running {
        task.await.map_err(|_| Error::Panicked)??;
    }
    Ok(began.elapsed())
}

/// Opens the pools of all contenders that are wanted.
pub(crate) async fn open(fixture: &Fixture, options: &Options) -> Result<Vec<Entrant>> {
    let url = &fixture.url;
    let mut entrants = larder::open(url).await?;
    entrants.extend(diesel_async::open(url).await?);
    entrants.extend(sqlx::open(url).await?);
    entrants.extend(sea_orm::open(url).await?);
    entrants.extend(tokio_postgres::open(url).await?);
    for name in &options.only {
        if !entrants.iter().any(|entrant| entrant.name == name) {
            let names: Vec<_> = entrants.iter().map(|entrant| entrant.name).collect();
            return Err(Error::NoContender(name.clone(), names.join(", ")));
        }
    }
    if !options.only.is_empty() {
        entrants.retain(|entrant| options.only.iter().any(|name| name == entrant.name));
    }
    Ok(entrants)
}

/// An error of opening, with the name of the contender.
fn opening<E: Into<Cause>>(name: &'static str) -> impl FnOnce(E) -> Error {
    move |error| Error::Open(name, error.into())
}
