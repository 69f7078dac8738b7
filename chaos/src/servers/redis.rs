//! The Redis of a run, and what can be done to it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::process::Signal;

use crate::error::{Error, Result};
use crate::interrupts;
use crate::process;

const PATIENCE: Duration = Duration::from_secs(15);
const SNAPSHOT: &str = "dump.rdb";
const OLDER: &str = "older.rdb";

/// A Redis that is this run's alone. It keeps nothing unless it is told to.
pub(crate) struct Redis {
    program: PathBuf,
    directory: PathBuf,
    port: u16,
    password: String,
    child: Option<Child>,
}

impl Redis {
    /// Starts one that is empty, in a new directory.
    pub(crate) fn start(program: &Path, directory: &Path) -> Result<Self> {
        let failed = |error| Error::step(format!("prepare {}", directory.display()), error);
        fs::create_dir_all(directory).map_err(failed)?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|listener| listener.local_addr())
            .map_err(|error| Error::step("find a free port", error))?
            .port();
        let mut redis = Self {
            program: program.to_owned(),
            directory: directory.to_owned(),
            port,
            password: format!("{:032x}", fastrand::Rng::new().u128(..)),
            child: None,
        };
        redis.configure().map_err(failed)?;
        redis.launch()?;
        Ok(redis)
    }

    /// Its URL, password included.
    pub(crate) fn url(&self) -> String {
        format!("redis://:{}@127.0.0.1:{}/0", self.password, self.port)
    }

    /// Ends it at once, as a crash does.
    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            process::signal(&child, Signal::KILL);
            let _ = child.wait();
        }
    }

    /// Starts it again with nothing in it.
    pub(crate) fn launch_empty(&mut self) -> Result<()> {
        let _ = fs::remove_file(self.directory.join(SNAPSHOT));
        self.launch()
    }

    /// Starts it again with what it had when [`save_copy`](Self::save_copy) was called.
    pub(crate) fn launch_older(&mut self) -> Result<()> {
        let (from, to) = (self.directory.join(OLDER), self.directory.join(SNAPSHOT));
        fs::copy(from, to).map_err(|error| Error::step("restore the snapshot of Redis", error))?;
        self.launch()
    }

    /// Keeps a copy of what it has now.
    pub(crate) fn save_copy(&self) -> Result<()> {
        let answer = self.ask(&["SAVE"])?;
        if !answer.starts_with("+OK") {
            return Err(Error::step("save Redis", answer));
        }
        let (from, to) = (self.directory.join(SNAPSHOT), self.directory.join(OLDER));
        fs::copy(from, to).map_err(|error| Error::step("copy the snapshot of Redis", error))?;
        Ok(())
    }

    pub(crate) fn has_copy(&self) -> bool {
        self.directory.join(OLDER).exists()
    }

    /// Stops it without closing anything, or lets it go on.
    pub(crate) fn set_paused(&self, paused: bool) {
        if let Some(child) = &self.child {
            process::signal(child, if paused { Signal::STOP } else { Signal::CONT });
        }
    }

    /// Closes all connections of others; says how many.
    pub(crate) fn reset_connections(&self) -> Result<u64> {
        let mut closed = 0;
        for kind in ["normal", "pubsub"] {
            let answer = self.ask(&["CLIENT", "KILL", "TYPE", kind])?;
            let number = answer.trim_start_matches(':').trim().parse::<u64>();
            closed += number.map_err(|_| Error::step("reset connections of Redis", &answer))?;
        }
        Ok(closed)
    }

    fn launch(&mut self) -> Result<()> {
        self.stop();
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.directory.join("redis.log"))
            .map_err(|error| Error::step("write the log of Redis", error))?;
        let child = process::attached(&self.program)?
            .arg(self.directory.join("redis.conf"))
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| Error::step("start Redis", error))?;
        self.child = Some(child);
        let answers = || {
            self.ask(&["PING"])
                .is_ok_and(|answer| answer.starts_with("+PONG"))
        };
        if interrupts::wait_until(PATIENCE, answers)? {
            return Ok(());
        }
        let log = fs::read_to_string(self.directory.join("redis.log")).unwrap_or_default();
        let last = log.lines().last().unwrap_or("its log is empty");
        Err(Error::step("start Redis: it does not answer", last))
    }

    fn configure(&self) -> std::io::Result<()> {
        let text = format!(
            "bind 127.0.0.1\nport {}\nrequirepass {}\nsave \"\"\nappendonly no\ndaemonize no\n\
             dir \"{}\"\ndbfilename {SNAPSHOT}\n",
            self.port,
            self.password,
            self.directory.display()
        );
        fs::File::options()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(self.directory.join("redis.conf"))?
            .write_all(text.as_bytes())
    }

    /// The answer to one command, as Redis writes it.
    fn ask(&self, words: &[&str]) -> Result<String> {
        let ask = || -> std::io::Result<String> {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
            let timeout = Duration::from_secs(5);
            let mut stream = TcpStream::connect_timeout(&address, timeout)?;
            stream.set_read_timeout(Some(timeout))?;
            let command = words.join(" ");
            stream
                .write_all(format!("AUTH {}\r\n{command}\r\nQUIT\r\n", self.password).as_bytes())?;
            let mut answer = String::new();
            stream.take(4096).read_to_string(&mut answer)?;
            Ok(answer)
        };
        let answer = ask().map_err(|error| Error::step("ask Redis", error))?;
        // The answers to AUTH, to the command, and to QUIT.
        Ok(answer.lines().nth(1).unwrap_or_default().to_owned())
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.stop();
    }
}
