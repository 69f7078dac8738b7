//! The queue beside a model of it: whatever happens in whatever order, no place is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use tokio::time::{Instant, advance};

use super::{Line, figures, place, queue};
use crate::admission::{ControlledDelay, Entry, Outcome, Place, Queue};

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
    let inside = Arc::new(AtomicUsize::new(0));
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
                let many = inside.fetch_add(1, Ordering::AcqRel) + 1;
                assert!(many <= 3, "{many} inside");
                if visit.is_multiple_of(3) {
                    tokio::task::yield_now().await;
                }
                inside.fetch_sub(1, Ordering::AcqRel);
                drop(place);
            }
        })
    });
    for visitor in visitors.collect::<Vec<_>>() {
        visitor.await.unwrap();
    }
    assert_eq!(figures(&queue), (0, 0));
}
