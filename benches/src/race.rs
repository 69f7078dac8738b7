//! Rounds that take turns: contenders that are measured at the same time, one after the other,
//! over and over, so that what disturbs the machine disturbs them alike.

use std::pin::Pin;
use std::time::Duration;

use crate::error::Result;
use crate::report::Figure;

/// How much is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effort {
    /// Until figures are stable on a machine that is not quiet.
    Full,
    /// In seconds.
    Quick,
}

impl Effort {
    /// The one for this effort.
    pub(crate) fn choose<T>(self, full: T, quick: T) -> T {
        match self {
            Self::Full => full,
            Self::Quick => quick,
        }
    }
}

/// Contenders that are measured together.
pub(crate) struct Race<'a> {
    rounds: usize,
    contenders: Vec<Contender<'a>>,
}

struct Contender<'a> {
    /// How often its work is repeated in a round; none until it was tried out.
    repetitions: Option<usize>,
    work: Work<'a>,
    laps: Vec<Lap>,
}

/// A part of a contender's work that has a figure of its own.
struct Lap {
    name: &'static str,
    label: String,
    /// Nanoseconds for one repetition, a value for each round.
    times: Vec<f64>,
}

/// Repeats something so often, and says how long each of its laps took altogether.
type Work<'a> = Box<dyn FnMut(usize) -> Repeated<'a> + Send + 'a>;
type Repeated<'a> = Pin<Box<dyn Future<Output = Result<Vec<Duration>>> + Send + 'a>>;

/// How long a round of a contender is to take at least: so short that most rounds pass without
/// an interruption where the machine has other work, and far longer than the clock needs.
const ROUND: Duration = Duration::from_micros(250);

/// How often a number of repetitions is tried out; the quickest counts.
const TRIALS: usize = 5;

/// Rounds before those that count.
const WARM_UP: usize = 2;

impl<'a> Race<'a> {
    pub(crate) fn new(rounds: usize) -> Self {
        Self {
            rounds,
            contenders: Vec::new(),
        }
    }

    /// Adds a contender. Its work repeats something as often as it is told and says how long
    /// that took; how often fills a round is tried out before the first round.
    pub(crate) fn add<F, W>(&mut self, name: &'static str, label: impl Into<String>, mut work: F)
    where
        F: FnMut(usize) -> W + Send + 'a,
        W: Future<Output = Result<Duration>> + Send + 'a,
    {
        self.push(None, vec![(name, label.into())], move |repetitions| {
            let repeated = work(repetitions);
            async move { Ok(vec![repeated.await?]) }
        });
    }

    /// Adds a contender whose work is repeated so many times in a round.
    pub(crate) fn add_fixed<F, W>(
        &mut self,
        repetitions: usize,
        name: &'static str,
        label: impl Into<String>,
        mut work: F,
    ) where
        F: FnMut(usize) -> W + Send + 'a,
        W: Future<Output = Result<Duration>> + Send + 'a,
    {
        self.push(
            Some(repetitions),
            vec![(name, label.into())],
            move |count| {
                let repeated = work(count);
                async move { Ok(vec![repeated.await?]) }
            },
        );
    }

    /// Adds a contender whose work happens once in a round and has several laps.
    pub(crate) fn add_laps<F, W>(&mut self, laps: Vec<(&'static str, String)>, mut work: F)
    where
        F: FnMut() -> W + Send + 'a,
        W: Future<Output = Result<Vec<Duration>>> + Send + 'a,
    {
        self.push(Some(1), laps, move |_| work());
    }

    fn push<F, W>(
        &mut self,
        repetitions: Option<usize>,
        laps: Vec<(&'static str, String)>,
        mut work: F,
    ) where
        F: FnMut(usize) -> W + Send + 'a,
        W: Future<Output = Result<Vec<Duration>>> + Send + 'a,
    {
        let lap = |(name, label)| Lap {
            name,
            label,
            times: Vec::new(),
        };
        self.contenders.push(Contender {
            repetitions,
            work: Box::new(move |count| Box::pin(work(count))),
            laps: laps.into_iter().map(lap).collect(),
        });
    }

    /// Runs all rounds and gives a figure for each lap, in the order in which they were added.
    pub(crate) async fn run(mut self) -> Result<Vec<Figure>> {
        for contender in &mut self.contenders {
            contender.try_out().await?;
        }
        for round in 0..WARM_UP + self.rounds {
            let count = self.contenders.len();
            for place in 0..count {
                // Another one begins each round, so that all have the same place equally often.
                let contender = &mut self.contenders[(round + place) % count];
                contender.run(round >= WARM_UP).await?;
                // Ctrl-C is noticed here.
                tokio::task::yield_now().await;
            }
        }
        let laps = self.contenders.into_iter().flat_map(|one| one.laps);
        Ok(laps
            .map(|lap| Figure::of_times(lap.name, lap.label, lap.times))
            .collect())
    }
}

impl Contender<'_> {
    /// Finds how many repetitions fill a round.
    async fn try_out(&mut self) -> Result<()> {
        if self.repetitions.is_some() {
            return Ok(());
        }
        let mut repetitions = 16;
        loop {
            let mut quickest = Duration::MAX;
            for _ in 0..TRIALS {
                let taken = (self.work)(repetitions).await?;
                quickest = quickest.min(taken.iter().sum());
            }
            if quickest >= ROUND {
                self.repetitions = Some(repetitions);
                return Ok(());
            }
            repetitions *= 2;
        }
    }

    async fn run(&mut self, counts: bool) -> Result<()> {
        let repetitions = self.repetitions.unwrap_or(1);
        let taken = (self.work)(repetitions).await?;
        if counts {
            for (lap, taken) in self.laps.iter_mut().zip(taken) {
                lap.times
                    .push(taken.as_secs_f64() * 1e9 / repetitions as f64);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[tokio::test]
    async fn contenders_take_turns_and_another_one_begins_each_round() {
        let order = Mutex::new(String::new());
        let order = &order;
        let mut race = Race::new(2);
        for name in ["a", "b"] {
            race.add_fixed(4, name, name, move |count| async move {
                assert_eq!(count, 4);
                order.lock().unwrap().push_str(name);
                Ok(Duration::from_nanos(40))
            });
        }
        let figures = race.run().await.unwrap();
        assert_eq!(*order.lock().unwrap(), "abbaabba");
        assert_eq!(figures[1].name, "b");
        assert_eq!((figures[1].median, figures[1].rounds), (10.0, 2));
    }

    #[tokio::test]
    async fn repetitions_fill_a_round() {
        let most = Mutex::new(0);
        let most = &most;
        let mut race = Race::new(1);
        race.add("a", "a", move |count| async move {
            *most.lock().unwrap() = count;
            Ok(Duration::from_micros(count as u64))
        });
        race.run().await.unwrap();
        assert_eq!(*most.lock().unwrap(), 256);
    }
}
