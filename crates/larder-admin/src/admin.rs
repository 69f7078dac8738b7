//! The set of pages over one instance, and what it needs.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use axum::Router;
use larder_config::{AdminConfig, Profile};
use larder_database::Database;
use larder_health::HealthMonitor;
use larder_metrics::Exporter;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::guard::Guard;
use crate::pages;
use crate::sampler::Sampler;
use crate::server::{self, Limits};
use crate::shared_page::SharedPage;

/// What the pages show, and how they are kept.
#[derive(Debug, Clone)]
pub struct AdminParts {
    /// The section `admin` of the settings.
    pub config: AdminConfig,
    /// The profile of the instance.
    pub profile: Profile,
    /// Where its database runs, in a word: `server` or `embedded`.
    pub database_kind: &'static str,
    /// The database.
    pub database: Database,
    /// What checks its health.
    pub monitor: HealthMonitor,
    /// What renders metrics; `None` where they are off.
    pub exporter: Option<Exporter>,
    /// When the instance started.
    pub since: Instant,
    /// What runs the sampler.
    pub runtime: Handle,
}

/// The pages of an instance. Clones are the same pages.
///
/// Made, it reads the counters of the instance each second, until the last clone and the last
/// router are gone or it is [stopped](Self::stop).
///
/// # Examples
///
/// ```no_run
/// # async fn example(admin: larder_admin::Admin) -> std::io::Result<()> {
/// use larder_admin::axum::Router;
///
/// // Beside the routes of a service: the dashboard is at /internal/dashboard.
/// let app: Router = Router::new().nest("/internal", admin.router());
/// # drop(app);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Admin(Arc<State>);

/// What the pages share.
pub(crate) struct State {
    pub(crate) parts: AdminParts,
    pub(crate) guard: Guard,
    pub(crate) sampler: Arc<Sampler>,
    /// Places for those who watch live.
    pub(crate) watchers: Arc<Semaphore>,
    /// What they are shown.
    pub(crate) picture: SharedPage,
    /// What scrapers get.
    pub(crate) metrics: SharedPage,
    /// Places for those who gave a wrong token and wait for the answer.
    pub(crate) refused: Semaphore,
    stopped: CancellationToken,
    is_stopped: AtomicBool,
}

impl Admin {
    /// How many may watch live at the same time.
    const MOST_WATCHERS: usize = 64;
    /// How many may wait for the answer to a wrong token at the same time.
    const MOST_REFUSED: usize = 8;

    /// The pages of an instance; starts the sampler.
    #[must_use]
    pub fn new(parts: AdminParts) -> Self {
        let guard = Guard::new(&parts.config);
        let sampler = Sampler::new();
        let stopped = CancellationToken::new();
        let (database, monitor) = (parts.database.clone(), parts.monitor.clone());
        let sampling = Arc::clone(&sampler).run(database, monitor, stopped.clone());
        parts.runtime.spawn(sampling);
        Self(Arc::new(State {
            parts,
            guard,
            sampler,
            watchers: Arc::new(Semaphore::new(Self::MOST_WATCHERS)),
            picture: SharedPage::default(),
            metrics: SharedPage::default(),
            refused: Semaphore::new(Self::MOST_REFUSED),
            stopped,
            is_stopped: AtomicBool::new(false),
        }))
    }

    /// The pages as a router, to be merged or nested into that of a service. The links in them are
    /// relative, so any place will do.
    ///
    /// Without a token they answer only programs of this machine: serve the service's router with
    /// `into_make_service_with_connect_info::<SocketAddr>()`, so that they know who asks. Where they
    /// do not, they refuse everything but `/livez` and `/readyz`.
    pub fn router(&self) -> Router {
        pages::router(Arc::clone(&self.0))
    }

    /// Serves the pages until they are [stopped](Self::stop).
    ///
    /// At most 256 connections are served at the same time, and one that asks for nothing is closed
    /// after 15 seconds.
    ///
    /// # Errors
    ///
    /// None so far: where the system gives no connection, it is tried again.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it takes no new connections; requests under way go on in the background.
    pub async fn serve(self, listener: TcpListener) -> std::io::Result<()> {
        let stopped = self.0.stopped.clone();
        let router = self.router();
        // Not held: the pages end with the instance and not with their server.
        drop(self);
        server::serve(listener, router, stopped, Limits::default()).await;
        Ok(())
    }

    /// The instance is shut down: `/readyz` says so from here on, nothing is sampled any more,
    /// and who watches live is let go.
    pub fn stop(&self) {
        self.0.is_stopped.store(true, Ordering::Release);
        self.0.stopped.cancel();
    }
}

impl State {
    pub(crate) fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Acquire)
    }

    pub(crate) fn stopped(&self) -> &CancellationToken {
        &self.stopped
    }
}

impl Drop for State {
    fn drop(&mut self) {
        // The sampler holds its parts, and not this.
        self.stopped.cancel();
    }
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin")
            .field("config", &self.0.parts.config)
            .field("is_stopped", &self.0.is_stopped())
            .finish_non_exhaustive()
    }
}
