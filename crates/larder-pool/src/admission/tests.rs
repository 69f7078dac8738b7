//! What each promise of the queue means.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod model;

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::{Instant, advance};

use super::{ControlledDelay, Entry, Outcome, Place, Queue};

const TARGET: Duration = Duration::from_millis(50);
const INTERVAL: Duration = Duration::from_millis(500);

fn queue(limit: usize, max_waiting: usize) -> Arc<Queue> {
    Queue::new(limit, max_waiting, ControlledDelay::new(TARGET, INTERVAL))
}

fn place(queue: &Arc<Queue>) -> Place {
    queue.try_enter().unwrap()
}

/// Somebody in the line, who can be asked what has become of him.
struct Line(Pin<Box<dyn Future<Output = Outcome>>>);

impl Line {
    fn join(queue: &Arc<Queue>) -> Self {
        let Entry::Waiting(mut waiting) = queue.enter(Instant::now()) else {
            panic!("a place was free, or nobody may wait");
        };
        // Asked often without a pause, which must not look as if there was no answer.
        Self(Box::pin(tokio::task::unconstrained(async move {
            let far = Instant::now() + Duration::from_secs(3_600);
            waiting.outcome(far).await
        })))
    }

    fn ask(&mut self) -> Option<Outcome> {
        let mut context = Context::from_waker(Waker::noop());
        match self.0.as_mut().poll(&mut context) {
            Poll::Ready(outcome) => Some(outcome),
            Poll::Pending => None,
        }
    }

    fn place(&mut self) -> Option<Place> {
        match self.ask()? {
            Outcome::Admitted(place) => Some(place),
            _ => panic!("he was sent away"),
        }
    }

    fn was_shed(&mut self) -> bool {
        matches!(self.ask(), Some(Outcome::Shed { .. }))
    }
}

fn figures(queue: &Queue) -> (usize, usize) {
    (queue.in_use(), queue.waiting())
}

#[tokio::test(start_paused = true)]
async fn who_comes_first_is_served_first() {
    let queue = queue(1, 10);
    let held = place(&queue);
    let mut line: Vec<_> = (0..3).map(|_| Line::join(&queue)).collect();
    assert!(queue.try_enter().is_none());
    assert_eq!(figures(&queue), (1, 3));
    drop(held);
    assert!(line[1].ask().is_none() && line[2].ask().is_none());
    let first = line[0].place().unwrap();
    assert!(queue.try_enter().is_none(), "nobody overtakes a line");
    drop(first);
    drop(line[1].place().unwrap());
    drop(line[2].place().unwrap());
    assert_eq!(figures(&queue), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn who_leaves_passes_on_what_he_was_given() {
    let queue = queue(1, 10);
    let held = place(&queue);
    let (mut first, mut second) = (Line::join(&queue), Line::join(&queue));
    assert!(first.ask().is_none() && second.ask().is_none());
    drop(held);
    // He has a place, and has not heard of it.
    drop(first);
    drop(second.place().unwrap());
    assert_eq!(figures(&queue), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn so_many_may_wait_and_no_more() {
    let queue = queue(1, 2);
    let held = place(&queue);
    let line = [Line::join(&queue), Line::join(&queue)];
    assert!(matches!(queue.enter(Instant::now()), Entry::Full));
    drop(line);
    assert_eq!(figures(&queue), (1, 0));
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn the_limit_moves_and_nobody_is_dropped() {
    let queue = queue(3, 10);
    let mut held: Vec<_> = (0..3).map(|_| place(&queue)).collect();
    let mut line: Vec<_> = (0..3).map(|_| Line::join(&queue)).collect();
    queue.set_limit(1);
    held.pop();
    held.pop();
    assert!(
        line[0].ask().is_none(),
        "one has a place, which is the limit"
    );
    assert_eq!(figures(&queue), (1, 3));
    queue.set_limit(3);
    let moved_up = [line[0].place().unwrap(), line[1].place().unwrap()];
    assert!(line[2].ask().is_none());
    drop(moved_up);
    assert!(line[2].place().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_is_closed_sends_everybody_away_and_waits_for_the_rest() {
    let queue = queue(1, 10);
    let held = place(&queue);
    let mut line = Line::join(&queue);
    queue.close();
    assert!(matches!(line.ask(), Some(Outcome::Closed)));
    assert!(queue.try_enter().is_none());
    assert!(matches!(queue.enter(Instant::now()), Entry::Closed));
    let emptied = queue.emptied();
    let mut emptied = std::pin::pin!(emptied);
    assert!(futures::poll!(&mut emptied).is_pending());
    drop(held);
    emptied.await;
}

#[tokio::test(start_paused = true)]
async fn a_line_that_stays_is_cut_to_the_target() {
    let queue = queue(2, 100);
    let held = [place(&queue), place(&queue)];
    let mut line: Vec<_> = (0..5).map(|_| Line::join(&queue)).collect();
    advance(TARGET).await;
    assert!(line.iter_mut().all(|waiter| waiter.ask().is_none()));
    advance(INTERVAL - Duration::from_millis(1)).await;
    assert!(line.iter_mut().all(|waiter| waiter.ask().is_none()));
    assert!(!queue.is_overloaded());
    advance(Duration::from_millis(2)).await;
    for waiter in &mut line {
        let _ = waiter.ask();
    }
    assert!(queue.is_overloaded());
    // The oldest are gone; as many as there are places may wait.
    assert_eq!(figures(&queue), (2, 2));
    let mut young = Line::join(&queue);
    assert!(young.ask().is_none(), "he has not waited");
    assert_eq!(figures(&queue), (2, 2), "for him the oldest had to go");
    advance(TARGET).await;
    assert_eq!(queue.take_waits().shed, 4);
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn the_oldest_are_the_ones_who_are_sent_away() {
    let queue = queue(1, 100);
    let _held = place(&queue);
    let mut old = Line::join(&queue);
    let mut older = [Line::join(&queue), Line::join(&queue)];
    assert!(old.ask().is_none() && older[0].ask().is_none() && older[1].ask().is_none());
    advance(TARGET).await;
    assert!(old.ask().is_none());
    advance(INTERVAL).await;
    let _ = older[1].ask();
    assert!(old.was_shed());
    assert!(older[0].was_shed());
    assert!(older[1].ask().is_none());
}

#[tokio::test(start_paused = true)]
async fn while_it_is_overloaded_the_newest_is_served_first() {
    let queue = queue(1, 100);
    let held = overload(&queue).await;
    let mut line: Vec<_> = (0..3).map(|_| Line::join(&queue)).collect();
    drop(held);
    assert!(line[0].ask().is_none() && line[1].ask().is_none());
    drop(line[2].place().unwrap());
}

/// Makes it overloaded, and leaves one place taken and nobody in the line.
async fn overload(queue: &Arc<Queue>) -> Place {
    let held = place(queue);
    let mut line: Vec<_> = (0..3).map(|_| Line::join(queue)).collect();
    assert!(line.iter_mut().all(|waiter| waiter.ask().is_none()));
    for passes in [TARGET, INTERVAL] {
        advance(passes).await;
        for waiter in &mut line {
            let _ = waiter.ask();
        }
    }
    assert!(queue.is_overloaded());
    held
}

#[tokio::test(start_paused = true)]
async fn a_line_that_is_short_now_and_then_sends_nobody_away() {
    let queue = queue(1, 100);
    let mut held = place(&queue);
    let mut line = VecDeque::from([Line::join(&queue)]);
    for _ in 0..20 {
        line.extend((0..5).map(|_| Line::join(&queue)));
        // It never ends, and the last ones wait for longer than the target.
        for _ in 0..5 {
            assert!(line.iter_mut().all(|waiter| waiter.ask().is_none()));
            advance(Duration::from_millis(14)).await;
            drop(held);
            held = line.pop_front().unwrap().place().unwrap();
        }
        assert!(!queue.is_overloaded());
    }
    drop(held);
    let waits = queue.take_waits();
    assert_eq!(waits.shed, 0);
    assert!(waits.long >= 20 && waits.longest > TARGET, "{waits:?}");
}

#[tokio::test(start_paused = true)]
async fn while_connections_are_being_opened_nobody_is_sent_away() {
    let queue = queue(1, 100);
    let held = place(&queue);
    let opening = queue.await_connection();
    let mut line: Vec<_> = (0..5).map(|_| Line::join(&queue)).collect();
    for _ in 0..10 {
        assert!(line.iter_mut().all(|waiter| waiter.ask().is_none()));
        advance(INTERVAL).await;
    }
    // Now all are there, and it still takes too long.
    drop(opening);
    assert!(line.iter_mut().all(|waiter| waiter.ask().is_none()));
    advance(INTERVAL).await;
    assert!(line.iter_mut().any(Line::was_shed));
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn it_is_over_once_nobody_was_sent_away_for_an_interval() {
    let queue = queue(1, 100);
    let held = overload(&queue).await;
    advance(INTERVAL).await;
    assert!(!queue.is_overloaded());
    let mut line = [Line::join(&queue), Line::join(&queue)];
    drop(held);
    assert!(line[1].ask().is_none());
    assert!(line[0].place().is_some(), "in order again");
}

#[tokio::test(start_paused = true)]
async fn without_a_target_nobody_is_sent_away() {
    let queue = Queue::new(1, 100, ControlledDelay::new(Duration::ZERO, INTERVAL));
    let _held = place(&queue);
    let mut line: Vec<_> = (0..5).map(|_| Line::join(&queue)).collect();
    for _ in 0..100 {
        assert!(line.iter_mut().all(|waiter| waiter.ask().is_none()));
        advance(INTERVAL).await;
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_ends_at_its_deadline() {
    let queue = queue(1, 10);
    let _held = place(&queue);
    let Entry::Waiting(mut waiting) = queue.enter(Instant::now()) else {
        panic!("a place was free");
    };
    let until = Instant::now() + Duration::from_secs(2);
    assert!(matches!(waiting.outcome(until).await, Outcome::TimedOut));
    assert_eq!(Instant::now(), until);
    drop(waiting);
    assert_eq!(queue.waiting(), 0);
}

/// Serves one each five milliseconds, and lets so many come meanwhile. Gives how long those had
/// waited who were sent away in the second half.
async fn flood(queue: &Arc<Queue>, turns: usize, come: usize) -> Vec<Duration> {
    let mut held = place(queue);
    let mut line: Vec<(Instant, Line)> = Vec::new();
    let mut refused = Vec::new();
    for turn in 0..turns {
        line.extend((0..come).map(|_| (Instant::now(), Line::join(queue))));
        advance(Duration::from_millis(5)).await;
        drop(held);
        let mut served = None;
        line.retain_mut(|(since, waiter)| match waiter.ask() {
            None => true,
            Some(Outcome::Admitted(place)) => {
                served = Some(place);
                false
            }
            Some(_) => {
                refused.extend((turn > turns / 2).then(|| since.elapsed()));
                false
            }
        });
        held = served.unwrap();
    }
    refused
}

#[tokio::test(start_paused = true)]
async fn who_cannot_be_served_is_told_before_the_target() {
    let queue = queue(1, 1_000);
    let refused = flood(&queue, 400, 3).await;
    assert!(refused.len() > 300, "{}", refused.len());
    let longest = refused.iter().max().unwrap();
    assert!(*longest <= TARGET / 4, "{longest:?}");
}

#[tokio::test(start_paused = true)]
async fn bursts_do_not_keep_it_overloaded() {
    let queue = queue(1, 1_000);
    drop(flood(&queue, 400, 3).await);
    assert!(queue.is_overloaded());
    // A burst now and then, each over within less than the target.
    for _ in 0..20 {
        let held = place(&queue);
        let mut line: Vec<_> = (0..8).map(|_| Line::join(&queue)).collect();
        advance(Duration::from_millis(5)).await;
        drop(held);
        while !line.is_empty() {
            line.retain_mut(|waiter| waiter.ask().is_none());
        }
        advance(TARGET).await;
    }
    assert!(!queue.is_overloaded());
    queue.take_waits();
    let held = place(&queue);
    let line: Vec<_> = (0..8).map(|_| Line::join(&queue)).collect();
    assert_eq!(queue.take_waits().shed, 0);
    drop((line, held));
}
