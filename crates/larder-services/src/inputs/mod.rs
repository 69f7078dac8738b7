//! Inputs that are valid once they exist: a service that takes one need not check it again.

mod cursor;
mod distance;
mod limit;
mod offset;
mod point;
mod search_term;
mod text;
mod user_texts;

pub use cursor::Cursor;
pub use distance::{Distance, Radius, kilometers, meters};
pub use limit::Limit;
pub use offset::Offset;
pub use point::Point;
pub use search_term::SearchTerm;
pub use user_texts::{DisplayName, Email, Username};

pub(crate) use text::check_text;
