//! A PostgreSQL of a test's own.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::process::Signal;

use super::account::Account;
use super::home::{Directory, Home, free_port};
use super::process::Process;
use super::{programs, template};
use crate::Error;

/// Nothing is kept safe from a power cut, but what was committed survives that the server is killed. Without a Unix socket,
/// no path can be too long for one.
const SETTINGS: &str = "
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
fsync = off
full_page_writes = off
track_commit_timestamp = on
dynamic_shared_memory_type = mmap
timezone = 'UTC'
log_timezone = 'UTC'
";

/// How often another port is tried if somebody takes the one that was free.
const ATTEMPTS: usize = 3;

/// How a [`PostgresServer`] starts.
#[derive(Debug, Clone, Default)]
pub struct PostgresOptions {
    settings: Vec<(String, String)>,
    access: Option<String>,
    tls: Option<TlsFiles>,
}

/// What a server that encrypts has to have, each in PEM.
#[derive(Clone)]
pub struct TlsFiles {
    /// Its certificate, and those of authorities between it and the root.
    pub certificate: String,
    /// The private key of it.
    pub key: String,
    /// The authority of clients' certificates, if the server is to ask for them.
    pub client_authority: Option<String>,
}

impl std::fmt::Debug for TlsFiles {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("TlsFiles")
    }
}

impl PostgresOptions {
    /// A setting of `postgresql.conf`, such as `max_connections`. The last of several holds.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The text of `pg_hba.conf`. Without it, all users of 127.0.0.1 have to have a password.
    #[must_use]
    pub fn access(mut self, text: &str) -> Self {
        self.access = Some(text.to_owned());
        self
    }

    /// Lets the server encrypt.
    #[must_use]
    pub fn tls(mut self, files: TlsFiles) -> Self {
        self.tls = Some(files);
        self
    }
}

/// How a server is told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopMode {
    /// It lets nobody in any more and waits until all have left.
    Smart,
    /// It ends all connections (SQLSTATE 57P01) and writes down what it has.
    Fast,
    /// It ends as if it had crashed, but tells its clients (SQLSTATE 57P02).
    Immediate,
}

/// A PostgreSQL of a test's own, on a port that it keeps. It is gone when this is dropped.
///
/// # Examples
///
/// ```no_run
/// # async fn example() -> Result<(), larder_testing::Error> {
/// use larder_testing::servers::{PostgresServer, StopMode};
///
/// let mut server = PostgresServer::start().await?;
/// println!("{}", server.url());
/// server.stop(StopMode::Fast).await?;
/// // What was committed is there again.
/// server.start_again().await?;
/// # Ok(())
/// # }
/// ```
pub struct PostgresServer {
    // In this order: it has ended before its files go.
    process: Option<Process>,
    directory: Directory,
    programs: PathBuf,
    account: Account,
    port: u16,
    password: String,
}

impl PostgresServer {
    /// Starts a server with the defaults.
    ///
    /// # Errors
    ///
    /// [`Error::Server`] if PostgreSQL is not installed, which names what to install, or if it does
    /// not start, with what it says.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it leaves nothing behind.
    pub async fn start() -> Result<Self, Error> {
        Self::start_with(PostgresOptions::default()).await
    }

    /// Starts a server.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    ///
    /// # Cancel safety
    ///
    /// Dropped, it leaves nothing behind.
    pub async fn start_with(options: PostgresOptions) -> Result<Self, Error> {
        let prepared = tokio::task::spawn_blocking(move || prepare(&options)).await;
        let mut server =
            prepared.map_err(|error| Error::server(format!("prepare a PostgreSQL: {error}")))??;
        let mut attempts = 1;
        while let Err(error) = server.start_again().await {
            if attempts == ATTEMPTS || !error.to_string().contains("in use") {
                return Err(error);
            }
            attempts += 1;
            server.port = free_port()?;
        }
        Ok(server)
    }

    /// The URL of its database `postgres`, as the superuser of that name.
    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    /// The URL of another database.
    pub fn url_of(&self, database: &str) -> String {
        let Self { password, port, .. } = self;
        format!("postgres://postgres:{password}@127.0.0.1:{port}/{database}")
    }

    /// The port on 127.0.0.1, the same for all its life.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its data directory.
    pub fn data_directory(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// The last lines of its log.
    pub fn log(&self) -> String {
        self.process.as_ref().map(Process::log).unwrap_or_default()
    }

    /// Stops it and waits until it and all its processes are gone.
    ///
    /// # Errors
    ///
    /// [`Error::Server`] if it does not end in time; with [`StopMode::Smart`] it waits for its clients.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it stops all the same.
    pub async fn stop(&mut self, mode: StopMode) -> Result<(), Error> {
        if let Some(process) = &mut self.process {
            process.resume();
            process.signal(match mode {
                StopMode::Smart => Signal::TERM,
                StopMode::Fast => Signal::INT,
                StopMode::Immediate => Signal::QUIT,
            });
            process.ended().await?;
        }
        self.process = None;
        Ok(())
    }

    /// Kills all its processes at once, as a machine that loses power, and waits until they are gone.
    ///
    /// # Errors
    ///
    /// [`Error::Server`] if they are not gone in time.
    ///
    /// # Cancel safety
    ///
    /// Dropped, they are killed all the same.
    pub async fn kill(&mut self) -> Result<(), Error> {
        if let Some(process) = &mut self.process {
            process.kill();
            process.ended().await?;
        }
        self.process = None;
        Ok(())
    }

    /// Stops all its processes from doing anything, without its clients noticing (SIGSTOP).
    pub fn pause(&mut self) {
        if let Some(process) = &mut self.process {
            process.pause();
        }
    }

    /// Lets them go on.
    pub fn resume(&mut self) {
        if let Some(process) = &mut self.process {
            process.resume();
        }
    }

    /// Starts it again after it was stopped or killed, on the same port and with what it has stored,
    /// and waits until it accepts connections. Nothing happens if it runs.
    ///
    /// # Errors
    ///
    /// [`Error::Server`] with what it says.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it is stopped.
    pub async fn start_again(&mut self) -> Result<(), Error> {
        if self.process.is_some() {
            return Ok(());
        }
        let mut command = self.account.command(&self.programs.join("postgres"));
        command.arg("-D").arg(self.data_directory());
        command.args(["-p", &self.port.to_string()]);
        let failed = |problem: &dyn std::fmt::Display| {
            Error::server(format!("start a PostgreSQL for the test: {problem}"))
        };
        // A standby is ready for those who only read.
        let started = Process::start(command, "database system is ready to accept");
        let mut process = started.map_err(|error| failed(&error))?;
        process.ready().await.map_err(|problem| failed(&problem))?;
        self.process = Some(process);
        Ok(())
    }

    /// Stops it fast and starts it again.
    ///
    /// # Errors
    ///
    /// As [`stop`](Self::stop) and [`start_again`](Self::start_again).
    ///
    /// # Cancel safety
    ///
    /// Dropped, it may be stopped.
    pub async fn restart(&mut self) -> Result<(), Error> {
        self.stop(StopMode::Fast).await?;
        self.start_again().await
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        self.process = None;
        // One that was killed could not free the memory that it shared with its children.
        let file = std::fs::read_to_string(self.data_directory().join("postmaster.pid"));
        let line = file.unwrap_or_default();
        if let Some(id) = line
            .lines()
            .nth(6)
            .and_then(|line| line.split_whitespace().nth(1))
        {
            let mut command = self.account.command(Path::new("ipcrm"));
            let _ = command.args(["-m", id]).output();
        }
    }
}

/// A server with its data directory, not yet started.
fn prepare(options: &PostgresOptions) -> Result<PostgresServer, Error> {
    let programs = programs::postgres()?;
    let account = Account::for_servers()?;
    let home = Home::open()?;
    let directory = home.directory(account)?;
    let password = template::copy_into(&home, &directory, &programs, account)?;
    let data = directory.path().join("data");
    configure(options, &data, account).map_err(|error| {
        Error::server(format!("write the settings of {}: {error}", data.display()))
    })?;
    Ok(PostgresServer {
        process: None,
        directory,
        programs,
        account,
        port: free_port()?,
        password,
    })
}

fn configure(options: &PostgresOptions, data: &Path, account: Account) -> std::io::Result<()> {
    let mut settings = SETTINGS.to_owned();
    if let Some(tls) = &options.tls {
        let write = |name: &str, text: &str| private_file(&data.join(name), text, account);
        write("server.crt", &tls.certificate)?;
        write("server.key", &tls.key)?;
        settings += "ssl = on\n";
        if let Some(authority) = &tls.client_authority {
            write("root.crt", authority)?;
            settings += "ssl_ca_file = 'root.crt'\n";
        }
    }
    for (name, value) in &options.settings {
        settings += &format!("{name} = '{}'\n", value.replace('\'', "''"));
    }
    if let Some(access) = &options.access {
        std::fs::write(data.join("pg_hba.conf"), access)?;
    }
    let mut file = OpenOptions::new()
        .append(true)
        .open(data.join("postgresql.conf"))?;
    file.write_all(settings.as_bytes())
}

fn private_file(path: &Path, text: &str, account: Account) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    account.own(path)
}
