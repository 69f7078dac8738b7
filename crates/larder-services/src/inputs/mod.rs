//! Inputs that are valid once they exist: a service that takes one need not check it again.

mod distance;
mod limit;
mod point;
mod search_term;
mod text;

pub use distance::{Distance, Radius, kilometers, meters};
pub use limit::Limit;
pub use point::Point;
pub use search_term::SearchTerm;

pub(crate) use text::check_text;
