//! Tests of bringing alerts to sinks, on paused time: a pause costs none.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::BoxFuture;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::sleep;

use super::*;
use crate::alerts::{AlertError, AlertKind};
use crate::{Finding, Hysteresis, MonitorOptions, probe};

/// A monitor of one probe that is as well as the switch says.
fn switched() -> (HealthMonitor, Arc<AtomicBool>) {
    let is_well = Arc::new(AtomicBool::new(true));
    let read = Arc::clone(&is_well);
    let pool = probe("pool", move || {
        let finding = match read.load(Ordering::Relaxed) {
            true => Finding::healthy(),
            false => Finding::degraded("full").curing("hold sessions shorter"),
        };
        async move { finding }
    });
    let options = MonitorOptions {
        hysteresis: Hysteresis::IMMEDIATE,
        ..MonitorOptions::default()
    };
    (HealthMonitor::new(options, vec![Arc::new(pool)]), is_well)
}

async fn becomes(monitor: &HealthMonitor, switch: &AtomicBool, is_well: bool) {
    switch.store(is_well, Ordering::Relaxed);
    monitor.check_now().await;
}

type Answer = Box<dyn FnMut() -> BoxFuture<'static, Result<(), AlertError>> + Send>;

/// A sink that notes what it is sent and answers as the test says.
struct Pager {
    sent: UnboundedSender<Arc<Alert>>,
    answer: Mutex<Answer>,
}

impl AlertSink for Pager {
    fn name(&self) -> &str {
        "pager"
    }

    fn send(&self, alert: Arc<Alert>) -> BoxFuture<'_, Result<(), AlertError>> {
        self.sent.send(alert).unwrap();
        (self.answer.lock().unwrap())()
    }
}

fn pager(
    mut answer: impl FnMut() -> Result<(), AlertError> + Send + 'static,
) -> (Arc<dyn AlertSink>, UnboundedReceiver<Arc<Alert>>) {
    answering(Box::new(move || {
        let answer = answer();
        Box::pin(async move { answer })
    }))
}

fn answering(answer: Answer) -> (Arc<dyn AlertSink>, UnboundedReceiver<Arc<Alert>>) {
    let (sent, received) = unbounded_channel();
    let answer = Mutex::new(answer);
    (Arc::new(Pager { sent, answer }), received)
}

/// What comes next; on paused time a day is short.
async fn next(received: &mut UnboundedReceiver<Arc<Alert>>) -> Arc<Alert> {
    let received = timeout(Duration::from_secs(86_400), received.recv()).await;
    received.unwrap().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_sink_is_told_of_the_beginning_the_end_and_in_between() {
    let (monitor, switch) = switched();
    let (sink, mut received) = pager(|| Ok(()));
    let options = AlertOptions {
        repeat: Some(Duration::from_secs(60)),
        ..AlertOptions::default()
    };
    let began = Instant::now();
    let alerter = Alerter::start(options, &monitor, vec![sink]);
    becomes(&monitor, &switch, true).await;
    becomes(&monitor, &switch, false).await;
    let started = next(&mut received).await;
    assert_eq!((started.kind, started.sequence), (AlertKind::Started, 1));
    let cure = started.causes[0].cure.as_deref();
    assert_eq!(cure, Some("hold sessions shorter"));
    for sequence in [2, 3] {
        let repeated = next(&mut received).await;
        assert_eq!(repeated.kind, AlertKind::Repeated);
        assert_eq!(repeated.sequence, sequence);
    }
    assert_eq!(began.elapsed().as_secs(), 120);
    becomes(&monitor, &switch, true).await;
    let resolved = next(&mut received).await;
    assert_eq!(resolved.kind, AlertKind::Resolved);
    sleep(Duration::from_secs(600)).await;
    assert!(received.try_recv().is_err(), "it is over");
    assert_eq!(alerter.statistics().read()[0].1.sent, 4);
}

#[tokio::test(start_paused = true)]
async fn what_fails_for_now_is_tried_again_and_what_fails_for_good_is_not() {
    let (monitor, switch) = switched();
    let mut attempts = 0;
    let (sink, mut received) = pager(move || {
        attempts += 1;
        match attempts {
            1 | 2 => Err(AlertError::temporary("busy")),
            3 => Ok(()),
            _ => Err(AlertError::permanent("forbidden")),
        }
    });
    let alerter = Alerter::start(AlertOptions::default(), &monitor, vec![sink]);
    becomes(&monitor, &switch, false).await;
    let mut numbers = Vec::new();
    for _ in 0..3 {
        numbers.push(next(&mut received).await.sequence);
    }
    assert_eq!(numbers, [1, 1, 1]);
    becomes(&monitor, &switch, true).await;
    assert_eq!(next(&mut received).await.kind, AlertKind::Resolved);
    sleep(Duration::from_secs(600)).await;
    assert!(received.try_recv().is_err());
    let expected = SinkStatistics {
        sent: 1,
        failed_attempts: 3,
        dropped: 1,
        ..SinkStatistics::default()
    };
    assert_eq!(
        alerter.statistics().read(),
        [("pager".to_owned(), expected)]
    );
}

#[tokio::test(start_paused = true)]
async fn it_is_tried_until_it_arrives_with_pauses_that_grow_up_to_the_longest() {
    let (monitor, switch) = switched();
    let mut attempts = 0;
    let (sink, mut received) = pager(move || {
        attempts += 1;
        match attempts {
            1..=40 => Err(AlertError::temporary("busy")),
            _ => Ok(()),
        }
    });
    let options = AlertOptions {
        longest_pause: Duration::from_secs(2),
        repeat: None,
        ..AlertOptions::default()
    };
    let began = Instant::now();
    let alerter = Alerter::start(options, &monitor, vec![sink]);
    becomes(&monitor, &switch, false).await;
    for _ in 0..41 {
        assert_eq!(next(&mut received).await.kind, AlertKind::Started);
    }
    // 1 second and 39 times 2, each at least half of it.
    let took = began.elapsed();
    let bounds = Duration::from_millis(39_500)..Duration::from_millis(79_100);
    assert!(bounds.contains(&took), "{took:?}");
    sleep(Duration::from_secs(600)).await;
    assert!(received.try_recv().is_err());
    let expected = SinkStatistics {
        sent: 1,
        failed_attempts: 40,
        ..SinkStatistics::default()
    };
    assert_eq!(alerter.statistics().read()[0].1, expected);
}

/// A pager that nobody answers while the switch is off.
fn away() -> (
    Arc<dyn AlertSink>,
    UnboundedReceiver<Arc<Alert>>,
    Arc<AtomicBool>,
) {
    let is_there = Arc::new(AtomicBool::new(false));
    let read = Arc::clone(&is_there);
    let (sink, received) = pager(move || match read.load(Ordering::Relaxed) {
        true => Ok(()),
        false => Err(AlertError::temporary("nobody there")),
    });
    (sink, received, is_there)
}

#[tokio::test(start_paused = true)]
async fn who_was_away_for_the_end_hears_of_it_when_he_is_back() {
    let (monitor, switch) = switched();
    let (sink, mut received, is_there) = away();
    is_there.store(true, Ordering::Relaxed);
    let alerter = Alerter::start(AlertOptions::default(), &monitor, vec![sink]);
    becomes(&monitor, &switch, false).await;
    let started = next(&mut received).await;
    is_there.store(false, Ordering::Relaxed);
    becomes(&monitor, &switch, true).await;
    // Longer than anybody would wait for an answer.
    sleep(Duration::from_secs(3_600)).await;
    while received.try_recv().is_ok() {}
    assert_eq!(alerter.statistics().read()[0].1.waiting, 1);
    is_there.store(true, Ordering::Relaxed);
    let resolved = next(&mut received).await;
    assert_eq!(resolved.kind, AlertKind::Resolved);
    assert_eq!(resolved.incident, started.incident);
    sleep(Duration::from_secs(600)).await;
    let statistics = alerter.statistics().read()[0].1;
    assert_eq!((statistics.sent, statistics.waiting), (2, 0));
    assert_eq!((statistics.replaced, statistics.dropped), (0, 0));
    assert!(received.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn of_each_incident_the_newest_word_is_kept_and_no_more() {
    let (monitor, switch) = switched();
    let (sink, mut received, is_there) = away();
    let alerter = Alerter::start(AlertOptions::default(), &monitor, vec![sink]);
    for is_well in [false, true, false] {
        becomes(&monitor, &switch, is_well).await;
        sleep(Duration::from_secs(600)).await;
    }
    let statistics = alerter.statistics().read()[0].1;
    assert_eq!((statistics.replaced, statistics.waiting), (1, 2));
    while received.try_recv().is_ok() {}
    is_there.store(true, Ordering::Relaxed);
    let kinds = [
        next(&mut received).await.kind,
        next(&mut received).await.kind,
    ];
    // Whichever is tried first.
    assert!(kinds.contains(&AlertKind::Resolved), "{kinds:?}");
    assert!(kinds.contains(&AlertKind::Started), "{kinds:?}");
    sleep(Duration::from_secs(600)).await;
    assert!(received.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn at_the_end_it_is_told_that_nobody_watches_any_more() {
    let (monitor, switch) = switched();
    let (sink, mut received) = pager(|| Ok(()));
    let alerter = Alerter::start(AlertOptions::default(), &monitor, vec![sink]);
    becomes(&monitor, &switch, false).await;
    let started = next(&mut received).await;
    let began = Instant::now();
    alerter.stop(Duration::from_secs(2)).await;
    assert_eq!(began.elapsed(), Duration::ZERO, "nothing waits");
    let stopped = received.try_recv().unwrap();
    assert_eq!(stopped.kind, AlertKind::Stopped);
    assert_eq!(stopped.incident, started.incident);
}

#[tokio::test(start_paused = true)]
async fn at_the_end_of_a_monitor_that_is_gone_it_is_told_as_well() {
    let (monitor, switch) = switched();
    let (sink, mut received) = pager(|| Ok(()));
    let alerter = Alerter::start(AlertOptions::default(), &monitor, vec![sink]);
    becomes(&monitor, &switch, false).await;
    next(&mut received).await;
    drop(monitor);
    sleep(Duration::from_secs(1)).await;
    alerter.stop(Duration::from_secs(2)).await;
    assert_eq!(received.try_recv().unwrap().kind, AlertKind::Stopped);
}

#[tokio::test(start_paused = true)]
async fn the_end_does_not_wait_for_a_pause_nor_longer_than_it_may() {
    let (monitor, switch) = switched();
    let (sink, mut received, is_there) = away();
    let (stuck, _stuck) = answering(Box::new(|| Box::pin(std::future::pending())));
    let options = AlertOptions {
        first_pause: Duration::from_secs(60),
        ..AlertOptions::default()
    };
    let alerter = Alerter::start(options, &monitor, vec![sink, stuck]);
    let statistics = alerter.statistics();
    becomes(&monitor, &switch, false).await;
    next(&mut received).await;
    becomes(&monitor, &switch, true).await;
    is_there.store(true, Ordering::Relaxed);
    let began = Instant::now();
    alerter.stop(Duration::from_secs(2)).await;
    assert_eq!(began.elapsed().as_secs(), 2, "one of them never answers");
    assert_eq!(received.try_recv().unwrap().kind, AlertKind::Resolved);
    let waiting = statistics.read().into_iter().map(|(_, sink)| sink.waiting);
    assert_eq!(waiting.collect::<Vec<_>>(), [0, 2]);
}

#[tokio::test(start_paused = true)]
async fn where_all_is_well_the_end_is_silent() {
    let (monitor, switch) = switched();
    let (sink, mut received) = pager(|| Ok(()));
    let alerter = Alerter::start(AlertOptions::default(), &monitor, vec![sink]);
    becomes(&monitor, &switch, true).await;
    alerter.stop(Duration::from_secs(2)).await;
    assert!(received.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_hangs_or_panics_holds_up_neither_monitor_nor_others() {
    let (monitor, switch) = switched();
    let (stuck, _stuck) = answering(Box::new(|| Box::pin(std::future::pending())));
    let (panicking, mut panicked) = pager(|| panic!("at once"));
    let (well, mut received) = pager(|| Ok(()));
    let options = AlertOptions {
        queue: 2,
        ..AlertOptions::default()
    };
    let alerter = Alerter::start(options, &monitor, vec![stuck, panicking, well]);
    let began = Instant::now();
    for number in 0..6 {
        becomes(&monitor, &switch, number % 2 == 1).await;
        next(&mut received).await;
        next(&mut panicked).await;
    }
    assert_eq!(began.elapsed(), Duration::ZERO, "nobody waited");
    let statistics = alerter.statistics().read();
    let of_stuck = statistics[0].1;
    assert_eq!(of_stuck.waiting, 3, "one is being sent, and two wait");
    // Two incidents ended while they waited, and there is no room for a third.
    assert_eq!((of_stuck.replaced, of_stuck.dropped), (2, 1));
    assert_eq!((statistics[2].1.dropped, statistics[2].1.waiting), (0, 0));
}
