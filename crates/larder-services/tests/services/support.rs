//! What the tests share: a database with its service, and restaurants to put there.

use larder_database::Database;
use larder_services::analytics::AnalyticsService;
use larder_services::restaurants::{NewRestaurant, Restaurant, RestaurantService};
use larder_services::reviews::{NewReview, Rating, ReviewService, ReviewStatus};
use larder_services::users::{NewUser, PasswordHash, User, UserService};
use larder_services::{Error, ErrorKind, HasService, MIGRATIONS, RestaurantId, ReviewId, UserId};
use larder_testing::TestDatabase;

/// A database of its own for a test, with the services on it.
pub(crate) struct Services {
    pub(crate) test: TestDatabase,
    pub(crate) restaurants: RestaurantService,
    pub(crate) users: UserService,
    pub(crate) reviews: ReviewService,
    pub(crate) analytics: AnalyticsService,
}

impl Services {
    pub(crate) async fn start() -> Self {
        let test = TestDatabase::create(MIGRATIONS).await.unwrap();
        let database = test.database().clone();
        Self {
            restaurants: RestaurantService::new(database.clone()),
            users: UserService::new(database.clone()),
            reviews: ReviewService::new(database.clone()),
            analytics: AnalyticsService::new(database),
            test,
        }
    }

    /// Puts the services on a pool of a test's own.
    pub(crate) fn put_on(&mut self, database: Database) {
        self.restaurants = RestaurantService::new(database.clone());
        self.users = UserService::new(database.clone());
        self.reviews = ReviewService::new(database.clone());
        self.analytics = AnalyticsService::new(database);
    }

    pub(crate) fn database(&self) -> &Database {
        self.restaurants.service().database()
    }

    pub(crate) async fn create(&self, new: NewRestaurant) -> RestaurantId {
        self.restaurants.create(new).await.unwrap().id
    }

    /// A user with a name, at example.com.
    pub(crate) async fn user(&self, name: &str) -> User {
        self.users.create(user(name)).await.unwrap()
    }

    /// A review with a rating, as moderation left it.
    pub(crate) async fn review(
        &self,
        restaurant: RestaurantId,
        by: UserId,
        rating: i16,
        status: ReviewStatus,
    ) -> ReviewId {
        let new = NewReview {
            status,
            ..NewReview::rated(restaurant, by, Rating::new(rating).unwrap())
        };
        self.reviews.add(new).await.unwrap().id
    }

    /// A number from the database.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        self.database().sql(sql).fetch_scalar().await.unwrap()
    }

    pub(crate) async fn run_sql(&self, sql: impl Into<String>) {
        self.database().sql(sql).execute().await.unwrap();
    }
}

pub(crate) fn at(name: &str, latitude: f64, longitude: f64) -> NewRestaurant {
    NewRestaurant {
        latitude: Some(latitude),
        longitude: Some(longitude),
        ..NewRestaurant::named(name)
    }
}

pub(crate) fn user(name: &str) -> NewUser {
    let hash = PasswordHash::new(format!("hash of {name}")).unwrap();
    NewUser::new(name, format!("{name}@example.com"), hash).unwrap()
}

/// Checks that what was looked for is said to be missing, with its key.
pub(crate) fn assert_not_found<T: std::fmt::Debug>(
    outcome: Result<T, Error>,
    what: &str,
    key: impl ToString,
) {
    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    match error {
        Error::NotFound {
            what: missing,
            key: missing_key,
        } => {
            assert_eq!((missing, missing_key), (what, key.to_string()));
        }
        other => panic!("{other:?}"),
    }
}

pub(crate) fn names(restaurants: &[Restaurant]) -> Vec<&str> {
    restaurants
        .iter()
        .map(|found| found.name.as_str())
        .collect()
}
