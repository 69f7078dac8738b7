//! Tests of bringing alerts to sinks, on paused time: a pause costs none.

use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use futures::future::BoxFuture;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::*;
use crate::alerts::AlertKind;
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
    let started = received.recv().await.unwrap();
    assert_eq!((started.kind, started.sequence), (AlertKind::Started, 1));
    let cure = started.causes[0].cure.as_deref();
    assert_eq!(cure, Some("hold sessions shorter"));
    for sequence in [2, 3] {
        let repeated = received.recv().await.unwrap();
        assert_eq!(repeated.kind, AlertKind::Repeated);
        assert_eq!(repeated.sequence, sequence);
    }
    assert_eq!(began.elapsed().as_secs(), 120);
    becomes(&monitor, &switch, true).await;
    let resolved = received.recv().await.unwrap();
    assert_eq!(resolved.kind, AlertKind::Resolved);
    sleep(Duration::from_secs(600)).await;
    assert!(received.try_recv().is_err(), "it is over");
    assert_eq!(alerter.statistics()[0].1.sent, 4);
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
        numbers.push(received.recv().await.unwrap().sequence);
    }
    assert_eq!(numbers, [1, 1, 1]);
    becomes(&monitor, &switch, true).await;
    assert_eq!(received.recv().await.unwrap().kind, AlertKind::Resolved);
    sleep(Duration::from_secs(600)).await;
    assert!(received.try_recv().is_err());
    let expected = SinkStatistics {
        sent: 1,
        failed_attempts: 3,
        dropped: 1,
    };
    assert_eq!(alerter.statistics(), [("pager".to_owned(), expected)]);
}

#[tokio::test(start_paused = true)]
async fn attempts_end_and_pauses_grow_up_to_the_longest() {
    let (monitor, switch) = switched();
    let (sink, mut received) = pager(|| Err(AlertError::temporary("busy")));
    let options = AlertOptions {
        attempts: 5,
        longest_pause: Duration::from_secs(2),
        repeat: None,
        ..AlertOptions::default()
    };
    let began = Instant::now();
    let alerter = Alerter::start(options, &monitor, vec![sink]);
    becomes(&monitor, &switch, false).await;
    for _ in 0..5 {
        received.recv().await.unwrap();
    }
    // 1, 2, 2 and 2 seconds, each at least half of it.
    let took = began.elapsed();
    let bounds = Duration::from_millis(3_500)..Duration::from_millis(7_010);
    assert!(bounds.contains(&took), "{took:?}");
    sleep(Duration::from_secs(600)).await;
    assert!(received.try_recv().is_err());
    assert_eq!(alerter.statistics()[0].1.dropped, 1);
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
        received.recv().await.unwrap();
        panicked.recv().await.unwrap();
    }
    assert_eq!(began.elapsed(), Duration::ZERO, "nobody waited");
    let dropped: Vec<u64> = alerter
        .statistics()
        .iter()
        .map(|(_, statistics)| statistics.dropped)
        .collect();
    assert_eq!(dropped[0], 3, "one is being sent, and two wait");
    assert_eq!(dropped[2], 0);
}
