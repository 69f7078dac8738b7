//! The handlers, a file per subject.

pub(crate) mod observation;
pub(crate) mod restaurants;
pub(crate) mod reviews;
