//! Making a connection: the one place that knows how to reach the server.
//!
//! A [`Search`] goes through the hosts of the options and their addresses. For each it makes
//! an attempt, which is a dial, TLS, a login and the setup of the session. What failed is
//! told by how far the attempt came ([`stage::Progress`]) and by the types of the errors.

mod attempt;
mod cancel;
mod driver;
mod explain;
mod search;
mod stage;

use std::sync::Arc;

use futures::future::BoxFuture;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Error;
use crate::connect_options::{ConnectOptions, PoolerMode, Target};
use crate::connection::{Connection, Shared, StatementTimeout, TransactionDefaults, Watch};
use crate::lanes::Replies;
use crate::observer::Observer;
use crate::tls::{TlsMode, TlsSource};
use search::Search;

pub(crate) use cancel::Route;

/// Makes connections by one set of options and looks after the tasks that drive them.
#[derive(Clone)]
pub(crate) struct Connector {
    options: Arc<ConnectOptions>,
    target: Target,
    tls: Option<TlsSource>,
    shared: Shared,
    /// The SQL with which a session begins.
    setup: Arc<str>,
    /// What each transaction gets instead, behind a pooler in transaction mode.
    defaults: Option<TransactionDefaults>,
    drivers: TaskTracker,
    sever: CancellationToken,
    /// Cuts off the connections apart; `sever` does so too.
    sever_apart: CancellationToken,
    on_notification: Option<Arc<OnNotification>>,
    /// Who takes the answers of a connection that many share.
    replies: Option<Arc<Replies>>,
}

/// Told the channel and the payload of a notification.
type OnNotification = dyn Fn(&str, &str) + Send + Sync;

impl Connector {
    /// # Errors
    ///
    /// [`Error::Options`] if a file with a certificate or a key cannot be used, or if the
    /// options do not fit a pooler.
    pub(crate) fn new(options: ConnectOptions, watch: Arc<Watch>) -> Result<Self, Error> {
        refuse_startup_options(&options)?;
        let tls = match options.tls.mode {
            TlsMode::Disable => None,
            _ => Some(TlsSource::new(&options.tls)?),
        };
        let sever = CancellationToken::new();
        Ok(Self {
            target: options.target(),
            tls,
            setup: options.setup().into(),
            defaults: options.transaction_defaults(),
            shared: Shared {
                types: Arc::default(),
                results: Arc::default(),
                watch,
                statement_timeout: StatementTimeout::of(&options),
            },
            options: Arc::new(options),
            drivers: TaskTracker::new(),
            sever_apart: sever.child_token(),
            sever,
            on_notification: None,
            replies: None,
        })
    }

    /// The same, with more settings and with words behind the name by which the server lists
    /// its connections.
    pub(crate) fn with_settings(&self, settings: Vec<(String, String)>, suffix: &str) -> Self {
        let mut options = (*self.options).clone();
        options.settings.extend(settings);
        let name = options.server.get_application_name();
        let name = format!("{}{suffix}", name.unwrap_or("larder"));
        options.server.application_name(&name);
        Self {
            setup: options.setup().into(),
            defaults: options.transaction_defaults(),
            options: Arc::new(options),
            ..self.clone()
        }
    }

    /// The same, for one connection whose answers are taken there.
    pub(crate) fn answering_to(&self, replies: Arc<Replies>) -> Self {
        Self {
            replies: Some(replies),
            ..self.clone()
        }
    }

    /// The same, for connections beside the pool that nobody observes, with further settings.
    pub(crate) fn apart(
        &self,
        settings: &[(&str, &str)],
        on_notification: Arc<OnNotification>,
    ) -> Self {
        let watch = Watch::new(&self.shared.watch.pool, Observer::default());
        let mut options = ConnectOptions::clone(&self.options);
        for (name, value) in settings {
            options = options.setting(*name, *value);
        }
        let statement_timeout = StatementTimeout::of(&options);
        Self {
            setup: options.setup().into(),
            defaults: options.transaction_defaults(),
            options: Arc::new(options),
            shared: Shared {
                watch,
                statement_timeout,
                ..self.shared.clone()
            },
            sever: self.sever_apart.clone(),
            on_notification: Some(on_notification),
            ..self.clone()
        }
    }

    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// The SQL with which a session begins.
    pub(crate) fn setup(&self) -> &str {
        &self.setup
    }

    /// What stands between us and the server.
    pub(crate) fn pooler(&self) -> PoolerMode {
        self.options.pooler
    }

    pub(crate) fn sends_cancel_requests(&self) -> bool {
        self.options.cancel_requests
    }

    /// Whether a connection may be cut off while the server works for it. The embedded
    /// database, which takes no requests to cancel, ends when its connection breaks.
    pub(crate) fn may_sever(&self) -> bool {
        self.options.cancel_requests
    }

    /// Connects, logs in and sets up. Bounded by `connect_timeout`.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it leaves nothing behind but a half-open socket that closes by itself.
    // Of one type for all: what is around it, up to the futures of users, would otherwise name
    // everything down to the socket, which is more than the compiler follows.
    pub(crate) fn connect(&self) -> BoxFuture<'_, Result<Connection, Error>> {
        Box::pin(async {
            let observer = &self.shared.watch.observer;
            let started = Instant::now();
            let error = match Search::new(self).run().await {
                Ok(connection) => {
                    observer.tell(|observer| observer.connected(started.elapsed()));
                    return Ok(connection);
                }
                Err(error) => Arc::new(error),
            };
            observer.tell(|observer| observer.connect_failed(&error));
            Err(Error::Connect(error))
        })
    }

    /// Waits until every connection is closed, which needs them to be dropped first.
    ///
    /// # Cancel safety
    ///
    /// May be dropped and called again.
    pub(crate) async fn closed(&self) {
        self.drivers.close();
        self.drivers.wait().await;
    }

    /// Closes the sockets of all connections at once.
    pub(crate) fn sever_all(&self) {
        self.sever.cancel();
    }

    /// Closes the sockets of the connections apart at once.
    pub(crate) fn sever_apart(&self) {
        self.sever_apart.cancel();
    }
}

/// Such a pooler refuses the startup parameter `options`, and with it the connection.
fn refuse_startup_options(options: &ConnectOptions) -> Result<(), Error> {
    let has_options = options.server.get_options().is_some();
    if options.pooler == PoolerMode::Transaction && has_options {
        return Err(Error::Options(
            "the URL has the parameter `options`, which a pooler in transaction mode \
             (database.pooler = transaction) does not take: give these as settings of the \
             session, which Larder sends with each transaction"
                .to_owned(),
        ));
    }
    Ok(())
}
