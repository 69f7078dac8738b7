//! Everything holds at a smaller bound, and every defect is found: quick enough for every run of
//! the tests. The program explores more.

use std::collections::HashSet;

use stateright::Model;

use crate::configurations::{CONFIGURATIONS, named};
use crate::defects::DEFECTS;
use crate::exploration::explore;
use crate::model::Coherence;
use crate::state::State;

#[test]
fn everything_holds_with_one_transaction() {
    for configuration in CONFIGURATIONS {
        let mut smaller = configuration;
        smaller.transactions = 1;
        let outcome = explore(&smaller, None, 1);
        let name = configuration.name;
        assert!(
            outcome.violation.is_none(),
            "{name}: {:?}",
            outcome.violation
        );
        assert!(
            outcome.unreached.is_empty(),
            "{name}: {:?}",
            outcome.unreached
        );
        assert!(outcome.is_expected(), "{name}");
    }
}

#[test]
fn two_writers_and_two_readers_are_explored_entirely() {
    let outcome = explore(named("flights").unwrap(), None, 1);
    assert!(outcome.is_expected(), "{outcome:?}");
    assert!(outcome.states > 100_000, "only {} states", outcome.states);
}

#[test]
fn every_defect_is_found_wherever_it_shows() {
    for described in &DEFECTS {
        assert!(!described.found_in.is_empty(), "{}", described.name);
        for name in described.found_in {
            let outcome = explore(named(name).unwrap(), Some(described), 1);
            assert!(outcome.violation.is_some(), "{} in {name}", described.name);
        }
    }
}

/// Explored without regard to symmetry, states differ in names too: what is left of them without
/// the names has to be what the checker has visited, nothing less.
#[test]
fn symmetry_leaves_no_state_out() {
    for name in ["flights", "fetches", "redis"] {
        let mut configuration = *named(name).unwrap();
        configuration.transactions = 1;
        let model = Coherence {
            configuration,
            defect: None,
        };
        // The hash leaves names out, equality does not.
        let mut seen: HashSet<State> = model.init_states().into_iter().collect();
        let mut pending: Vec<State> = seen.iter().copied().collect();
        while let Some(state) = pending.pop() {
            let new = model.next_states(&state);
            pending.extend(new.into_iter().filter(|next| seen.insert(*next)));
        }
        let codes: HashSet<_> = seen.iter().map(State::code).collect();
        assert!(codes.len() < seen.len(), "{name}: nothing is symmetric");
        let visited = explore(&configuration, None, 1).states;
        assert_eq!(codes.len(), visited, "{name}: of {} states", seen.len());
    }
}
