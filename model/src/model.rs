//! The protocol as stateright sees it: a configuration, and perhaps a defect.

use stateright::{Model, Property};

use crate::actions::Action;
use crate::configurations::{Configuration, Role};
use crate::defects::Defect;
use crate::properties;
use crate::state::State;

/// What is explored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Coherence {
    pub(crate) configuration: Configuration,
    pub(crate) defect: Option<Defect>,
}

impl Coherence {
    /// Whether this mistake is made.
    pub(crate) fn has(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }

    /// Whether this process stores in Redis what it loads: where one does nothing else, it does so
    /// for both.
    pub(crate) fn is_storing(&self, process: u8) -> bool {
        let roles = self.configuration.roles;
        let is_loading = roles[usize::from(process)] == Role::Loading;
        self.configuration.redis && (is_loading || !roles.contains(&Role::Loading))
    }

    /// Whether this process serves from its caches.
    pub(crate) fn is_serving(&self, process: u8) -> bool {
        self.configuration.roles[usize::from(process)].is_serving()
    }
}

impl Model for Coherence {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let [one, other] = self.configuration.roles;
        vec![State::new(one == other)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.possible(state, actions);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let next = self.after(state, action);
        (next != *state).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::of(&self.configuration)
    }
}
