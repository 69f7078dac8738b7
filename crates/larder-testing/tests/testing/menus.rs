//! The crate that is tested: a service with decorated functions, and its migrations.

use larder::prelude::*;
use larder_testing::diesel_migrations::{self, EmbeddedMigrations, embed_migrations};

/// Three menus of two restaurants.
pub(crate) const MIGRATIONS: EmbeddedMigrations = embed_migrations!("tests/testing/migrations");

type Result<T> = std::result::Result<T, larder::database::Error>;

pub(crate) struct Menus {
    service: Service,
}

impl HasService for Menus {
    fn service(&self) -> &Service {
        &self.service
    }
}

impl Menus {
    pub(crate) fn new(database: &Database) -> Self {
        Self {
            service: Service::new(database.clone(), "menus"),
        }
    }

    /// What all menus of a restaurant cost together: it reads by two statements, one of them cached.
    #[cached(ttl = "10m")]
    pub(crate) async fn total(&self, restaurant: i64) -> Result<i64> {
        let db = self.service.database();
        let most = most(db).await?;
        db.sql("SELECT least(:most, sum(price))::int8 FROM menus WHERE restaurant = :restaurant")
            .bind("most", most * 2)
            .bind("restaurant", restaurant)
            .fetch_scalar()
            .await
    }

    pub(crate) async fn raise(&self, restaurant: i64) -> Result<usize> {
        let db = self.service.database();
        db.sql("UPDATE menus SET price = price + 1 WHERE restaurant = :restaurant")
            .bind("restaurant", restaurant)
            .execute()
            .await
    }
}

/// The highest price, cached.
pub(crate) async fn most(db: &Database) -> Result<i64> {
    db.sql("SELECT max(price) FROM menus")
        .cached()
        .fetch_scalar()
        .await
}

/// A price, cached for a minute.
pub(crate) async fn price(db: &Database, id: i64) -> Result<i64> {
    db.sql("SELECT price FROM menus WHERE id = :id")
        .bind("id", id)
        .cached()
        .fetch_scalar()
        .await
}
