//! A service of a user's own on the base, and what is counted for whom.

use larder_database::Database;
use larder_services::restaurants::{NewRestaurant, RestaurantService};
use larder_services::{Error, HasService, RestaurantId, Result, Service, operation};

use crate::support::Services;

/// Menus, which are kept in the description of a restaurant.
#[derive(Clone)]
struct MenuService {
    service: Service,
    restaurants: RestaurantService,
}

impl HasService for MenuService {
    fn service(&self) -> &Service {
        &self.service
    }
}

impl MenuService {
    fn new(database: Database) -> Self {
        Self {
            restaurants: RestaurantService::new(database.clone()),
            service: Service::new(database, "menus"),
        }
    }

    #[operation("dishes")]
    async fn dishes(&self, restaurant: RestaurantId) -> Result<Vec<String>> {
        let menu = self
            .service
            .database()
            .sql("SELECT coalesce(description, '') FROM restaurants WHERE id = :id")
            .bind("id", restaurant.0);
        let menu: String = menu.fetch_scalar().await?;
        Ok(menu.split_whitespace().map(str::to_owned).collect())
    }

    /// One operation of another service, two of its own.
    #[operation("compare")]
    async fn compare(&self, one: RestaurantId, other: RestaurantId) -> Result<bool> {
        let Some(_) = self.restaurants.by_id(one).await? else {
            return Ok(false);
        };
        Ok(self.dishes(one).await? == self.dishes(other).await?)
    }
}

/// A function beside the service.
#[operation("write")]
async fn write(menus: &MenuService, restaurant: RestaurantId, dishes: &[&str]) -> Result<usize> {
    let menu = dishes.join(" ");
    let written = menus.service.transaction(async |conn| {
        larder_database::sql("UPDATE restaurants SET description = :menu WHERE id = :id")
            .bind("menu", menu.as_str())
            .bind("id", restaurant.0)
            .execute_on(conn)
            .await
    });
    Ok(written.await?)
}

#[tokio::test]
async fn a_service_of_ones_own_counts_what_it_does() {
    let services = Services::start().await;
    let menus = MenuService::new(services.database().clone());
    let [one, other] = [
        services.create(NewRestaurant::named("One")).await,
        services.create(NewRestaurant::named("Other")).await,
    ];
    let before = menus.restaurants.service().statistics();
    write(&menus, one, &["soup", "bread"]).await.unwrap();
    assert_eq!(menus.dishes(one).await.unwrap(), ["soup", "bread"]);
    assert!(!menus.clone().compare(one, other).await.unwrap());
    let error = menus.dishes(RestaurantId(0)).await.unwrap_err();
    assert!(matches!(error, Error::Database(_)), "{error:?}");
    assert!(!menus.compare(RestaurantId(0), other).await.unwrap());

    let counted = menus.service.statistics();
    // write, dishes, compare with two dishes, dishes, compare.
    assert_eq!((counted.calls, counted.errors), (7, 1), "{counted:?}");
    assert!(counted.total_ms > 0.0);
    let restaurants = menus.restaurants.service().statistics();
    assert_eq!(restaurants.calls - before.calls, 2);
    assert_eq!(restaurants.errors, before.errors);
}

#[tokio::test]
async fn a_call_that_is_dropped_is_no_error() {
    let services = Services::start().await;
    let service = Service::new(services.database().clone(), "menus");
    let waiting = service.operation("wait", std::future::pending::<Result<()>>());
    let given_up = tokio::time::timeout(std::time::Duration::from_millis(1), waiting).await;
    assert!(given_up.is_err());
    let counted = service.statistics();
    assert_eq!((counted.calls, counted.errors), (1, 0));
}
