//! A Redis of a test's own.

use std::path::{Path, PathBuf};

use rustix::process::Signal;

use super::account::Account;
use super::home::{Directory, Home, free_port};
use super::process::Process;
use super::programs;
use crate::Error;

/// How often another port is tried if somebody takes the one that was free.
const ATTEMPTS: usize = 3;

/// A Redis of a test's own, on a port that it keeps, without a password. It writes no snapshot unless
/// it is told to (`SAVE`), and is gone when this is dropped.
///
/// # Examples
///
/// ```no_run
/// # async fn example() -> Result<(), larder_testing::Error> {
/// use larder_testing::servers::RedisServer;
///
/// let mut redis = RedisServer::start().await?;
/// println!("{}", redis.url());
/// redis.kill().await?;
/// redis.start_again().await?;
/// # Ok(())
/// # }
/// ```
pub struct RedisServer {
    // In this order: it has ended before its files go.
    process: Option<Process>,
    directory: Directory,
    program: PathBuf,
    port: u16,
}

impl RedisServer {
    /// Starts a server.
    ///
    /// # Errors
    ///
    /// [`Error::Server`] if Redis is not installed, which names what to install, or if it does not
    /// start, with what it says.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it leaves nothing behind.
    pub async fn start() -> Result<Self, Error> {
        let mut server = Self {
            process: None,
            directory: Home::open()?.directory(Account::default())?,
            program: programs::redis()?,
            port: free_port()?,
        };
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

    /// Its URL.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The port on 127.0.0.1, the same for all its life.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where its snapshot is, if it has written one: it starts again with what that holds.
    pub fn snapshot(&self) -> PathBuf {
        self.directory.path().join("dump.rdb")
    }

    /// Stops it, and waits until it is gone.
    ///
    /// # Errors
    ///
    /// [`Error::Server`] if it does not end in time.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it stops all the same.
    pub async fn stop(&mut self) -> Result<(), Error> {
        if let Some(process) = &mut self.process {
            process.resume();
            process.signal(Signal::TERM);
            process.ended().await?;
        }
        self.process = None;
        Ok(())
    }

    /// Kills it, and waits until it is gone.
    ///
    /// # Errors
    ///
    /// [`Error::Server`] if it is not gone in time.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it is killed all the same.
    pub async fn kill(&mut self) -> Result<(), Error> {
        if let Some(process) = &mut self.process {
            process.kill();
            process.ended().await?;
        }
        self.process = None;
        Ok(())
    }

    /// Stops it from doing anything, without its clients noticing (SIGSTOP).
    pub fn pause(&mut self) {
        if let Some(process) = &mut self.process {
            process.pause();
        }
    }

    /// Lets it go on.
    pub fn resume(&mut self) {
        if let Some(process) = &mut self.process {
            process.resume();
        }
    }

    /// Starts it again after it was stopped or killed, on the same port and with what its snapshot
    /// holds, and waits until it accepts connections. Nothing happens if it runs.
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
        let mut command = Account::default().command(Path::new(&self.program));
        command
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(self.directory.path());
        let failed = |problem: &dyn std::fmt::Display| {
            Error::server(format!("start a Redis for the test: {problem}"))
        };
        let started = Process::start(command, "Ready to accept connections");
        let mut process = started.map_err(|error| failed(&error))?;
        process.ready().await.map_err(|problem| failed(&problem))?;
        self.process = Some(process);
        Ok(())
    }

    /// Stops it and starts it again, with what its snapshot holds.
    ///
    /// # Errors
    ///
    /// As [`stop`](Self::stop) and [`start_again`](Self::start_again).
    ///
    /// # Cancel safety
    ///
    /// Dropped, it may be stopped.
    pub async fn restart(&mut self) -> Result<(), Error> {
        self.stop().await?;
        self.start_again().await
    }
}
