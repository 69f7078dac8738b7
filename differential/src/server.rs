//! The two databases of a run, through a client that is not Larder's.

use std::sync::atomic::{AtomicU32, Ordering};

use url::Url;

use crate::error::{Error, Result};
use crate::judge::Judge;

/// Where PostgreSQL is.
const DATABASE: &str = "LARDER_TEST_DATABASE_URL";

/// A database for Larder and one for the judge, on the same server.
pub(crate) struct Databases {
    server: Url,
    name: String,
}

impl Databases {
    /// Makes them.
    pub(crate) async fn create() -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let text = std::env::var(DATABASE).map_err(|_| {
            let cure =
                format!("{DATABASE} is not set; start this program by cargo xtask differential");
            Error::step("find PostgreSQL", cure)
        })?;
        let server = Url::parse(&text)
            .map_err(|error| Error::step(format!("read the URL in {DATABASE}"), error))?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("larder_differential_{}_{number}", std::process::id());
        let databases = Self { server, name };
        let server = Judge::connect(databases.server.as_str()).await?;
        for name in databases.names() {
            server
                .run(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
                .await?;
            server.run(&format!("CREATE DATABASE {name}")).await?;
        }
        Ok(databases)
    }

    /// Where Larder's is.
    pub(crate) fn of_larder(&self) -> String {
        self.url_of(&self.names()[0])
    }

    /// Where the judge's is.
    pub(crate) fn of_judge(&self) -> String {
        self.url_of(&self.names()[1])
    }

    /// Drops them.
    pub(crate) async fn remove(self) -> Result<()> {
        let server = Judge::connect(self.server.as_str()).await?;
        for name in self.names() {
            server
                .run(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
                .await?;
        }
        Ok(())
    }

    fn names(&self) -> [String; 2] {
        [self.name.clone(), format!("{}_judge", self.name)]
    }

    fn url_of(&self, database: &str) -> String {
        let mut url = self.server.clone();
        url.set_path(database);
        url.into()
    }
}
