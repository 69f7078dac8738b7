//! A PostgreSQL of a test's own, whose TLS and whose rules for logging in are the test's.

use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::certificates::{Authority, Signed};

/// The password of the user `app`.
pub(crate) const PASSWORD: &str = "s3cret-of-app";

/// What a server is, offers and demands.
#[derive(Default)]
pub(crate) struct Setup<'s> {
    /// The certificate that it shows; without one it offers no TLS.
    pub(crate) certificate: Option<&'s Signed>,
    /// Whose certificates of clients it accepts.
    pub(crate) client_authority: Option<&'s Authority>,
    /// The lines of `pg_hba.conf`.
    pub(crate) rules: &'s str,
    /// Further lines of `postgresql.conf`.
    pub(crate) settings: &'s str,
    /// Whether it waits for a primary's changes, which never come, and takes no writes.
    pub(crate) is_standby: bool,
}

/// Stopped when it is dropped.
pub(crate) struct Server {
    directory: TempDir,
    programs: PathBuf,
    account: Option<(u32, u32)>,
    pub(crate) port: u16,
}

impl Server {
    /// A server with the user and the database `app`. It does not run yet.
    pub(crate) fn create() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let server = Self {
            directory: TempDir::new().unwrap(),
            programs: programs(),
            account: account(),
            port,
        };
        server.give_away(server.directory.path());
        let mut initdb = server.program("initdb");
        initdb.args([
            "--username=postgres",
            "--auth=trust",
            "--no-sync",
            "--locale=C",
        ]);
        run(initdb.args(["--encoding=UTF8", "-D"]).arg(server.data()));
        let mut single = server.program("postgres");
        let mut single = single
            .args(["--single", "-j", "-D"])
            .arg(server.data())
            .arg("postgres")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let commands =
            format!("CREATE ROLE app LOGIN PASSWORD '{PASSWORD}';\n\nCREATE DATABASE app;\n\n");
        std::io::Write::write_all(&mut single.stdin.take().unwrap(), commands.as_bytes()).unwrap();
        assert!(single.wait().unwrap().success());
        server
    }

    /// Starts it so, or starts it anew.
    pub(crate) fn start(&self, setup: &Setup<'_>) {
        let data = self.data();
        let (port, sockets) = (self.port, self.directory.path().display());
        let mut settings = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{sockets}'\n\
             fsync = off\nsynchronous_commit = off\n"
        );
        if let Some(certificate) = setup.certificate {
            let (certificate, key) = certificate.write(&data, "server");
            self.give_away(&certificate);
            self.give_away(&key);
            settings += "ssl = on\nssl_cert_file = 'server.crt'\nssl_key_file = 'server.key'\n";
        }
        if let Some(authority) = setup.client_authority {
            std::fs::write(data.join("clients.crt"), authority.pem()).unwrap();
            settings += "ssl_ca_file = 'clients.crt'\n";
        }
        if setup.is_standby {
            std::fs::write(data.join("standby.signal"), "").unwrap();
        }
        settings += setup.settings;
        std::fs::write(data.join("postgresql.conf"), settings).unwrap();
        std::fs::write(data.join("pg_hba.conf"), setup.rules).unwrap();
        self.stop("fast");
        let mut command = self.program("pg_ctl");
        command.args(["start", "-s", "-w", "-t", "60", "-D"]);
        command
            .arg(&data)
            .arg("-l")
            .arg(self.directory.path().join("log"));
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let log = || std::fs::read_to_string(self.directory.path().join("log"));
        assert!(command.status().unwrap().success(), "{:?}", log());
    }

    /// Stops it, if it runs.
    fn stop(&self, how: &str) {
        let mut command = self.program("pg_ctl");
        command.args(["stop", "-s", "-w", "-m", how, "-D"]);
        // It says so where there is nothing to stop.
        let _ = command.arg(self.data()).stderr(Stdio::null()).status();
    }

    /// Where its socket is.
    pub(crate) fn socket(&self) -> &Path {
        self.directory.path()
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command
            .current_dir("/")
            .env("LC_ALL", "C")
            .stdin(Stdio::null());
        if let Some((user, group)) = self.account {
            command.uid(user).gid(group);
        }
        command
    }

    fn give_away(&self, path: &Path) {
        if let Some((user, group)) = self.account {
            chown(path, Some(user), Some(group)).unwrap();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop("immediate");
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}

/// Where the programs of the server are: next to `initdb`, or where `pg_config` says.
fn programs() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let named = std::env::split_paths(&path);
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let installed = versions.flatten().map(|version| version.path().join("bin"));
    let configured = Command::new("pg_config").arg("--bindir").output().ok();
    let configured = configured.map(|output| String::from_utf8_lossy(&output.stdout).trim().into());
    let mut all = named.chain(installed).chain(configured);
    all.find(|directory: &PathBuf| directory.join("initdb").exists())
        .unwrap_or_else(|| panic!("the server programs of PostgreSQL are not installed"))
}

/// Whom the server runs as: it refuses to be root.
fn account() -> Option<(u32, u32)> {
    let id = |arguments: &[&str]| -> Option<u32> {
        let output = Command::new("id").args(arguments).output().ok()?;
        String::from_utf8_lossy(&output.stdout).trim().parse().ok()
    };
    if id(&["-u"]) != Some(0) {
        return None;
    }
    let found = ["postgres", "nobody"]
        .into_iter()
        .find_map(|name| Some((id(&["-u", name])?, id(&["-g", name])?)));
    assert!(
        found.is_some(),
        "there is neither a user postgres nor nobody to run PostgreSQL as"
    );
    found
}
