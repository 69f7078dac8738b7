//! The service that makes statistics.

use std::sync::Arc;
use std::time::Duration;

use larder_database::Database;
use larder_macros::operation;

use super::{DirectoryStatistics, PopularCuisines, RestaurantStatistics, all, restaurant};
use crate::error::Result;
use crate::ids::RestaurantId;
use crate::service::{HasService, Service};

/// How long statistics are good for, unless somebody writes.
const TTL: Duration = Duration::from_mins(10);

/// Makes statistics over restaurants and their reviews. Clones share the same database.
///
/// ```no_run
/// use larder_services::RestaurantId;
/// use larder_services::analytics::AnalyticsService;
///
/// # async fn example(database: larder_database::Database) -> larder_services::Result<()> {
/// let analytics = AnalyticsService::new(database);
/// if let Some(one) = analytics.of_restaurant(RestaurantId(7)).await? {
///     println!("{} of {} reviews are positive", one.positive_count, one.review_count);
/// }
/// let all = analytics.of_all().await?;
/// for cuisine in &*analytics.popular_cuisines().limit(5).load().await? {
///     println!("{}: {} of {}", cuisine.cuisine, cuisine.restaurant_count, all.restaurant_count);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct AnalyticsService {
    service: Service,
}

impl HasService for AnalyticsService {
    fn service(&self) -> &Service {
        &self.service
    }
}

impl AnalyticsService {
    /// The service on a database that has the migrations of [`MIGRATIONS`](crate::MIGRATIONS).
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self {
            service: Service::new(database, "analytics"),
        }
    }

    /// What the reviews of a restaurant say, whatever its status; none where there is no such
    /// restaurant or it is deleted. Kept for ten minutes.
    ///
    /// # Errors
    /// [`ErrorKind::Database`](crate::ErrorKind::Database) where the database fails.
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    #[operation("of_restaurant")]
    pub async fn of_restaurant(
        &self,
        id: RestaurantId,
    ) -> Result<Option<Arc<RestaurantStatistics>>> {
        let read = self.service.cached("of_restaurant", restaurant::query(id));
        Ok(read.ttl(TTL).first().await?)
    }

    /// All active restaurants and their reviews, in numbers of the same moment. Kept for ten
    /// minutes.
    ///
    /// # Errors
    /// [`ErrorKind::Database`](crate::ErrorKind::Database) where the database fails.
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    #[operation("of_all")]
    pub async fn of_all(&self) -> Result<Arc<DirectoryStatistics>> {
        let read = self.service.cached("of_all", all::query());
        let all = read.ttl(TTL).first().await?;
        // Counts are one row, over nothing too.
        Ok(all.ok_or(larder_database::Error::NotFound)?)
    }

    /// The cuisines with the most active restaurants: 10 unless said otherwise.
    pub fn popular_cuisines(&self) -> PopularCuisines {
        PopularCuisines::new(self.service.clone())
    }
}
