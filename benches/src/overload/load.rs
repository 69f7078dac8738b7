//! Requests: as many as are answered, and then as many as come.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use super::contenders::Contender;
use crate::error::{Error, Result};

/// How long it is measured what the database can carry, and how long it is warmed up.
const MEASURED: Duration = Duration::from_secs(5);
const WARMING: Duration = Duration::from_secs(2);

/// What became of a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request {
    /// When it came, from the beginning.
    pub(super) came: Duration,
    pub(super) took: Duration,
    pub(super) was_served: bool,
}

/// What became of all that came.
#[derive(Debug, Default)]
pub(super) struct Requests {
    pub(super) came: u64,
    /// Those that were answered or refused before the end.
    pub(super) over: Vec<Request>,
}

/// How many requests are answered in a second if a few clients ask for one after the other.
pub(super) async fn capacity(contender: &Contender, clients: usize) -> Result<f64> {
    let served = Arc::new(AtomicU64::new(0));
    let mut asking = JoinSet::new();
    for _ in 0..clients {
        let (contender, served) = (contender.clone(), Arc::clone(&served));
        asking.spawn(async move {
            loop {
                if contender.serve().await {
                    served.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
    }
    sleep(WARMING).await;
    let before = served.load(Ordering::Relaxed);
    let began = Instant::now();
    sleep(MEASURED).await;
    let answered = served.load(Ordering::Relaxed) - before;
    let rate = answered as f64 / began.elapsed().as_secs_f64();
    asking.shutdown().await;
    if answered == 0 {
        return Err(Error::Peer("it answers nothing".to_owned()));
    }
    Ok(rate)
}

/// Lets requests come at this rate, whether they are answered or not.
pub(super) async fn flood(contender: &Contender, rate: f64, length: Duration) -> Requests {
    let (told, mut hearing) = mpsc::unbounded_channel();
    let mut requests = Requests::default();
    let mut asking = JoinSet::new();
    let began = Instant::now();
    let mut ticks = interval(Duration::from_millis(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    while began.elapsed() < length {
        ticks.tick().await;
        let elapsed = began.elapsed();
        while (requests.came as f64) < elapsed.as_secs_f64() * rate {
            // When it was due: a load that comes late does not hide what it waited for.
            let came = Duration::from_secs_f64(requests.came as f64 / rate);
            requests.came += 1;
            let (contender, told) = (contender.clone(), told.clone());
            asking.spawn(async move {
                let was_served = contender.serve().await;
                let took = began.elapsed().saturating_sub(came);
                // Nobody hears it once the time is over.
                let _ = told.send(Request {
                    came,
                    took,
                    was_served,
                });
            });
        }
        // Those that are over take no room.
        while asking.try_join_next().is_some() {}
    }
    asking.shutdown().await;
    drop(told);
    while let Ok(Some(request)) = timeout(Duration::from_secs(1), hearing.recv()).await {
        requests.over.push(request);
    }
    requests
}
