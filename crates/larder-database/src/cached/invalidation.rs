//! Invalidating by hand, for what Larder cannot see.

use larder_cache::{Cause, Dependency, Touched, TransactionId};
use larder_sql::catalog::{TableId, WriteSet};
use larder_sql::classify;

use crate::coherence::{CatalogState, written_dependencies};
use crate::fleet::apply;
use crate::sql::sql;
use crate::{Database, Error};

/// Makes cached results go that something else than a write through Larder has made wrong;
/// made by [`Database::invalidate`]. Each takes effect at once in this process, also for loads that
/// are under way, and within `cache.max_staleness` in all others; it costs the same however much is
/// cached.
#[derive(Debug)]
pub struct Invalidation<'a> {
    database: &'a Database,
}

impl Invalidation<'_> {
    /// Results that carry this tag.
    ///
    /// # Errors
    ///
    /// If the other processes cannot be told, because the server does not answer. Here it has
    /// taken effect all the same.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it has taken effect everywhere or nowhere.
    pub async fn tag(&self, tag: &str) -> Result<(), Error> {
        let touched = Touched::dependencies([Dependency::tag(tag)]);
        self.all_of(touched, Cause::Tag).await
    }

    /// Results of this service.
    ///
    /// # Errors
    ///
    /// As [`tag`](Self::tag).
    ///
    /// # Cancel safety
    ///
    /// As [`tag`](Self::tag).
    pub async fn service(&self, service: &str) -> Result<(), Error> {
        let touched = Touched::dependencies([Dependency::service(service)]);
        self.all_of(touched, Cause::Service).await
    }

    /// Results whose readable name matches a pattern, in which `*` stands for any characters:
    /// `restaurants:nearby:*`. A decorated function that was given such a result keeps its own, which
    /// has another name.
    ///
    /// # Errors
    ///
    /// As [`tag`](Self::tag).
    ///
    /// # Cancel safety
    ///
    /// As [`tag`](Self::tag).
    pub async fn matching(&self, pattern: &str) -> Result<(), Error> {
        self.all_of(Touched::pattern(pattern), Cause::Pattern).await
    }

    /// All results.
    ///
    /// # Errors
    ///
    /// As [`tag`](Self::tag).
    ///
    /// # Cancel safety
    ///
    /// As [`tag`](Self::tag).
    pub async fn everything(&self) -> Result<(), Error> {
        self.all_of(Touched::everything(), Cause::Everything).await
    }

    /// Results that depend on a table, as if a row had been inserted: those of its partitions
    /// and parents too. The name is written as in SQL: `orders`, `shop.orders`, `"Orders"`.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownTable`] if there is no such table; otherwise as [`tag`](Self::tag).
    ///
    /// # Cancel safety
    ///
    /// As [`tag`](Self::tag).
    pub async fn table(&self, name: &str) -> Result<(), Error> {
        let touched = self.database.touched_by_table(name).await?;
        self.all_of(touched, Cause::Table).await
    }

    /// At once here, and through the log in the other processes.
    pub(super) async fn all_of(&self, touched: Touched, cause: Cause) -> Result<(), Error> {
        let inner = self.database.inner();
        let Some(fleet) = &inner.fleet else {
            apply(&inner.cache, &touched, cause);
            return Ok(());
        };
        let written = async {
            let mut session = inner.pool.session().await?;
            let row = sql(fleet.row(&touched));
            row.fetch_scalar_on::<String>(&mut session).await
        };
        match written.await.map(|transaction| transaction.parse()) {
            Ok(Ok(transaction)) => {
                fleet.committed(&inner.cache, &touched, TransactionId(transaction), cause);
                Ok(())
            }
            outcome => {
                apply(&inner.cache, &touched, cause);
                outcome.map(drop)
            }
        }
    }
}

impl Database {
    /// What a write to a table touches of which no more is known.
    pub(super) async fn touched_by_table(&self, name: &str) -> Result<Touched, Error> {
        Ok(touched_by(self.written_with(name).await?.1))
    }

    /// The same by what is known of the catalog; `None` if the table is not.
    pub(super) fn touched_by_known_table(&self, name: &str) -> Option<Touched> {
        let state = self.inner().picture.current()?;
        let (_, writes) = inserted(&state, name)?;
        Some(touched_by(writes))
    }

    /// The object id of a table, and what a row inserted into it would change: at least the table
    /// itself.
    pub(crate) async fn written_with(&self, name: &str) -> Result<(u32, WriteSet), Error> {
        let inner = self.inner();
        let mut looked_again = false;
        loop {
            let Some(state) = inner.picture_that_holds().await? else {
                return Err(Error::Catalog {
                    reason: "definitions change faster than they can be read".to_owned(),
                });
            };
            let Some((found, writes)) = inserted(&state, name) else {
                if looked_again {
                    return Err(Error::UnknownTable(name.to_owned()));
                }
                looked_again = true;
                inner.look_at_catalog().await?;
                continue;
            };
            return Ok((found.0, writes));
        }
    }
}

/// The table of this name, and what a row inserted into it would change; `None` if there is none.
fn inserted(state: &CatalogState, name: &str) -> Option<(TableId, WriteSet)> {
    // Read as SQL, so that the name means what it would mean there.
    let insert = classify(&format!("INSERT INTO {name} DEFAULT VALUES"));
    let [table] = &*insert.writes else {
        return None;
    };
    let found = state.catalog.find(table)?;
    let writes = match state.catalog.writes(&insert) {
        // What is read under this name but never written, such as a view.
        WriteSet::Nothing => WriteSet::Tables([found].into()),
        writes => writes,
    };
    Some((found, writes))
}

fn touched_by(writes: WriteSet) -> Touched {
    match writes {
        WriteSet::Everything(_) => Touched::everything(),
        WriteSet::Tables(tables) => Touched::dependencies(written_dependencies(tables)),
        WriteSet::Nothing => Touched::default(),
    }
}

impl Database {
    /// Makes cached results go by hand. Writes through Larder do it by themselves.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example(db: larder_database::Database) -> Result<(), larder_database::Error> {
    /// db.invalidate().tag("menu:7").await?;
    /// db.invalidate().matching("restaurants:nearby:*").await?;
    /// db.invalidate().table("menus").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn invalidate(&self) -> Invalidation<'_> {
        Invalidation { database: self }
    }
}
