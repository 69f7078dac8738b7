//! Exploring one configuration, with or without a defect.

use std::time::{Duration, Instant};

use stateright::{Checker, Expectation, HasDiscoveries, Model};

use crate::actions::Action;
use crate::configurations::Configuration;
use crate::defects::Described;
use crate::model::Coherence;

/// What came out of an exploration.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) configuration: Configuration,
    pub(crate) defect: Option<&'static Described>,
    /// Different states that were visited.
    pub(crate) states: usize,
    pub(crate) took: Duration,
    /// The property that does not hold with the shortest way to break it.
    pub(crate) violation: Option<Violation>,
    /// What should be reachable and is not: what holds then does not mean much.
    pub(crate) unreached: Vec<&'static str>,
}

/// How a property is broken.
#[derive(Debug)]
pub(crate) struct Violation {
    pub(crate) property: &'static str,
    pub(crate) path: Vec<Action>,
}

impl Outcome {
    /// Everything holds where nothing is wrong, and the defect is found where there is one.
    pub(crate) fn is_expected(&self) -> bool {
        match self.defect {
            Some(_) => self.violation.is_some(),
            None => self.violation.is_none() && self.unreached.is_empty(),
        }
    }
}

/// Visits every state, or as many as it takes to find a violation: nearest first, so that with
/// one thread the path to it is the shortest.
pub(crate) fn explore(
    configuration: &Configuration,
    defect: Option<&'static Described>,
    threads: usize,
) -> Outcome {
    let began = Instant::now();
    let model = Coherence {
        configuration: *configuration,
        defect: defect.map(|described| described.defect),
    };
    let checker = model
        .checker()
        .threads(threads)
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join();
    let discoveries = checker.discoveries();
    let (mut violation, mut unreached): (Option<Violation>, Vec<_>) = (None, Vec::new());
    for property in model.properties() {
        let path = discoveries.get(property.name).cloned();
        match (property.expectation, path) {
            (Expectation::Sometimes, None) => unreached.push(property.name),
            (Expectation::Always, Some(path)) => {
                let path = path.into_actions();
                let is_shorter = |found: &Violation| path.len() < found.path.len();
                if violation.as_ref().is_none_or(is_shorter) {
                    let property = property.name;
                    violation = Some(Violation { property, path });
                }
            }
            _ => {}
        }
    }
    Outcome {
        configuration: *configuration,
        defect,
        states: checker.unique_state_count(),
        took: began.elapsed(),
        violation,
        unreached,
    }
}
