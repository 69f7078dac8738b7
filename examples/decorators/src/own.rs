//! Larder's own decorators: `#[cached]`, `#[cache_put]` and `#[invalidates]`.

use larder::prelude::*;

use crate::runs;

/// How many dishes restaurants have.
pub(crate) struct Dishes {
    service: Service,
}

impl HasService for Dishes {
    fn service(&self) -> &Service {
        &self.service
    }
}

impl Dishes {
    pub(crate) fn new(database: &Database) -> Self {
        Self {
            service: Service::new(database.clone(), "dishes"),
        }
    }

    /// How many a restaurant has.
    ///
    /// What it reads is seen while it runs, so no table is named. The tag is for what is not seen,
    /// and by its name it shares its results with [`add`](Self::add).
    #[cached(name = "of", ttl = "10m", tags("dishes:{restaurant}"))]
    pub(crate) async fn of(&self, restaurant: i64) -> larder::Result<i64> {
        runs();
        self.count(restaurant).await
    }

    /// Adds one, and tells how many there are now: what [`of`](Self::of) would return, so it is
    /// kept for that.
    #[cache_put(name = "of", ttl = "10m", tags("dishes:{restaurant}"), key(restaurant))]
    pub(crate) async fn add(&self, restaurant: i64, name: &str) -> larder::Result<i64> {
        runs();
        let add = self
            .service
            .database()
            .sql("INSERT INTO example_dishes VALUES (:restaurant, :name)");
        add.bind("restaurant", restaurant)
            .bind("name", name)
            .execute()
            .await?;
        self.count(restaurant).await
    }

    /// Makes what is kept of a restaurant go, when it has returned `Ok`.
    #[invalidates(tags("dishes:{restaurant}"))]
    pub(crate) async fn changed_elsewhere(&self, restaurant: i64) -> larder::Result<()> {
        println!("the dishes of restaurant {restaurant} have changed somewhere else");
        Ok(())
    }

    async fn count(&self, restaurant: i64) -> larder::Result<i64> {
        let count = self
            .service
            .database()
            .sql("SELECT count(*) FROM example_dishes WHERE restaurant = :restaurant");
        Ok(count.bind("restaurant", restaurant).fetch_scalar().await?)
    }
}
