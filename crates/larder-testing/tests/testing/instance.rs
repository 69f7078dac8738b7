//! An instance of Larder, on the embedded database.

use larder::prelude::*;
use larder::services::restaurants::NewRestaurant;
use larder_testing::{ReadOrigin, observe};

#[tokio::test]
async fn the_services_of_an_instance_are_observed() {
    let larder = Larder::builder()
        .profile(Profile::Test)
        .set("cache.enabled", true)
        .load_with(|loader| loader.no_file().environment(Vec::<(String, String)>::new()))
        .start()
        .await
        .unwrap();
    larder.migrate().await.unwrap();
    let created = larder
        .restaurants()
        .create(NewRestaurant::named("Riviera Caterer"))
        .await
        .unwrap();

    let restaurants = larder.restaurants();
    let read = || restaurants.by_id(created.id);
    let first = observe(larder.db(), read()).await;
    first.assert_queries(1).assert_misses(1);
    let second = observe(larder.db(), read()).await;
    second.assert_queries(0);
    second.assert_origins("restaurants:by_id", &[ReadOrigin::Hit]);
    assert_eq!(second.output.unwrap().unwrap().restaurant.id, created.id);
    larder.shutdown().await.unwrap();
}
