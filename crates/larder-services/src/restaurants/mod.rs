//! Restaurants: what the directory lists.
//!
//! [`RestaurantService`] finds and writes them; [`Restaurant`], [`NewRestaurant`] and
//! [`RestaurantChanges`] are the rows, as they are read and as they are written.

mod by_id;
mod changes;
mod model;
mod nearby;
#[cfg(test)]
mod plans;
mod rules;
mod search;
mod service;

pub use by_id::RestaurantDetail;
pub use changes::RestaurantChanges;
pub use model::{KosherCategory, NewRestaurant, Restaurant, RestaurantStatus};
pub use nearby::{Nearby, RestaurantNearby};
pub use search::Search;
pub use service::RestaurantService;

pub(crate) use service::is_visible;
