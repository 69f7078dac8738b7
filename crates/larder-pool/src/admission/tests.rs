//! The queue beside a model of it, and what each promise means.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use proptest::prelude::*;
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
        Self(Box::pin(async move {
            let far = Instant::now() + Duration::from_secs(3_600);
            waiting.outcome(far).await
        }))
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
async fn a_burst_that_passes_sends_nobody_away() {
    let queue = queue(1, 100);
    let mut held = place(&queue);
    for _ in 0..20 {
        let mut line: Vec<_> = (0..5).map(|_| Line::join(&queue)).collect();
        // Each is served in time, but for the last ones: 70 ms at most.
        for waiter in &mut line {
            assert!(waiter.ask().is_none());
            advance(Duration::from_millis(14)).await;
            drop(held);
            held = waiter.place().unwrap();
        }
        assert!(!queue.is_overloaded());
    }
    drop(held);
    assert_eq!(queue.take_waits().shed, 0);
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

#[derive(Debug, Clone)]
enum Step {
    Come,
    /// The nth of those in line looks what has become of him.
    Ask(usize),
    /// The nth of those in line leaves.
    Leave(usize),
    /// The nth of those who have a place gives it back.
    GiveBack(usize),
    Limit(usize),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Come),
        3 => (0..8_usize).prop_map(Step::Ask),
        2 => (0..8_usize).prop_map(Step::Leave),
        3 => (0..8_usize).prop_map(Step::GiveBack),
        1 => (1..5_usize).prop_map(Step::Limit),
        1 => (1..400_u64).prop_map(Step::Pass),
    ]
}

/// What the steps have made.
struct Model {
    queue: Arc<Queue>,
    places: Vec<Place>,
    line: Vec<Line>,
}

impl Model {
    const MAX_WAITING: usize = 6;

    async fn take(&mut self, step: Step) {
        match step {
            Step::Come => self.come(),
            Step::Ask(number) if number < self.line.len() => {
                if let Some(outcome) = self.line[number].ask() {
                    drop(self.line.remove(number));
                    if let Outcome::Admitted(place) = outcome {
                        self.places.push(place);
                    }
                }
            }
            Step::Leave(number) if number < self.line.len() => drop(self.line.remove(number)),
            Step::GiveBack(number) if number < self.places.len() => {
                drop(self.places.remove(number));
            }
            Step::Limit(limit) => self.queue.set_limit(limit),
            Step::Pass(milliseconds) => advance(Duration::from_millis(milliseconds)).await,
            _ => {}
        }
    }

    fn come(&mut self) {
        if let Some(place) = self.queue.try_enter() {
            self.places.push(place);
            return;
        }
        match self.queue.enter(Instant::now()) {
            Entry::Admitted(place) => self.places.push(place),
            Entry::Waiting(mut waiting) => self.line.push(Line(Box::pin(async move {
                let far = Instant::now() + Duration::from_secs(3_600);
                waiting.outcome(far).await
            }))),
            Entry::Full => assert_eq!(self.queue.waiting(), Self::MAX_WAITING),
            Entry::Closed => panic!("nobody closed it"),
        }
    }

    fn check(&self) {
        let (in_use, waiting) = figures(&self.queue);
        let told = in_use - self.places.len();
        // Whoever counts as waiting is in line; the others there have been told something.
        assert!(waiting + told <= self.line.len(), "{in_use} {waiting}");
        if waiting > 0 {
            assert!(
                in_use >= self.queue.limit(),
                "somebody waits before a free place"
            );
        }
    }

    /// Everybody goes, in any order: nothing is left, and all places are free.
    fn end(mut self, limit: usize) {
        self.queue.set_limit(limit);
        while let Some(waiter) = self.line.pop() {
            drop(waiter);
            self.places.pop();
        }
        self.places.clear();
        assert_eq!(figures(&self.queue), (0, 0));
        let all: Vec<_> = (0..limit).map(|_| place(&self.queue)).collect();
        assert!(self.queue.try_enter().is_none());
        drop(all);
    }
}

proptest! {
    #[test]
    fn no_place_is_lost_and_none_is_invented(steps in prop::collection::vec(step(), 1..200), limit in 1..5_usize) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut model = Model {
                queue: queue(limit, Model::MAX_WAITING),
                places: vec![],
                line: vec![],
            };
            for step in steps {
                model.take(step).await;
                model.check();
            }
            model.end(limit);
        });
    }
}

/// The same from many threads at once, where the fast path meets the line.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_place_is_lost_between_threads() {
    let queue = Queue::new(
        3,
        1_000,
        ControlledDelay::new(Duration::ZERO, Duration::ZERO),
    );
    let inside = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let visitors = (0..32).map(|visitor: usize| {
        let (queue, inside) = (Arc::clone(&queue), Arc::clone(&inside));
        tokio::spawn(async move {
            for visit in 0..500_usize {
                let place = match queue.try_enter() {
                    Some(place) => place,
                    None => match queue.enter(Instant::now()) {
                        Entry::Admitted(place) => place,
                        Entry::Waiting(mut waiting) => {
                            if (visitor + visit).is_multiple_of(5) {
                                continue;
                            }
                            let far = Instant::now() + Duration::from_secs(3_600);
                            match waiting.outcome(far).await {
                                Outcome::Admitted(place) => place,
                                _ => panic!("nobody is sent away"),
                            }
                        }
                        Entry::Full | Entry::Closed => panic!("there is room to wait"),
                    },
                };
                let many = inside.fetch_add(1, std::sync::atomic::Ordering::AcqRel) + 1;
                assert!(many <= 3, "{many} inside");
                if visit.is_multiple_of(3) {
                    tokio::task::yield_now().await;
                }
                inside.fetch_sub(1, std::sync::atomic::Ordering::AcqRel);
                drop(place);
            }
        })
    });
    for visitor in visitors.collect::<Vec<_>>() {
        visitor.await.unwrap();
    }
    assert_eq!(figures(&queue), (0, 0));
}
