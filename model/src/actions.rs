//! What can happen next.

use crate::configurations::Role;
use crate::defects::Defect;
use crate::model::Coherence;
use crate::state::{FlightStage, Process, Stage, State, Tables, only};

/// One atomic step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Begin {
        process: u8,
        transaction: u8,
        tables: Tables,
    },
    Abort {
        transaction: u8,
    },
    CommitLands {
        transaction: u8,
    },
    Log {
        transaction: u8,
    },
    Apply {
        process: u8,
        transaction: u8,
    },
    Acknowledge {
        transaction: u8,
    },
    AskPoll {
        process: u8,
    },
    Poll {
        process: u8,
    },
    FinishLearning {
        process: u8,
    },
    Crash {
        process: u8,
    },
    Restart {
        process: u8,
    },
    Join {
        process: u8,
        reader: u8,
        flight: u8,
    },
    Depart {
        process: u8,
        reader: Option<u8>,
        flight: u8,
    },
    GiveUp {
        process: u8,
        reader: u8,
    },
    Fetch {
        process: u8,
        flight: u8,
        stored: u8,
    },
    Capture {
        process: u8,
        flight: u8,
    },
    ReadFirst {
        process: u8,
        flight: u8,
    },
    ReadSecond {
        process: u8,
        flight: u8,
    },
    FlightLands {
        process: u8,
        flight: u8,
        stored: Option<u8>,
    },
    Prune {
        transaction: u8,
    },
    Tick,
}

impl Coherence {
    /// All that can happen in this state.
    pub(crate) fn possible(&self, state: &State, actions: &mut Vec<Action>) {
        self.of_transactions(state, actions);
        for number in 0..2 {
            let process = &state.processes[usize::from(number)];
            let role = self.configuration.roles[usize::from(number)];
            if !process.up {
                actions.push(Action::Restart { process: number });
                continue;
            }
            if role.is_serving() {
                self.of_invalidations(number, process, actions);
                self.of_readers(number, process, role, actions);
            }
            // Loads in the background, where nobody waits for the value.
            if role.readers() == 0
                && let Some(flight) = free_flight(process, role)
            {
                actions.push(Action::Depart {
                    process: number,
                    reader: None,
                    flight,
                });
            }
            if self.configuration.crashes && self.is_crash_of_interest(role) {
                actions.push(Action::Crash { process: number });
            }
            for flight in 0..role.flights() {
                self.of_flight(state, number, flight, actions);
            }
        }
        if self.configuration.time {
            actions.push(Action::Tick);
        }
    }

    /// What only loads or writes has nothing to lose but rows that are not yet in the log.
    fn is_crash_of_interest(&self, role: Role) -> bool {
        role.is_serving() || self.has(Defect::LogAfterCommit)
    }

    fn of_transactions(&self, state: &State, actions: &mut Vec<Action>) {
        let transactions = (0..self.configuration.transactions).zip(&state.transactions);
        let mut may_begin = true;
        for (number, transaction) in transactions {
            let owner = transaction.owner;
            let set = only(number);
            match transaction.stage {
                // They are all the same: the first one is enough.
                Stage::NotBegun if may_begin => {
                    may_begin = false;
                    self.of_writers(state, number, actions);
                }
                Stage::NotBegun => {}
                Stage::Open => {
                    let transaction = number;
                    actions.push(Action::CommitLands { transaction });
                    actions.push(Action::Abort { transaction });
                }
                Stage::Committed | Stage::Acknowledged => {
                    if state.unlogged & set != 0 && owner.is_some() {
                        actions.push(Action::Log {
                            transaction: number,
                        });
                    }
                    if self.configuration.pruning && (state.unlogged | state.pruned) & set == 0 {
                        actions.push(Action::Prune {
                            transaction: number,
                        });
                    }
                    if let Some(owner) = owner.filter(|owner| self.is_serving(*owner)) {
                        self.of_answer(state, owner, number, actions);
                    }
                }
            }
        }
    }

    fn of_writers(&self, state: &State, transaction: u8, actions: &mut Vec<Action>) {
        for process in 0..2 {
            if state.processes[usize::from(process)].up {
                actions.extend((1..=3).map(|tables| Action::Begin {
                    process,
                    transaction,
                    tables,
                }));
            }
        }
    }

    /// What the process does that gets the answer to its COMMIT.
    fn of_answer(&self, state: &State, process: u8, transaction: u8, actions: &mut Vec<Action>) {
        let set = only(transaction);
        if state.unlogged & set != 0 {
            return;
        }
        let owner = &state.processes[usize::from(process)];
        let acknowledged =
            state.transactions[usize::from(transaction)].stage == Stage::Acknowledged;
        let is_applied = owner.learned() & set != 0;
        if owner.known & set == 0 && (!acknowledged || self.has(Defect::AckBeforeApply)) {
            actions.push(Action::Apply {
                process,
                transaction,
            });
        }
        if !acknowledged && (is_applied || self.has(Defect::AckBeforeApply)) {
            actions.push(Action::Acknowledge { transaction });
        }
    }

    fn of_invalidations(&self, number: u8, process: &Process, actions: &mut Vec<Action>) {
        let is_asked = process.poll.is_some();
        if self.configuration.time {
            actions.push(Action::AskPoll { process: number });
        }
        if is_asked || !self.configuration.time {
            actions.push(Action::Poll { process: number });
        }
        if process.learning != 0 {
            actions.push(Action::FinishLearning { process: number });
        }
    }

    fn of_readers(&self, number: u8, process: &Process, role: Role, actions: &mut Vec<Action>) {
        let joinable = process.place.filter(|flight| {
            let flight = &process.flights[usize::from(*flight)];
            (flight.current || self.has(Defect::JoinOldFlight))
                && (process.leased || self.has(Defect::JoinWithoutLease))
        });
        let free = free_flight(process, role);
        for reader in 0..role.readers() {
            if process.readers[usize::from(reader)].waits_for.is_some() {
                actions.push(Action::GiveUp {
                    process: number,
                    reader,
                });
            } else if let Some(flight) = joinable {
                actions.push(Action::Join {
                    process: number,
                    reader,
                    flight,
                });
            } else if let Some(flight) = free {
                actions.push(Action::Depart {
                    process: number,
                    reader: Some(reader),
                    flight,
                });
            }
        }
    }

    fn of_flight(&self, state: &State, process: u8, flight: u8, actions: &mut Vec<Action>) {
        let is_storing = self.is_storing(process);
        let stage = state.processes[usize::from(process)].flights[usize::from(flight)].stage;
        let lands = |stored| Action::FlightLands {
            process,
            flight,
            stored,
        };
        match stage {
            FlightStage::Free => {}
            FlightStage::Departed => {
                if self.is_serving(process) {
                    let accepted = (0..2).filter(|stored| {
                        state.redis[usize::from(*stored)]
                            .is_some_and(|stored| self.accepts(state, process, stored.snapshot))
                    });
                    actions.extend(accepted.map(|stored| Action::Fetch {
                        process,
                        flight,
                        stored,
                    }));
                }
                actions.push(if is_storing {
                    Action::Capture { process, flight }
                } else {
                    Action::ReadFirst { process, flight }
                });
            }
            FlightStage::Captured => actions.push(Action::ReadFirst { process, flight }),
            FlightStage::HalfLoaded => actions.push(Action::ReadSecond { process, flight }),
            FlightStage::Fetched => actions.push(lands(None)),
            FlightStage::Loaded => {
                actions.push(lands(None));
                let places = 1 + u8::from(self.configuration.restore);
                let places = if is_storing { places } else { 0 };
                actions.extend((0..places).map(|stored| lands(Some(stored))));
            }
        }
    }
}

fn free_flight(process: &Process, role: Role) -> Option<u8> {
    (0..role.flights())
        .find(|flight| process.flights[usize::from(*flight)].stage == FlightStage::Free)
}
