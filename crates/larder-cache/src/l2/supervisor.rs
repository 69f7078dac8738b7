//! The task that connects, notices that Redis is gone, and finds out that it is back.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::breaker::Pauses;
use super::connector::Connection;
use super::shared::{Link, Shared};

/// How often an idle connection is looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// A Redis that was there for so long is taken for a steady one.
const STEADY: Duration = Duration::from_secs(5);

/// Keeps a connection, for ever.
pub(super) async fn supervise(shared: Arc<Shared>) {
    let mut connections = 0;
    let mut pauses = Pauses::new();
    loop {
        match probe(&shared, &mut connections).await {
            Ok(()) => {
                shared.breaker.close(connections);
                shared.praise();
                let since = Instant::now();
                watch(&shared).await;
                // One that comes and goes is left alone for longer and longer.
                if since.elapsed() > STEADY {
                    pauses = Pauses::new();
                }
            }
            Err(why) => {
                // Whatever is wrong with it, the next is another one.
                shared.set_link(None);
                shared.complain(&why);
            }
        }
        sleep(pauses.next()).await;
    }
}

/// Connects if need be, and asks Redis whether it is there: it has as long as anybody's call.
async fn probe(shared: &Shared, connections: &mut u64) -> Result<(), String> {
    let link = match shared.link() {
        Some(link) => link,
        None => {
            let connecting = timeout(shared.connect_timeout, shared.connector.connect());
            let connected = connecting
                .await
                .map_err(|_| "connecting takes too long".to_owned())?;
            let connection = connected.map_err(|error| error.to_string())?;
            *connections += 1;
            if *connections > 1 {
                shared.counters.reconnects.increment();
            }
            let link = Link {
                connection,
                number: *connections,
            };
            shared.set_link(Some(link.clone()));
            link
        }
    };
    let mut connection = link.connection;
    let ping = ::redis::cmd("PING");
    match timeout(shared.deadline, ping.query_async::<()>(&mut connection)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("it does not answer in time".to_owned()),
    }
}

/// Ends when the breaker has opened. Meanwhile looks whether the connection is still one,
/// because nobody may be using it.
async fn watch(shared: &Shared) {
    loop {
        tokio::select! {
            () = shared.breaker.opened() => return,
            () = sleep(LOOK_INTERVAL) => {}
        }
        let look = |mut connection: Connection| async move {
            ::redis::cmd("PING")
                .query_async::<()>(&mut connection)
                .await
        };
        // What comes of it, the breaker hears.
        let _ = shared.call(shared.deadline, look).await;
    }
}
