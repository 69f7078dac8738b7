//! A look at Redis from outside: for people who ask how it is, not for the cache.

use std::time::{Duration, Instant};

use ::redis::{RedisResult, Value};

use super::connector::{Connection, Connector};
use super::error::RedisError;
use super::options::RedisOptions;

/// What Redis says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RedisFacts {
    /// Where it is, without passwords.
    pub place: String,
    /// Its version; `None` where it does not say.
    pub version: Option<String>,
    /// What it does when its memory is full (`maxmemory-policy`); `None` where it does not say.
    pub eviction_policy: Option<String>,
    /// How much memory it takes at most, in bytes; 0 is without a limit.
    pub max_memory: Option<u64>,
    /// What a PING takes: the median of several.
    pub latency: Duration,
}

impl RedisOptions {
    /// Connects and asks. The connection is closed afterwards.
    ///
    /// # Errors
    ///
    /// [`RedisError`] if the options cannot be used. The text within is why Redis could not be
    /// reached or did not answer.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time.
    pub async fn look(&self) -> Result<Result<RedisFacts, String>, RedisError> {
        let connector = Connector::new(self)?;
        let facts = look(&connector).await;
        Ok(facts.map_err(|error| format!("{}: {error}", connector.describe())))
    }
}

async fn look(connector: &Connector) -> RedisResult<RedisFacts> {
    const PINGS: usize = 5;
    let mut connection = connector.connect().await?;
    let mut latencies = Vec::with_capacity(PINGS);
    for _ in 0..PINGS {
        let began = Instant::now();
        let _: Value = ::redis::cmd("PING").query_async(&mut connection).await?;
        latencies.push(began.elapsed());
    }
    latencies.sort_unstable();
    let about = information(&mut connection).await;
    let line = |name: &str| about.as_deref().and_then(|text| value_of(text, name));
    Ok(RedisFacts {
        place: connector.describe(),
        version: line("redis_version"),
        eviction_policy: line("maxmemory_policy"),
        max_memory: line("maxmemory").and_then(|bytes| bytes.parse().ok()),
        latency: latencies.get(PINGS / 2).copied().unwrap_or_default(),
    })
}

/// What it tells about itself; nothing where the user may not ask. A Cluster answers for each of
/// its servers, and one of them is enough.
async fn information(connection: &mut Connection) -> Option<String> {
    let answer: RedisResult<Value> = ::redis::cmd("INFO").query_async(connection).await;
    text_in(&answer.ok()?)
}

fn text_in(value: &Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        Value::VerbatimString { text, .. } | Value::SimpleString(text) => Some(text.clone()),
        Value::Map(servers) => servers.iter().find_map(|(_, answer)| text_in(answer)),
        _ => None,
    }
}

/// The value of a line `name:value`.
fn value_of(text: &str, name: &str) -> Option<String> {
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = lines.find(|(key, _)| *key == name)?;
    Some(value.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_by_its_whole_name() {
        let text = "# Memory\r\nmaxmemory_policy:noeviction\r\nmaxmemory:0\r\n";
        assert_eq!(value_of(text, "maxmemory"), Some("0".to_owned()));
        assert_eq!(
            value_of(text, "maxmemory_policy"),
            Some("noeviction".to_owned())
        );
        assert_eq!(value_of(text, "redis_version"), None);
    }
}
