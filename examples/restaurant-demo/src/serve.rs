//! Serving the restaurants after the report, until somebody has seen enough.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use larder::Larder;
use larder::config::{LoggingConfig, Source};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::net::TcpListener;

use crate::error::Error;
use crate::reads::Reads;

/// Where to serve if nobody says.
const PORT: u16 = 8080;

/// A place to serve at.
pub(crate) struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    /// Takes the port; without one 8080, or where that is taken, any.
    pub(crate) async fn bind(port: Option<u16>) -> Result<Self, Error> {
        let listen = async |port| {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            let bound = TcpListener::bind(address).await;
            bound.map_err(|error| Error::Listen(address, error))
        };
        let listener = match port {
            Some(port) => listen(port).await?,
            None => match listen(PORT).await {
                Err(Error::Listen(_, error)) if error.kind() == io::ErrorKind::AddrInUse => {
                    listen(0).await?
                }
                bound => bound?,
            },
        };
        let address = listener.local_addr().map_err(Error::Serve)?;
        Ok(Self { listener, address })
    }

    /// Serves until Ctrl-C, and says where and what to try.
    pub(crate) async fn serve(
        self,
        larder: &Larder,
        reads: &Reads,
        json: bool,
    ) -> Result<(), Error> {
        // From here on there may be errors that a client is not told.
        larder::init_tracing(&logging(larder)?)?;
        let guest = restaurant_api::guest(larder).await?;
        let dashboard = larder.admin_address();
        let invitation = invitation(self.address, dashboard, reads, guest.id.0);
        if json {
            // Standard output has the report and nothing else.
            eprint!("{invitation}");
        } else {
            print!("{invitation}");
        }
        let signal = restaurant_api::shutdown_signal();
        restaurant_api::serve(self.listener, larder.clone(), signal)
            .await
            .map_err(Error::Serve)
    }
}

/// Warnings and errors alone, unless somebody has set the level.
fn logging(larder: &Larder) -> Result<LoggingConfig, Error> {
    let level = larder.config().setting("logging.level");
    if level.is_none_or(|level| matches!(level.source, Source::Profile(_))) {
        let quiet = Larder::builder().set("logging.level", "warn").load()?;
        return Ok(quiet.logging);
    }
    Ok(larder.config().logging.clone())
}

/// Three things to try, and where to watch.
fn invitation(
    address: SocketAddr,
    dashboard: Option<SocketAddr>,
    reads: &Reads,
    guest: i64,
) -> String {
    let dashboard = dashboard.map_or_else(String::new, |dashboard| {
        format!("Dashboard http://{dashboard}/dashboard\n")
    });
    let url = format!("http://{address}");
    let (latitude, longitude) = (reads.place.latitude(), reads.place.longitude());
    let word = utf8_percent_encode(&reads.word, NON_ALPHANUMERIC);
    let (path, body) = match reads.near.first() {
        Some(near) => (
            format!("/restaurants/{}/reviews", near.restaurant.id),
            format!(r#"{{"user_id": {guest}, "rating": 5}}"#),
        ),
        None => (
            "/restaurants".to_owned(),
            r#"{"name": "Harbor Noodle House"}"#.to_owned(),
        ),
    };
    format!(
        "Serving   {url} until Ctrl-C. Try\n          \
         curl '{url}/restaurants/nearby?latitude={latitude:.6}&longitude={longitude:.6}&radius_km=2&limit=5'\n          \
         curl '{url}/restaurants/search?q={word}&limit=5'\n          \
         curl {url}{path} -H 'Content-Type: application/json' -d '{body}'\n\
         {dashboard}"
    )
}
