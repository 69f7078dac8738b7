//! Restaurants: what the directory lists.

mod model;
mod rules;

pub use model::{KosherCategory, NewRestaurant, Restaurant, RestaurantStatus};
