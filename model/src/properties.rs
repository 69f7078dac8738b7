//! What has to hold in every state, and what has to be reached for that to mean something.

use stateright::Property;

use crate::configurations::Configuration;
use crate::model::Coherence;
use crate::state::{FlightStage, Process, Stage, State, Transactions, Writes, only};

/// A promise to callers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Promise {
    OwnWrites,
    Polls,
    Lease,
    Joiners,
    Committed,
}

impl Promise {
    /// Its place in [`State::broken`].
    pub(crate) fn bit(self) -> u8 {
        1 << self as u8
    }

    fn is_kept(self, state: &State) -> bool {
        state.broken & self.bit() == 0
    }
}

/// The properties of this configuration.
pub(crate) fn of(configuration: &Configuration) -> Vec<Property<Coherence>> {
    let mut properties = vec![
        Property::always("own writes are seen", own_writes_are_seen),
        Property::always("bounded by the poll", bounded_by_the_poll),
        Property::always("no lasting staleness", no_lasting_staleness),
        Property::always("only committed data is served", only_committed_is_served),
        Property::sometimes("a fresh hit in L1", fresh_hit_in_l1),
    ];
    if configuration.time {
        properties.push(Property::always(
            "bounded by the lease",
            bounded_by_the_lease,
        ));
    }
    let readers = configuration.roles.iter().map(|role| role.readers()).max();
    if readers > Some(0) {
        properties.push(Property::always(
            "joiners get what was known",
            |_, state| Promise::Joiners.is_kept(state),
        ));
    }
    if readers > Some(1) {
        properties.push(Property::sometimes("a joined flight", joined_flight));
    }
    if configuration.redis {
        properties.push(Property::sometimes("a fresh hit in L2", fresh_hit_in_l2));
        properties.push(Property::sometimes("a promoted entry", promoted_entry));
    }
    properties
}

/// The processes that serve.
fn serving<'a>(
    model: &'a Coherence,
    state: &'a State,
) -> impl Iterator<Item = (u8, &'a Process)> + Clone {
    (0..)
        .zip(&state.processes)
        .filter(|(number, process)| process.up && model.is_serving(*number))
}

fn from_l1(process: &Process) -> Option<Writes> {
    process.l1.filter(|_| process.leased)
}

fn from_l2(model: &Coherence, state: &State, process: u8) -> impl Iterator<Item = Writes> {
    let stored = state.redis.into_iter().flatten();
    stored
        .filter(move |stored| model.accepts(state, process, stored.snapshot))
        .map(|stored| stored.value)
}

/// All that the process would serve at once.
fn servable(
    model: &Coherence,
    state: &State,
    number: u8,
    process: &Process,
) -> impl Iterator<Item = Writes> {
    from_l1(process)
        .into_iter()
        .chain(from_l2(model, state, number))
}

/// Whether each process, whatever it would serve at once, serves all of the transactions that it
/// must.
fn all_serve(
    model: &Coherence,
    state: &State,
    must: impl Fn(u8, &Process) -> Transactions,
) -> bool {
    serving(model, state).all(|(number, process)| {
        let must = must(number, process);
        servable(model, state, number, process).all(|value| state.lacks(value, must) == 0)
    })
}

fn own_writes_are_seen(model: &Coherence, state: &State) -> bool {
    Promise::OwnWrites.is_kept(state)
        && all_serve(model, state, |number, _| state.acknowledged_by(number))
}

/// Nothing is served that lacks a commit which was there when the process polled, or which it
/// learned of in another way.
fn bounded_by_the_poll(model: &Coherence, state: &State) -> bool {
    Promise::Polls.is_kept(state)
        && all_serve(model, state, |_, process| {
            process.learned() | process.missed
        })
}

/// Nothing is served that lacks a commit older than `max_staleness`.
fn bounded_by_the_lease(model: &Coherence, state: &State) -> bool {
    Promise::Lease.is_kept(state) && all_serve(model, state, |_, _| state.overdue)
}

/// A process that can learn nothing more serves nothing but what is newest.
fn no_lasting_staleness(model: &Coherence, state: &State) -> bool {
    all_serve(model, state, |number, process| {
        if can_learn(model, state, number, process) {
            0
        } else {
            state.committed()
        }
    })
}

fn can_learn(model: &Coherence, state: &State, number: u8, process: &Process) -> bool {
    let is_row_to_come = |transaction: u8| state.unlogged & only(transaction) != 0;
    let is_answer_to_come = |transaction: u8| process.known & only(transaction) == 0;
    let is_anything_to_come = (0..)
        .zip(&state.transactions)
        .any(|(number_of, transaction)| {
            transaction.stage >= Stage::Committed
                && (transaction.owner.is_some() && is_row_to_come(number_of)
                    || transaction.owner == Some(number) && is_answer_to_come(number_of))
        });
    is_anything_to_come
        || process.learning != 0
        || process.poll.is_some()
        || model.told(state) & !process.known != 0
}

fn only_committed_is_served(model: &Coherence, state: &State) -> bool {
    let committed = state.writes(state.committed());
    Promise::Committed.is_kept(state)
        && serving(model, state).all(|(number, process)| {
            servable(model, state, number, process).all(|value| value & !committed == 0)
        })
}

/// The value that contains every transaction of the configuration, once all are committed.
fn newest(model: &Coherence, state: &State) -> Option<(Transactions, Writes)> {
    let all = only(model.configuration.transactions) - 1;
    (state.committed() == all).then(|| (all, state.writes(all)))
}

/// Whether a process that knows of every transaction is like this, given the newest value.
fn is_reached(
    model: &Coherence,
    state: &State,
    like: impl Fn(u8, &Process, Writes) -> bool,
) -> bool {
    newest(model, state).is_some_and(|(all, value)| {
        serving(model, state)
            .any(|(number, process)| process.learned() == all && like(number, process, value))
    })
}

fn fresh_hit_in_l1(model: &Coherence, state: &State) -> bool {
    is_reached(model, state, |_, process, newest| {
        from_l1(process) == Some(newest)
    })
}

fn fresh_hit_in_l2(model: &Coherence, state: &State) -> bool {
    is_reached(model, state, |number, _, newest| {
        from_l2(model, state, number).any(|value| value == newest)
    })
}

fn joined_flight(model: &Coherence, state: &State) -> bool {
    is_reached(model, state, |_, process, newest| {
        process.readers.iter().any(|reader| {
            let flight = reader
                .waits_for
                .map(|flight| process.flights[usize::from(flight)]);
            reader.joined && flight.is_some_and(|flight| flight.value == newest)
        })
    })
}

fn promoted_entry(model: &Coherence, state: &State) -> bool {
    is_reached(model, state, |_, process, newest| {
        process.flights.iter().any(|flight| {
            flight.stage == FlightStage::Fetched && flight.current && flight.value == newest
        })
    })
}
