//! Reviews: what users say about restaurants.

mod model;
mod rating;

pub use model::{NewReview, Review, ReviewStatus};
pub use rating::Rating;
