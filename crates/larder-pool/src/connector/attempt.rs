//! One attempt at one address: dial, TLS, login, the kind of the server, setup.

use std::sync::Arc;
use std::time::Instant;

use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

use super::explain::{Failure, Phase};
use super::search::Search;
use super::stage::{Progress, Staged};
use super::{Connector, Route};
use crate::connect_options::{Place, TargetSessionAttrs};
use crate::connection::{Beginning, Connection, Driver, Link, Pooled, SessionSettings};
use crate::tls::TlsMode;

/// What `target_session_attrs` is about. `transaction_read_only` is the default's, as no
/// setting of ours has been made yet.
const KIND_OF_SERVER: &str = "SELECT pg_catalog.pg_is_in_recovery(), \
                              pg_catalog.current_setting('transaction_read_only')";

impl Search<'_> {
    /// Tries an address; what fails is noted.
    pub(super) async fn address(
        &mut self,
        name: &str,
        place: &Place,
        config: &Config,
        wanted: TargetSessionAttrs,
    ) -> Option<Connection> {
        let mode = match self.connector.options.tls.mode {
            TlsMode::Disable => SslMode::Disable,
            // libpq knows no TLS on sockets of the same machine.
            _ if place.is_socket() => SslMode::Disable,
            TlsMode::Prefer => SslMode::Prefer,
            TlsMode::Require | TlsMode::VerifyCa | TlsMode::VerifyFull => SslMode::Require,
        };
        let first = self.connector.attempt(config, mode, wanted).await;
        let failure = match first {
            Ok(connection) => return Some(connection),
            Err(failure) => failure,
        };
        if mode != SslMode::Prefer || !failure.may_be_due_to_tls() {
            self.note(name, failure);
            return None;
        }
        self.note(format!("{name} with TLS"), failure);
        match self
            .connector
            .attempt(config, SslMode::Disable, wanted)
            .await
        {
            Ok(connection) => Some(connection),
            Err(failure) => {
                self.note(format!("{name} without TLS"), failure);
                None
            }
        }
    }
}

impl Connector {
    async fn attempt(
        &self,
        config: &Config,
        mode: SslMode,
        wanted: TargetSessionAttrs,
    ) -> Result<Connection, Failure> {
        // Before it is known which server it will be.
        let opened = Instant::now();
        let generation = self.shared.watch.generation();
        let mut config = config.clone();
        config.ssl_mode(mode);
        let progress = Progress::default();
        let (client, driver) = self.log_in(&config, &progress).await.map_err(|error| {
            let phase = Phase::of(progress.stage(), mode == SslMode::Require);
            Failure::Connection { error, phase }
        })?;
        let in_session = |error| Failure::Connection {
            error,
            phase: Phase::Login,
        };
        check_kind(&client, wanted).await?;
        let settings = SessionSettings::begin(&client, &self.setup, self.defaults.as_ref())
            .await
            .map_err(in_session)?;
        let settings = self.shared.watch.common_settings(settings);
        tracing::debug!(target = %self.target, "connect");
        let shared = self.shared.clone();
        let answer_timeout = self.options.answer_timeout;
        let pooled = self.defaults.clone();
        let pooled = pooled.map(|defaults| Pooled::new(defaults, Arc::clone(&shared.results)));
        let beginning = Beginning {
            settings,
            pooled,
            generation,
            answer_timeout,
        };
        let link = Link::new(client, shared, beginning, driver);
        Ok(Connection::new(link, opened))
    }

    async fn log_in(
        &self,
        config: &Config,
        progress: &Progress,
    ) -> Result<(Client, Driver), tokio_postgres::Error> {
        match &self.tls {
            Some(tls) if config.get_ssl_mode() != SslMode::Disable => {
                let tls = Staged::new(tls.current().await, progress.clone());
                let (client, connection) = config.connect(tls).await?;
                Ok((client, self.drive(connection, Route::of(config))))
            }
            _ => {
                let tls = Staged::new(NoTls, progress.clone());
                let (client, connection) = config.connect(tls).await?;
                Ok((client, self.drive(connection, Route::of(config))))
            }
        }
    }
}

/// Asks the server what it is, where that matters.
async fn check_kind(client: &Client, wanted: TargetSessionAttrs) -> Result<(), Failure> {
    if wanted == TargetSessionAttrs::Any {
        return Ok(());
    }
    let messages =
        client
            .simple_query(KIND_OF_SERVER)
            .await
            .map_err(|error| Failure::Connection {
                error,
                phase: Phase::Login,
            })?;
    let row = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let (standby, read_only) = row.map_or((None, None), |row| (row.get(0), row.get(1)));
    let (is_standby, is_read_only) = (standby == Some("t"), read_only == Some("on"));
    if wanted.accepts(is_standby, is_read_only) {
        return Ok(());
    }
    let kind = match (is_standby, is_read_only) {
        (true, _) => "a standby",
        (false, true) => "a primary that is read-only",
        (false, false) => "a primary that takes writes",
    };
    Err(Failure::WrongServer(format!(
        "it is {kind}, and target_session_attrs is {}",
        wanted.as_str()
    )))
}
