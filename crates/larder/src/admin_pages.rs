//! The pages of an instance: mounted by the service, or at an address of their own.

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use larder_admin::axum::Router;
use larder_admin::{Admin, AdminParts};
use larder_config::{Config, Source};
use larder_database::Database;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use crate::watch::Watch;
use crate::{DatabaseKind, Larder};

/// The pages of an instance, made when they are first wanted: until then nothing is sampled.
pub(crate) struct AdminPages {
    parts: AdminParts,
    made: Mutex<Made>,
    server: OnceLock<Server>,
}

/// What became of the pages.
#[derive(Default)]
struct Made {
    admin: Option<Admin>,
    /// Those that are made after it are stopped from their start.
    is_stopped: bool,
}

/// The pages at an address of their own.
struct Server {
    address: SocketAddr,
    task: AbortHandle,
}

impl AdminPages {
    pub(crate) fn new(
        config: &Config,
        database: &Database,
        kind: DatabaseKind,
        watch: &Watch,
    ) -> Self {
        Self {
            parts: AdminParts {
                config: config.admin.clone(),
                profile: config.profile(),
                database_kind: kind.as_str(),
                database: database.clone(),
                monitor: watch.monitor.clone(),
                exporter: watch.exporter.clone(),
                since: watch.since,
                runtime: Handle::current(),
            },
            made: Mutex::default(),
            server: OnceLock::new(),
        }
    }

    fn pages(&self) -> Admin {
        let mut made = self.made();
        let is_stopped = made.is_stopped;
        let admin = made
            .admin
            .get_or_insert_with(|| Admin::new(self.parts.clone()))
            .clone();
        if is_stopped {
            admin.stop();
        }
        admin
    }

    /// The instance is shut down.
    pub(crate) fn stop(&self) {
        let mut made = self.made();
        made.is_stopped = true;
        if let Some(admin) = &made.admin {
            admin.stop();
        }
    }

    fn made(&self) -> MutexGuard<'_, Made> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for AdminPages {
    fn drop(&mut self) {
        self.stop();
        if let Some(server) = self.server.get() {
            server.task.abort();
        }
    }
}

/// Takes the address of the settings, where the pages are to be served. Who has not set the
/// address may get another port: a second process of a developer is no fault.
pub(crate) async fn bind(config: &Config) -> crate::Result<Option<TcpListener>> {
    if !config.admin.enabled {
        return Ok(None);
    }
    let address = config.setting("admin.address");
    let is_built_in = address.is_none_or(|address| matches!(address.source, Source::Profile(_)));
    let listener = larder_admin::bind(config.admin.address, is_built_in).await?;
    Ok(Some(listener))
}

impl Larder {
    /// Serves the pages at the address of the settings.
    pub(crate) fn serve_admin(&self, listener: TcpListener) {
        // A listener that is there has an address.
        let Ok(address) = listener.local_addr() else {
            return;
        };
        let pages = self.admin_pages();
        let admin = pages.pages();
        let task = tokio::spawn(async move {
            if let Err(error) = admin.serve(listener).await {
                tracing::error!(%error, "failed to serve the admin pages");
            }
        });
        let task = task.abort_handle();
        if let Err(second) = pages.server.set(Server { address, task }) {
            second.task.abort();
        }
        tracing::info!("dashboard at http://{address}/dashboard");
    }

    /// The pages of this instance as an axum router: `/livez`, `/readyz`, `/healthz`, `/metrics`,
    /// `/dashboard` and a JSON API beneath it, to be mounted in the service's own server. All of
    /// them are answered from memory. From the first call on, the counters are read each second.
    ///
    /// Without the setting `admin.token` they answer only programs of this machine, which ask for it
    /// by a name of its own, such as `localhost`. Then the service's router must be served with
    /// `into_make_service_with_connect_info::<SocketAddr>()`, as below: where the pages do not know
    /// who asks, they refuse everything but `/livez` and `/readyz`. Behind a proxy set the token.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use std::net::SocketAddr;
    ///
    /// use larder::admin::axum::{self, Router};
    /// use tokio::net::TcpListener;
    ///
    /// # async fn example(larder: larder::Larder) -> std::io::Result<()> {
    /// let app: Router = Router::new().nest("/internal", larder.admin_router());
    /// let app = app.into_make_service_with_connect_info::<SocketAddr>();
    /// axum::serve(TcpListener::bind("0.0.0.0:8080").await?, app).await
    /// # }
    /// ```
    pub fn admin_router(&self) -> Router {
        self.admin_pages().pages().router()
    }

    /// Where the pages are served, if they are at an address of their own (`admin.enabled`).
    pub fn admin_address(&self) -> Option<SocketAddr> {
        Some(self.admin_pages().server.get()?.address)
    }
}
