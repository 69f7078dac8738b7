//! A restaurant directory over HTTP: what a service on Larder looks like.
//!
//! It stands on the facade `larder` alone. [`router`] is the API, [`serve`] runs it until it is told
//! to stop, and the handlers, in `routes`, are a few lines each:
//!
//! ```no_run
//! use larder::prelude::*;
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let larder = Larder::from_env().await?;
//! larder.migrate().await?;
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//! restaurant_api::serve(listener, larder.clone(), restaurant_api::shutdown_signal()).await?;
//! larder.shutdown().await?;
//! # Ok(())
//! # }
//! ```
//!
//! | route | answer |
//! |---|---|
//! | `GET /restaurants/nearby?latitude&longitude&radius_km&limit` | the restaurants around a place, nearest first |
//! | `GET /restaurants/search?q&limit&offset` | those that a text finds, best first |
//! | `GET /restaurants/{id}` | one, with what its reviews say |
//! | `POST /restaurants` | 201 and the new restaurant |
//! | `GET /restaurants/{id}/reviews?limit&offset` | its reviews, newest first |
//! | `POST /restaurants/{id}/reviews` | 201 and the new review |
//! | `GET /statistics` | what this process has done |
//! | `GET /health` | 200, or 503 where it should get no requests |
//! | `GET /metrics` | the same for Prometheus |
//!
//! Every error has one shape, `{"error": {"kind", "message", "field"}}`, and says what would be
//! right. What is wrong with a request is found before the database hears of it. Only what the HTTP
//! library cannot read as a request, such as one whose URL has more than 65,534 bytes, gets a bare
//! status from there; and a bad `/health` is a report, not an error.
//!
//! There is no log-in: whoever writes a review says as whom, and nobody moderates. A service for
//! the public has both.

mod errors;
mod extract;
mod guest;
mod inputs;
mod router;
mod routes;
mod server;

pub use crate::guest::guest;
pub use crate::router::{MAX_BODY, MAX_URL, router};
pub use crate::server::{DRAIN, serve, shutdown_signal};
