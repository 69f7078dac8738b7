//! Reviews: what users say about restaurants.
//!
//! [`ReviewService`] finds and writes them; [`Review`], [`NewReview`] and [`ReviewChanges`] are
//! the rows, as they are read and as they are written.
//!
//! Only approved reviews are shown, counted and averaged, here and everywhere.

mod average;
mod changes;
mod model;
mod of_restaurant;
#[cfg(test)]
mod plans;
mod rating;
mod service;

pub use changes::ReviewChanges;
pub use model::{NewReview, Review, ReviewStatus};
pub use of_restaurant::{PublishedReview, Reviewer, ReviewsOfRestaurant};
pub use rating::Rating;
pub use service::ReviewService;

pub(crate) use average::AverageRating;
pub(crate) use model::check_texts;
