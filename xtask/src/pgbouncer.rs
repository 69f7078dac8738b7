//! PgBouncer in transaction mode, in front of the PostgreSQL of the tests: found, started, stopped.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::{OpenOptionsExt, chown};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::account::{self, Account};
use crate::error::{Error, Result};
use crate::install::PackageManager;
use crate::interrupts;
use crate::postgres::Postgres;
use crate::process;
use crate::programs;
use crate::service::{Endpoint, Installation, Instance, Service, free_port, log_tail};

const CONFIGURATION: &str = "pgbouncer.ini";
const USERS: &str = "users.txt";
const PROCESS_FILE: &str = "pgbouncer.pid";
const START_DEADLINE: Duration = Duration::from_secs(15);

/// Few servers, so that clients take turns; and they are let go of soon, because every database
/// of a test has some of its own.
const SETTINGS: &str = "\
pool_mode = transaction
default_pool_size = 5
max_client_conn = 2000
server_idle_timeout = 5
server_tls_sslmode = prefer
log_connections = 0
log_disconnections = 0
";

/// The service.
pub(crate) struct PgBouncer;

impl Service for PgBouncer {
    fn name(&self) -> &'static str {
        "pgbouncer"
    }

    fn title(&self) -> &'static str {
        "PgBouncer"
    }

    fn requirement(&self) -> &'static str {
        "PgBouncer: the program pgbouncer"
    }

    fn packages(&self, _: PackageManager) -> &'static [&'static str] {
        &["pgbouncer"]
    }

    fn user_variable(&self) -> &'static str {
        "PGBOUNCER_URL"
    }

    fn test_variable(&self) -> &'static str {
        "LARDER_TEST_PGBOUNCER_URL"
    }

    fn in_front_of(&self) -> Option<&'static dyn Service> {
        Some(&Postgres)
    }

    fn find(&self) -> Option<Installation> {
        let program = programs::in_path("pgbouncer")?;
        let version = programs::version_after(&programs::version_text(&program)?, "PgBouncer ")?;
        Some(Installation {
            version,
            programs: program,
        })
    }

    fn account(&self) -> Result<Option<Account>> {
        account::for_servers()
    }

    fn log(&self) -> &'static str {
        "pgbouncer.log"
    }

    fn start(
        &self,
        installation: &Installation,
        directory: &Path,
        behind: Option<&str>,
    ) -> Result<Endpoint> {
        let server = behind
            .and_then(Login::of)
            .ok_or_else(|| Error::step("start PgBouncer: its PostgreSQL has no usable URL"))?;
        let account = self.account()?;
        let log = directory.join(self.log());
        let mut attempts = 0;
        loop {
            let port = free_port()?;
            configure(installation, directory, account.as_ref(), port, &server)?;
            let mut command = account::command(&installation.programs, account.as_ref());
            command
                .args(["-d", "-q"])
                .arg(directory.join(CONFIGURATION));
            let failed = process::capture(&mut command).err();
            let since = Instant::now();
            while failed.is_none() && since.elapsed() < START_DEADLINE {
                if is_listening(port) {
                    return Ok(Endpoint {
                        port,
                        url: server.url_at(port),
                    });
                }
                interrupts::check()?;
                std::thread::sleep(Duration::from_millis(20));
            }
            attempts += 1;
            // Between finding a free port and using it somebody else may take it: then another.
            let tail = log_tail(&log);
            if !tail.contains("Address already in use") || attempts == 3 {
                let failed = failed.map_or_else(String::new, |error| error.message());
                return Err(Error::step(format!("start PgBouncer: {failed}{tail}")));
            }
            let _ = std::fs::remove_file(&log);
        }
    }

    fn process(&self, directory: &Path) -> Option<i32> {
        let text = std::fs::read_to_string(directory.join(PROCESS_FILE)).ok()?;
        let pid = text.trim().parse().ok()?;
        let configuration = directory.join(CONFIGURATION);
        let command = process::command_line(pid)?;
        command
            .contains(&*configuration.to_string_lossy())
            .then_some(pid)
    }

    fn answers(&self, instance: &Instance) -> bool {
        instance
            .endpoint
            .as_ref()
            .is_some_and(|endpoint| is_listening(endpoint.port))
    }

    fn stop(&self, instance: &Instance) -> Result<()> {
        let Some(pid) = self.process(&instance.directory) else {
            return Ok(());
        };
        // Newer ones wait on this signal for their clients: those are over.
        if process::end(pid, Signal::TERM, Duration::from_secs(2)) {
            Ok(())
        } else {
            Err(Error::step(format!("stop PgBouncer (process {pid})")))
        }
    }
}

/// Where PostgreSQL is and who logs in there, from its URL.
#[derive(Debug, PartialEq, Eq)]
struct Login {
    user: String,
    password: String,
    host: String,
    port: String,
    /// User and password as the URL writes them.
    written: String,
    /// What stands behind the port.
    rest: String,
}

impl Login {
    fn of(url: &str) -> Option<Self> {
        let (_, after) = url.split_once("://")?;
        let (written, place) = after.split_once('@')?;
        let (user, password) = written.split_once(':').unwrap_or((written, ""));
        let end = place.find(['/', '?']).unwrap_or(place.len());
        let (host, port) = place[..end]
            .rsplit_once(':')
            .unwrap_or((&place[..end], "5432"));
        Some(Self {
            user: decoded(user)?,
            password: decoded(password)?,
            host: host.to_owned(),
            port: port.to_owned(),
            written: written.to_owned(),
            rest: place[end..].to_owned(),
        })
    }

    /// The same database behind the pooler on this port.
    fn url_at(&self, port: u16) -> String {
        format!("postgres://{}@127.0.0.1:{port}{}", self.written, self.rest)
    }
}

/// A part of a URL without percent signs.
fn decoded(part: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = [rest.next()?, rest.next()?];
        let digits = std::str::from_utf8(&digits).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
    }
    String::from_utf8(bytes).ok()
}

/// Writes its files. Passwords stand in a file and not on the command line.
fn configure(
    installation: &Installation,
    directory: &Path,
    account: Option<&Account>,
    port: u16,
    server: &Login,
) -> Result<()> {
    let quoted = |text: &str| text.replace('"', "\"\"");
    let users = format!(
        "\"{}\" \"{}\"\n",
        quoted(&server.user),
        quoted(&server.password)
    );
    write(&directory.join(USERS), account, &users)?;
    let authentication = match server.password.is_empty() {
        true => "trust",
        false => "scram-sha-256",
    };
    let place = |name: &str| directory.join(name).display().to_string();
    let mut text = format!(
        "[databases]\n* = host={} port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
         listen_port = {port}\nunix_socket_dir =\nauth_type = {authentication}\nauth_file = {}\n\
         admin_users = {}\nlogfile = {}\npidfile = {}\n{SETTINGS}",
        server.host,
        server.port,
        place(USERS),
        server.user,
        place(PgBouncer.log()),
        place(PROCESS_FILE),
    );
    if knows_prepared_statements(&installation.version) {
        // The harder case is the one to test: names of statements mean nothing.
        text.push_str("max_prepared_statements = 0\n");
    }
    write(&directory.join(CONFIGURATION), account, &text)
}

/// Whether a version can carry names of statements from server to server: since 1.21.
fn knows_prepared_statements(version: &str) -> bool {
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().ok());
    matches!((numbers.next(), numbers.next()), (Some(Some(major)), Some(Some(minor))) if (major, minor) >= (1, 21))
}

/// A file that only the account reads.
fn write(path: &Path, account: Option<&Account>, text: &str) -> Result<()> {
    std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .and_then(|()| match account {
            Some(account) => chown(path, Some(account.user), Some(account.group)),
            None => Ok(()),
        })
        .map_err(|source| Error::caused(format!("write {}", path.display()), source))
}

/// Whether something that speaks the protocol of PostgreSQL listens: asked for TLS, it says
/// yes or no.
fn is_listening(port: u16) -> bool {
    const ASK_FOR_TLS: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
    let ask = || -> std::io::Result<u8> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let timeout = Duration::from_secs(2);
        let mut stream = TcpStream::connect_timeout(&address, timeout)?;
        stream.set_read_timeout(Some(timeout))?;
        stream.set_write_timeout(Some(timeout))?;
        stream.write_all(&ASK_FOR_TLS)?;
        let mut answer = [0];
        stream.read_exact(&mut answer)?;
        Ok(answer[0])
    };
    ask().is_ok_and(|answer| matches!(answer, b'S' | b'N'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_postgresql_is_read_from_its_url() {
        let login = Login::of("postgres://me:s%40cret@db:6543/app?sslmode=require").unwrap();
        assert_eq!(
            [&login.user, &login.password, &login.host, &login.port],
            ["me", "s@cret", "db", "6543"]
        );
        assert_eq!(
            login.url_at(7000),
            "postgres://me:s%40cret@127.0.0.1:7000/app?sslmode=require"
        );
        let login = Login::of("postgres://me@db").unwrap();
        assert_eq!((&*login.password, &*login.port), ("", "5432"));
        for unusable in ["postgres://db/app", "db", "postgres://%zz@db"] {
            assert_eq!(Login::of(unusable), None, "{unusable}");
        }
    }

    #[test]
    fn statements_by_name_are_known_since_1_21() {
        assert!(!knows_prepared_statements("1.18.0"));
        assert!(knows_prepared_statements("1.21.0"));
        assert!(knows_prepared_statements("2.0"));
    }

    #[test]
    fn nobody_listens_on_a_free_port() {
        assert!(!is_listening(free_port().unwrap()));
    }
}
