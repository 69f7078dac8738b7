//! What a server is to xtask. A new one is a module that implements [`Service`]
//! and a line in [`ALL`].

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::account::Account;
use crate::error::{Error, Result};
use crate::install::PackageManager;
use crate::pgbouncer::PgBouncer;
use crate::postgres::Postgres;
use crate::redis::Redis;

/// The servers that tests use; what stands in front of another comes after it.
pub(crate) const ALL: [&dyn Service; 3] = [&Postgres, &Redis, &PgBouncer];

/// A kind of server that xtask can find, install, start and stop.
pub(crate) trait Service: Sync {
    /// Its name in files: short, lower case.
    fn name(&self) -> &'static str;

    /// Its name for people.
    fn title(&self) -> &'static str;

    /// What has to be installed, in words.
    fn requirement(&self) -> &'static str;

    /// The packages that contain it.
    fn packages(&self, manager: PackageManager) -> &'static [&'static str];

    /// The variable that names a server of the user's own.
    fn user_variable(&self) -> &'static str;

    /// The variable that tests read.
    fn test_variable(&self) -> &'static str;

    /// Looks for its programs on this machine.
    fn find(&self) -> Option<Installation>;

    /// The account to run as; none for the current user.
    fn account(&self) -> Result<Option<Account>>;

    /// The name of its log within its directory.
    fn log(&self) -> &'static str;

    /// The service that it leads to, if it is no end in itself.
    fn in_front_of(&self) -> Option<&'static dyn Service> {
        None
    }

    /// Starts a server whose data is in `directory` (empty, and the account's),
    /// and returns once it answers. The server runs on by itself. `behind` is the
    /// URL of what it is in front of.
    fn start(
        &self,
        installation: &Installation,
        directory: &Path,
        behind: Option<&str>,
    ) -> Result<Endpoint>;

    /// The process of the server in `directory`, if it is alive. An unrelated
    /// process that got the same number later is not taken for it.
    fn process(&self, directory: &Path) -> Option<i32>;

    /// Whether the server answers.
    fn answers(&self, instance: &Instance) -> bool;

    /// Stops the server if it runs, at once: its data is about to be deleted.
    fn stop(&self, instance: &Instance) -> Result<()>;
}

/// Programs found on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Installation {
    /// The version as the program says it, as in "15.18".
    pub(crate) version: String,
    /// The program, or the directory of the programs.
    pub(crate) programs: PathBuf,
}

/// Where a server can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) port: u16,
    /// With its password; it is generated, and its server accepts only local
    /// connections and lives no longer than its data.
    pub(crate) url: String,
}

/// A server that xtask started or is about to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Instance {
    /// The name of its service.
    pub(crate) service: String,
    pub(crate) installation: Installation,
    pub(crate) directory: PathBuf,
    /// None until it has started.
    pub(crate) endpoint: Option<Endpoint>,
}

impl Instance {
    /// The service of this instance.
    pub(crate) fn service(&self) -> Result<&'static dyn Service> {
        ALL.into_iter()
            .find(|service| service.name() == self.service)
            .ok_or_else(|| Error::step(format!("recognise the service {:?}", self.service)))
    }

    /// For the state file.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "service": self.service,
            "version": self.installation.version,
            "programs": self.installation.programs.to_string_lossy(),
            "directory": self.directory.to_string_lossy(),
            "port": self.endpoint.as_ref().map(|endpoint| endpoint.port),
            "url": self.endpoint.as_ref().map(|endpoint| endpoint.url.as_str()),
        })
    }

    /// From the state file; none if it was not written by this version of xtask.
    pub(crate) fn from_json(value: &Value) -> Option<Self> {
        let text = |name: &str| value.get(name)?.as_str().map(str::to_owned);
        let port = value.get("port").and_then(Value::as_u64);
        let endpoint = port
            .and_then(|port| u16::try_from(port).ok())
            .zip(text("url"))
            .map(|(port, url)| Endpoint { port, url });
        Some(Self {
            service: text("service")?,
            installation: Installation {
                version: text("version")?,
                programs: text("programs")?.into(),
            },
            directory: text("directory")?.into(),
            endpoint,
        })
    }
}

/// A port of 127.0.0.1 that nobody listens on just now.
pub(crate) fn free_port() -> Result<u16> {
    std::net::TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|source| Error::caused("find a free port on 127.0.0.1", source))
}

/// A password nobody has to type.
pub(crate) fn generated_password() -> Result<String> {
    use std::io::Read;
    let mut bytes = [0_u8; 16];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .map_err(|source| Error::caused("read /dev/urandom", source))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The last lines of a server's log, for an error message.
pub(crate) fn log_tail(path: &Path) -> String {
    let text = std::fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let tail = &lines[lines.len().saturating_sub(20)..];
    if tail.is_empty() {
        return format!("\n  ({} is empty)", path.display());
    }
    tail.iter().map(|line| format!("\n  {line}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_survives_the_state_file() {
        let mut instance = Instance {
            service: "redis".to_owned(),
            installation: Installation {
                version: "7.0".to_owned(),
                programs: "/bin/r".into(),
            },
            directory: "/tmp/a b".into(),
            endpoint: None,
        };
        assert_eq!(
            Instance::from_json(&instance.to_json()),
            Some(instance.clone())
        );
        instance.endpoint = Some(Endpoint {
            port: 6379,
            url: "redis://127.0.0.1:6379".to_owned(),
        });
        assert_eq!(Instance::from_json(&instance.to_json()), Some(instance));
    }

    #[test]
    fn other_files_are_not_an_instance() {
        assert_eq!(Instance::from_json(&json!({"service": "redis"})), None);
        assert_eq!(Instance::from_json(&json!([])), None);
    }

    #[test]
    fn passwords_are_long_and_differ() {
        let (one, two) = (generated_password().unwrap(), generated_password().unwrap());
        assert_eq!(one.len(), 32);
        assert_ne!(one, two);
    }
}
