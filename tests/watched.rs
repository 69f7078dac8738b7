//! An instance on a database of the test's own, and what it logs.

use std::io::Write;
use std::sync::{Arc, Mutex};

use larder::LarderBuilder;
use larder::prelude::*;
use larder_services::MIGRATIONS;
use larder_testing::TestDatabase;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::EnvFilter;

/// A builder for an instance on this database, in dev, that sees nothing of the process.
pub(crate) fn on(test: &TestDatabase) -> LarderBuilder {
    let variables = vec![("DATABASE_URL".to_owned(), test.url().to_owned())];
    Larder::builder()
        .profile(Profile::Dev)
        .load_with(|loader| loader.no_file().environment(variables))
}

/// A migrated database, and an instance on it.
pub(crate) async fn start() -> (TestDatabase, Larder) {
    let test = TestDatabase::create(MIGRATIONS).await.unwrap();
    let larder = on(&test).start().await.unwrap();
    (test, larder)
}

/// What is logged on this thread.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Listens for as long as the guard lives, to what the filter lets pass.
    pub(crate) fn listen(filter: &str) -> (Self, DefaultGuard) {
        let log = Self::default();
        let copy = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new(filter))
            .with_ansi(false)
            .with_writer(move || copy.clone())
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
