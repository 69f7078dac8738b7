//! Invalidating by hand, for what Larder cannot see.

use larder_cache::{Cause, Dependency};
use larder_sql::catalog::WriteSet;
use larder_sql::{QualifiedName, classify};

use crate::{Database, Error};

/// Makes cached results go that something else than a write through Larder has made wrong;
/// made by [`Database::invalidate`]. Each takes effect at once, also for loads that are under
/// way, and costs the same however much is cached.
#[derive(Debug)]
pub struct Invalidation<'a> {
    database: &'a Database,
}

impl Invalidation<'_> {
    /// Results that carry this tag.
    pub fn tag(&self, tag: &str) {
        self.one(Dependency::tag(tag), Cause::Tag);
    }

    /// Results of this service.
    pub fn service(&self, service: &str) {
        self.one(Dependency::service(service), Cause::Service);
    }

    /// Results whose readable name matches a pattern, in which `*` stands for any characters:
    /// `restaurants:nearby:*`.
    pub fn matching(&self, pattern: &str) {
        self.database.inner().cache.invalidate_matching(pattern);
    }

    /// All results.
    pub fn everything(&self) {
        self.database
            .inner()
            .cache
            .invalidate_everything(Cause::Everything);
    }

    /// Results that depend on a table, as if a row had been inserted: those of its partitions
    /// and parents too. The name is written as in SQL: `orders`, `shop.orders`, `"Orders"`.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownTable`] if there is no such table.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time.
    pub async fn table(&self, name: &str) -> Result<(), Error> {
        let inner = self.database.inner();
        let mut looked_again = false;
        loop {
            let Some(state) = inner.picture_that_holds().await? else {
                inner.cache.invalidate_everything(Cause::Table);
                return Ok(());
            };
            // Read as SQL, so that the name means what it would mean there.
            let insert = classify(&format!("INSERT INTO {name} DEFAULT VALUES"));
            let table: Option<&QualifiedName> = match &*insert.writes {
                [table] => Some(table),
                _ => None,
            };
            let Some(table) = table.filter(|table| state.catalog.find(table).is_some()) else {
                if looked_again {
                    return Err(Error::UnknownTable(name.to_owned()));
                }
                looked_again = true;
                inner.look_at_catalog().await?;
                continue;
            };
            match state.catalog.writes(&insert) {
                WriteSet::Tables(tables) => {
                    inner
                        .cache
                        .invalidate(&super::plan::dependencies(&tables), Cause::Table);
                }
                WriteSet::Everything(_) => inner.cache.invalidate_everything(Cause::Table),
                WriteSet::Nothing => {
                    // What is read under this name but never written, such as a view.
                    let tables = state.catalog.find(table);
                    let tables: Vec<_> = tables.into_iter().collect();
                    inner
                        .cache
                        .invalidate(&super::plan::dependencies(&tables), Cause::Table);
                }
            }
            return Ok(());
        }
    }

    fn one(&self, dependency: Dependency, cause: Cause) {
        self.database.inner().cache.invalidate(&[dependency], cause);
    }
}

impl Database {
    /// Makes cached results go by hand. Writes through Larder do it by themselves.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example(db: larder_database::Database) -> Result<(), larder_database::Error> {
    /// db.invalidate().tag("menu:7");
    /// db.invalidate().matching("restaurants:nearby:*");
    /// db.invalidate().table("menus").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn invalidate(&self) -> Invalidation<'_> {
        Invalidation { database: self }
    }
}
