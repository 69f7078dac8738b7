//! Who may look, and what browsers may do with what they get.
//!
//! - `peer`: who is at the other end of the connection.
//! - `host`: the names by which the pages are asked for.
//! - `secret`: random texts, and comparing without telling where two differ.
//! - `visits`: those who logged in by the form.
//! - `gate`: lets a request in, or says what is missing.
//! - `headers`: what every answer tells the browser.

mod gate;
mod headers;
mod host;
mod peer;
mod secret;
mod visits;

pub(crate) use self::gate::{FOREIGN, Guard, Login, Visitor, let_in};
pub(crate) use self::headers::secured;
