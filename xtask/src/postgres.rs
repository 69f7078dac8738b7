//! PostgreSQL: found, started on a fresh data directory, stopped.

use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use crate::account::{self, Account};
use crate::error::{Error, Result};
use crate::install::PackageManager;
use crate::interrupts;
use crate::process;
use crate::programs;
use crate::service::{
    Endpoint, Installation, Instance, Service, free_port, generated_password, log_tail,
};
use crate::workspace;

/// The oldest version that Larder supports.
const OLDEST: u32 = 15;

/// The programs that have to be in one directory.
const PROGRAMS: [&str; 5] = ["initdb", "pg_ctl", "pg_isready", "postgres", "psql"];

/// Where systems keep the programs besides `PATH`.
const PLACES: [&str; 7] = [
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/libexec/postgresql*",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
];

/// For a database that is thrown away: nothing is kept safe from a power cut.
/// Without a Unix socket, no path can be too long for one.
const SETTINGS: &str = "
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 300
fsync = off
full_page_writes = off
synchronous_commit = off
track_commit_timestamp = on
max_wal_size = '4GB'
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] %q%a %u@%d '
";

/// The service.
pub(crate) struct Postgres;

impl Service for Postgres {
    fn name(&self) -> &'static str {
        "postgres"
    }

    fn title(&self) -> &'static str {
        "PostgreSQL"
    }

    fn requirement(&self) -> &'static str {
        "PostgreSQL 15 or later: the server programs, psql, and the extensions of contrib (pg_trgm)"
    }

    fn packages(&self, manager: PackageManager) -> &'static [&'static str] {
        match manager {
            PackageManager::Apt => &["postgresql", "postgresql-contrib"],
            PackageManager::Dnf => &["postgresql-server", "postgresql-contrib"],
            PackageManager::Apk => &["postgresql", "postgresql-contrib"],
            PackageManager::Brew => &["postgresql@17"],
        }
    }

    fn user_variable(&self) -> &'static str {
        "DATABASE_URL"
    }

    fn test_variable(&self) -> &'static str {
        "LARDER_TEST_DATABASE_URL"
    }

    fn find(&self) -> Option<Installation> {
        let from_path = programs::in_path("initdb").and_then(|path| path.canonicalize().ok());
        let from_path = from_path.and_then(|path| path.parent().map(Path::to_path_buf));
        let from_config = programs::in_path("pg_config")
            .and_then(|program| process::capture(Command::new(program).arg("--bindir")).ok())
            .map(|directory| PathBuf::from(directory.trim()));
        let named = from_path
            .into_iter()
            .chain(from_config)
            .find_map(|path| installation(&path));
        named.or_else(|| {
            let found = PLACES
                .iter()
                .flat_map(|place| programs::matching_directories(place));
            let found = found.filter_map(|directory| installation(&directory));
            found.max_by_key(|installation| programs::major(&installation.version))
        })
    }

    fn account(&self) -> Result<Option<Account>> {
        account::for_servers()
    }

    fn log(&self) -> &'static str {
        "postgres.log"
    }

    fn start(
        &self,
        installation: &Installation,
        directory: &Path,
        _: Option<&str>,
    ) -> Result<Endpoint> {
        let account = self.account()?;
        let programs = &installation.programs;
        let password = generated_password()?;
        initialise(programs, directory, account.as_ref(), &password)?;
        interrupts::check()?;
        let port = start_server(
            programs,
            directory,
            account.as_ref(),
            &directory.join(self.log()),
        )?;
        let url = format!("postgres://postgres:{password}@127.0.0.1:{port}/postgres");
        Ok(Endpoint { port, url })
    }

    fn process(&self, directory: &Path) -> Option<i32> {
        let data = data_directory(directory);
        let file = std::fs::read_to_string(data.join("postmaster.pid")).ok()?;
        let pid = file.lines().next()?.trim().parse().ok()?;
        let command = process::command_line(pid)?;
        command.contains(&*data.to_string_lossy()).then_some(pid)
    }

    fn answers(&self, instance: &Instance) -> bool {
        let Some(endpoint) = &instance.endpoint else {
            return false;
        };
        let mut command = helper(&instance.installation.programs, "pg_isready", None);
        command.args([
            "-q",
            "-h",
            "127.0.0.1",
            "-t",
            "3",
            "-p",
            &endpoint.port.to_string(),
        ]);
        process::succeeds(&mut command)
    }

    fn stop(&self, instance: &Instance) -> Result<()> {
        let Some(pid) = self.process(&instance.directory) else {
            return Ok(());
        };
        let account = self.account()?;
        let mut command = helper(&instance.installation.programs, "pg_ctl", account.as_ref());
        command.args(["stop", "-s", "-w", "-t", "10", "-m", "immediate", "-D"]);
        command.arg(data_directory(&instance.directory));
        let stopped = process::succeeds(&mut command);
        if stopped || process::end(pid, Signal::QUIT, Duration::from_secs(5)) {
            Ok(())
        } else {
            Err(Error::step(format!("stop PostgreSQL (process {pid})")))
        }
    }
}

/// A command that runs psql against a database, ending at the first error.
pub(crate) fn psql(instance: &Instance, database: &str) -> Result<Command> {
    let endpoint = instance.endpoint.as_ref();
    let endpoint = endpoint.ok_or_else(|| Error::step("reach PostgreSQL: it is not running"))?;
    // As the current user: what it reads are the user's own files.
    let mut command = Command::new(instance.installation.programs.join("psql"));
    workspace::remove_variables(&mut command, &["PG"]);
    command.args([
        "-X",
        "-q",
        "-A",
        "-t",
        "-v",
        "ON_ERROR_STOP=1",
        "-h",
        "127.0.0.1",
    ]);
    command.args([
        "-p",
        &endpoint.port.to_string(),
        "-U",
        "postgres",
        "-d",
        database,
    ]);
    // Every user of the machine can read a command line, but not the environment.
    command
        .env("PGPASSWORD", password_of(&endpoint.url))
        .env("PGCLIENTENCODING", "UTF8");
    Ok(command)
}

fn password_of(url: &str) -> &str {
    url.split(['@', ':']).nth(2).unwrap_or_default()
}

fn installation(directory: &Path) -> Option<Installation> {
    if !PROGRAMS
        .iter()
        .all(|name| programs::is_program(&directory.join(name)))
    {
        return None;
    }
    let text = programs::version_text(&directory.join("postgres"))?;
    let version = programs::version_after(&text, "(PostgreSQL) ")?;
    let new_enough = programs::major(&version)? >= OLDEST;
    (new_enough && has_contrib(directory)).then(|| Installation {
        version,
        programs: directory.to_path_buf(),
    })
}

/// Whether the extensions of contrib are there; yes where that cannot be known.
fn has_contrib(directory: &Path) -> bool {
    let asked = process::capture(Command::new(directory.join("pg_config")).arg("--sharedir"));
    asked.map_or(true, |share| {
        Path::new(share.trim())
            .join("extension/pg_trgm.control")
            .exists()
    })
}

fn data_directory(directory: &Path) -> PathBuf {
    directory.join("data")
}

fn helper(programs: &Path, name: &str, account: Option<&Account>) -> Command {
    let mut command = account::command(programs.join(name), account);
    workspace::remove_variables(&mut command, &["PG", "LC_", "LANG"]);
    command.env("LC_ALL", "C");
    command
}

/// Makes a data directory in which only the password opens the door, also to
/// other users of this machine: a superuser of PostgreSQL can run programs.
fn initialise(
    programs: &Path,
    directory: &Path,
    account: Option<&Account>,
    password: &str,
) -> Result<()> {
    let password_file = directory.join("password");
    let written = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&password_file)
        .and_then(|mut file| writeln!(file, "{password}"))
        .and_then(|()| match account {
            Some(account) => chown(&password_file, Some(account.user), Some(account.group)),
            None => Ok(()),
        });
    written
        .map_err(|source| Error::caused(format!("write {}", password_file.display()), source))?;

    let data = data_directory(directory);
    let mut command = helper(programs, "initdb", account);
    command.args([
        "--username=postgres",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--no-sync",
    ]);
    command.arg(format!("--locale={}", locale()));
    command
        .arg("--pwfile")
        .arg(&password_file)
        .arg("-D")
        .arg(&data);
    process::capture(&mut command)?;

    let settings = data.join("postgresql.conf");
    std::fs::OpenOptions::new()
        .append(true)
        .open(&settings)
        .and_then(|mut file| file.write_all(SETTINGS.as_bytes()))
        .map_err(|source| Error::caused(format!("write {}", settings.display()), source))
}

/// C.UTF-8 sorts the same everywhere and still knows letters beyond ASCII; older
/// systems of Apple have only named locales.
fn locale() -> &'static str {
    let known = process::capture(Command::new("locale").arg("-a")).unwrap_or_default();
    let known = |name: &str| {
        known
            .lines()
            .any(|line| line.trim().eq_ignore_ascii_case(name))
    };
    if known("C.UTF-8") || known("C.utf8") || !known("en_US.UTF-8") {
        "C.UTF-8"
    } else {
        "en_US.UTF-8"
    }
}

/// Starts the server and waits until it accepts connections. Between finding a
/// free port and using it somebody else may take it: then another port.
fn start_server(
    programs: &Path,
    directory: &Path,
    account: Option<&Account>,
    log: &Path,
) -> Result<u16> {
    let mut attempts = 0;
    loop {
        let port = free_port()?;
        let mut command = helper(programs, "pg_ctl", account);
        command
            .args(["start", "-s", "-w", "-t", "60"])
            .arg("-l")
            .arg(log);
        command
            .arg("-D")
            .arg(data_directory(directory))
            .arg("-o")
            .arg(format!("-p {port}"));
        let failed = match process::capture(&mut command) {
            Ok(_) => return Ok(port),
            Err(error) => error.message(),
        };
        attempts += 1;
        let taken = log_tail(log).contains("Address already in use");
        if !taken || attempts == 3 {
            return Err(Error::step(format!(
                "start PostgreSQL: {failed}{}",
                log_tail(log)
            )));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_read_from_the_url() {
        assert_eq!(
            password_of("postgres://postgres:5ec2e7@127.0.0.1:5432/postgres"),
            "5ec2e7"
        );
    }
}
