//! Redis (or Valkey, which speaks the same): found, started empty, stopped.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::account::Account;
use crate::error::{Error, Result};
use crate::install::PackageManager;
use crate::interrupts;
use crate::process;
use crate::programs;
use crate::service::{
    Endpoint, Installation, Instance, Service, free_port, generated_password, log_tail,
};

const PROGRAMS: [&str; 2] = ["redis-server", "valkey-server"];
const CONFIGURATION: &str = "redis.conf";
const PROCESS_FILE: &str = "redis.pid";
const START_DEADLINE: Duration = Duration::from_secs(15);

/// The service.
pub(crate) struct Redis;

impl Service for Redis {
    fn name(&self) -> &'static str {
        "redis"
    }

    fn title(&self) -> &'static str {
        "Redis"
    }

    fn requirement(&self) -> &'static str {
        "Redis: the program redis-server"
    }

    fn packages(&self, manager: PackageManager) -> &'static [&'static str] {
        match manager {
            PackageManager::Apt => &["redis-server"],
            PackageManager::Dnf | PackageManager::Apk | PackageManager::Brew => &["redis"],
        }
    }

    fn user_variable(&self) -> &'static str {
        "REDIS_URL"
    }

    fn test_variable(&self) -> &'static str {
        "LARDER_TEST_REDIS_URL"
    }

    fn find(&self) -> Option<Installation> {
        let program = PROGRAMS.iter().find_map(|name| programs::in_path(name))?;
        let version = programs::version_after(&programs::version_text(&program)?, "v=")?;
        Some(Installation {
            version,
            programs: program,
        })
    }

    fn account(&self) -> Result<Option<Account>> {
        Ok(None)
    }

    fn log(&self) -> &'static str {
        "redis.log"
    }

    fn start(
        &self,
        installation: &Installation,
        directory: &Path,
        _: Option<&str>,
    ) -> Result<Endpoint> {
        let log = directory.join(self.log());
        let password = generated_password()?;
        let mut attempts = 0;
        loop {
            let port = free_port()?;
            configure(directory, port, &password)?;
            let mut command = Command::new(&installation.programs);
            command
                .arg(directory.join(CONFIGURATION))
                .current_dir(directory);
            process::capture(&mut command)?;
            let since = Instant::now();
            let taken = loop {
                if ping(port, &password) {
                    let url = format!("redis://:{password}@127.0.0.1:{port}");
                    return Ok(Endpoint { port, url });
                }
                interrupts::check()?;
                // Between finding a free port and using it somebody else may
                // take it: then another port.
                let taken = log_tail(&log).contains("Address already in use");
                if taken || since.elapsed() > START_DEADLINE {
                    break taken;
                }
                std::thread::sleep(Duration::from_millis(20));
            };
            attempts += 1;
            if !taken || attempts == 3 {
                let tail = log_tail(&log);
                return Err(Error::step(format!(
                    "start Redis: no answer on port {port}{tail}"
                )));
            }
            let _ = std::fs::remove_file(&log);
        }
    }

    fn process(&self, directory: &Path) -> Option<i32> {
        let text = std::fs::read_to_string(directory.join(PROCESS_FILE)).ok()?;
        let pid = text.trim().parse().ok()?;
        let configuration = std::fs::read_to_string(directory.join(CONFIGURATION)).ok()?;
        let port = configuration
            .lines()
            .find_map(|line| line.strip_prefix("port "))?;
        // Redis shows its address in place of its arguments.
        let command = process::command_line(pid)?;
        command
            .contains(&format!("127.0.0.1:{port}"))
            .then_some(pid)
    }

    fn answers(&self, instance: &Instance) -> bool {
        instance.endpoint.as_ref().is_some_and(|endpoint| {
            let password = endpoint.url.split(['@', '/']).nth(2).unwrap_or_default();
            ping(endpoint.port, password.trim_start_matches(':'))
        })
    }

    fn stop(&self, instance: &Instance) -> Result<()> {
        let Some(pid) = self.process(&instance.directory) else {
            return Ok(());
        };
        if process::end(pid, Signal::TERM, Duration::from_secs(5)) {
            Ok(())
        } else {
            Err(Error::step(format!("stop Redis (process {pid})")))
        }
    }
}

/// The password is in the file and not on the command line, where every user of
/// the machine could read it.
fn configure(directory: &Path, port: u16, password: &str) -> Result<()> {
    let path = directory.join(CONFIGURATION);
    let place = quoted(directory);
    let text = format!(
        "bind 127.0.0.1\nport {port}\nrequirepass {password}\nsave \"\"\nappendonly no\n\
         daemonize yes\ndir {place}\npidfile {}\nlogfile {}\n",
        quoted(&directory.join(PROCESS_FILE)),
        quoted(&directory.join(Redis.log())),
    );
    std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|source| Error::caused(format!("write {}", path.display()), source))
}

/// A path as a quoted word of the configuration file.
fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Whether a Redis with this password answers.
fn ping(port: u16, password: &str) -> bool {
    let ask = || -> std::io::Result<Vec<u8>> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let timeout = Duration::from_secs(2);
        let mut stream = TcpStream::connect_timeout(&address, timeout)?;
        stream.set_read_timeout(Some(timeout))?;
        stream.set_write_timeout(Some(timeout))?;
        stream.write_all(format!("AUTH {password}\r\nPING\r\nQUIT\r\n").as_bytes())?;
        let mut answer = Vec::new();
        stream.take(1024).read_to_end(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with(b"+OK\r\n+PONG\r\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_quoted_for_the_configuration() {
        assert_eq!(quoted(Path::new("/a b/c\"d\\e")), r#""/a b/c\"d\\e""#);
    }

    #[test]
    fn nobody_answers_on_a_free_port() {
        assert!(!ping(free_port().unwrap(), "secret"));
    }
}
