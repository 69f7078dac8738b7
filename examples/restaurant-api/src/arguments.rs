//! The command line.

use std::net::IpAddr;

use clap::Parser;

/// Serves a directory of restaurants over HTTP, as an example of a service on Larder.
///
/// The database is that of DATABASE_URL, whose tables are created where they are missing. Without it
/// PostgreSQL runs inside this program, and nothing is left behind. All other settings are
/// Larder's: LARDER_PROFILE, larder.toml and the environment. Ctrl-C or SIGTERM stops it: requests under
/// way come to their end.
#[derive(Debug, Parser)]
#[command(
    name = "restaurant-api",
    after_help = "Examples:\n  \
        restaurant-api\n  \
        restaurant-api --port 0\n  \
        DATABASE_URL=postgres://me:secret@localhost/restaurants restaurant-api --port 3000\n\n\
        and then:\n  \
        curl http://127.0.0.1:8080/restaurants -H 'Content-Type: application/json' \\\n    \
        -d '{\"name\": \"Harbor Noodle House\", \"latitude\": 25.77, \"longitude\": -80.19}'\n  \
        curl 'http://127.0.0.1:8080/restaurants/nearby?latitude=25.77&longitude=-80.19&radius_km=5'\n  \
        curl 'http://127.0.0.1:8080/restaurants/search?q=noodle'\n  \
        curl http://127.0.0.1:8080/health"
)]
pub(crate) struct Arguments {
    /// Where to listen; 0 takes any free port.
    #[arg(long, env = "RESTAURANT_API_PORT", default_value_t = 8080)]
    pub(crate) port: u16,

    /// Which address to listen on: only this machine's own unless said otherwise. There is no
    /// log-in, so think before you open it to others.
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "RESTAURANT_API_HOST",
        default_value = "127.0.0.1"
    )]
    pub(crate) host: IpAddr,
}
