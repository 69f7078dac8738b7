//! A Redis of the bench's own, that may be killed.

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::servers::redis_server;

/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(15);

/// It is gone when this is dropped, and keeps nothing.
pub(crate) struct PrivateRedis {
    child: Child,
    url: String,
    killed_at: Instant,
}

impl PrivateRedis {
    pub(crate) async fn start() -> Result<Self> {
        let failed = |error| Error::Redis(format!("start one: {error}"));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        drop(listener);
        let password = format!("{:032x}", fastrand::u128(..));
        let mut child = Command::new(redis_server()?)
            .arg("-")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(failed)?;
        // On the command line others could read the password.
        let settings = format!(
            "bind 127.0.0.1\nport {port}\nrequirepass {password}\nsave \"\"\nappendonly no\n"
        );
        let input = child.stdin.take();
        let mut redis = Self {
            child,
            url: format!("redis://:{password}@127.0.0.1:{port}"),
            killed_at: Instant::now(),
        };
        if let Some(mut input) = input {
            input.write_all(settings.as_bytes()).map_err(failed)?;
        }
        redis.until_it_answers().await?;
        Ok(redis)
    }

    async fn until_it_answers(&mut self) -> Result<()> {
        let client = redis::Client::open(self.url())?;
        let began = Instant::now();
        loop {
            let Err(error) = client.get_multiplexed_async_connection().await else {
                return Ok(());
            };
            let ended = self.child.try_wait().ok().flatten();
            if ended.is_some() || began.elapsed() > PATIENCE {
                return Err(Error::Redis(format!("start one: {error}")));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) fn url(&self) -> String {
        self.url.clone()
    }

    /// Ends it at once, as a crash does.
    pub(crate) async fn kill(&mut self) -> Result<()> {
        self.killed_at = Instant::now();
        let failed = |error| Error::Redis(format!("kill it: {error}"));
        self.child.kill().map_err(failed)?;
        self.child.wait().map_err(failed)?;
        Ok(())
    }

    /// When it was.
    pub(crate) fn killed_at(&self) -> Instant {
        self.killed_at
    }
}

impl Drop for PrivateRedis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
