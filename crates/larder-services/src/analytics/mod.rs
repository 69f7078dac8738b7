//! Statistics over restaurants and their reviews, made by [`AnalyticsService`].
//!
//! Only approved reviews count, as everywhere.

mod all;
mod cuisines;
#[cfg(test)]
mod plans;
mod restaurant;
mod service;

pub use all::DirectoryStatistics;
pub use cuisines::{CuisineStatistics, PopularCuisines};
pub use restaurant::RestaurantStatistics;
pub use service::AnalyticsService;
