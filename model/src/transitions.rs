//! What each step does to transactions, to what processes know, and to the world around them.

use crate::actions::Action;
use crate::defects::Defect;
use crate::model::Coherence;
use crate::state::{
    FIRST_TABLE, Poll, Process, Stage, State, Tables, Transaction, Transactions, only,
};

impl Coherence {
    /// The state after the step.
    pub(crate) fn after(&self, state: &State, action: Action) -> State {
        let mut next = *state;
        match action {
            Action::Begin {
                process,
                transaction,
                tables,
            } => self.begin(&mut next, process, transaction, tables),
            // Its id was never seen by anybody: the transaction may as well begin again.
            Action::Abort { transaction } => {
                next.transactions[usize::from(transaction)] = Transaction::default()
            }
            Action::CommitLands { transaction } => self.land(&mut next, transaction),
            Action::Log { transaction } => next.unlogged &= !only(transaction),
            Action::Acknowledge { transaction } => {
                next.transactions[usize::from(transaction)].stage = Stage::Acknowledged
            }
            Action::Apply {
                process,
                transaction,
            } => self.learn(&mut next, process, only(transaction)),
            Action::AskPoll { process } => {
                next.processes[usize::from(process)].poll = Some(self.ask(state))
            }
            Action::Poll { process } => self.poll(&mut next, process),
            Action::FinishLearning { process } => self.finish_learning(&mut next, process),
            Action::Crash { process } => crash(&mut next, process),
            Action::Restart { process } => self.restart(&mut next, process),
            Action::Prune { transaction } => next.pruned |= only(transaction),
            Action::Tick => tick(&mut next),
            Action::Join { process, .. }
            | Action::Depart { process, .. }
            | Action::GiveUp { process, .. }
            | Action::Fetch { process, .. }
            | Action::Capture { process, .. }
            | Action::ReadFirst { process, .. }
            | Action::ReadSecond { process, .. }
            | Action::FlightLands { process, .. } => self.fly(&mut next, process, action),
        }
        for process in 0..2 {
            self.forget_idle_flights(&mut next, process);
        }
        next
    }

    fn begin(&self, state: &mut State, process: u8, transaction: u8, touches: Tables) {
        // Whose it is matters to a process that serves, or that has the row still to write.
        let is_owner_of_interest = self.is_serving(process) || self.has(Defect::LogAfterCommit);
        state.transactions[usize::from(transaction)] = Transaction {
            stage: Stage::Open,
            owner: is_owner_of_interest.then_some(process),
            touches,
        };
    }

    /// The row was written in the transaction: it becomes visible in the same moment.
    fn land(&self, state: &mut State, transaction: u8) {
        state.transactions[usize::from(transaction)].stage = Stage::Committed;
        if self.has(Defect::LogAfterCommit) {
            state.unlogged |= only(transaction);
        }
    }

    /// What a poll tells that begins now: the rows, and what is below the horizon.
    pub(crate) fn told(&self, state: &State) -> Transactions {
        let logged = state.committed() & !state.unlogged;
        if self.has(Defect::IgnoreHorizon) {
            logged & !state.pruned
        } else {
            logged
        }
    }

    fn ask(&self, state: &State) -> Poll {
        Poll {
            committed: state.committed(),
            tells: self.told(state),
            recent: true,
        }
    }

    /// The answer to the poll that was asked; without time, question and answer are one step.
    fn poll(&self, state: &mut State, number: u8) {
        let asked = state.processes[usize::from(number)].poll.take();
        let poll = asked.unwrap_or_else(|| self.ask(state));
        self.learn(state, number, poll.tells);
        let process = &mut state.processes[usize::from(number)];
        process.leased |= poll.recent || self.has(Defect::LeaseFromAnswer);
        process.missed = (process.missed | poll.committed) & !process.known;
    }

    /// Invalidations become known, then counters grow: in one step, or the second one later.
    fn learn(&self, state: &mut State, number: u8, transactions: Transactions) {
        let process = &mut state.processes[usize::from(number)];
        let new = transactions & !process.known;
        process.known |= new;
        process.missed &= !new;
        if self.configuration.two_step_learning {
            process.learning |= new;
        }
        if !self.configuration.two_step_learning || self.has(Defect::CounterBeforeKnown) {
            self.grow_counters(state, number, new);
        }
    }

    fn finish_learning(&self, state: &mut State, number: u8) {
        let process = &mut state.processes[usize::from(number)];
        let learned = std::mem::take(&mut process.learning);
        if !self.has(Defect::CounterBeforeKnown) {
            self.grow_counters(state, number, learned);
        }
    }

    /// Nothing whose counters were taken before is current any more, if it depends on what these
    /// have written. A transaction whose row is pruned invalidates everything.
    fn grow_counters(&self, state: &mut State, number: u8, transactions: Transactions) {
        let concerned = transactions & (self.checked(state, transactions) | state.pruned);
        if concerned != 0 {
            let process = &mut state.processes[usize::from(number)];
            process.l1 = None;
            for flight in &mut process.flights {
                flight.current = false;
            }
        }
    }

    /// Those of the transactions that the entry is checked against: all that touched one of its
    /// dependencies, and both tables are.
    pub(crate) fn checked(&self, state: &State, transactions: Transactions) -> Transactions {
        if self.has(Defect::OneDependencyOnly) {
            transactions & state.touching(FIRST_TABLE)
        } else {
            transactions
        }
    }

    /// It reads the whole retained log before it serves.
    fn restart(&self, state: &mut State, number: u8) {
        let known = self.told(state);
        let missed = state.committed() & !known;
        state.processes[usize::from(number)] = Process {
            known,
            missed,
            ..Process::new()
        };
    }
}

/// All that was in the process is gone; its transactions are the database's alone.
fn crash(state: &mut State, number: u8) {
    state.processes[usize::from(number)] = Process {
        up: false,
        ..Process::new()
    };
    for transaction in &mut state.transactions {
        if transaction.owner == Some(number) {
            transaction.owner = None;
            // Nobody is left who was told.
            transaction.stage = transaction.stage.min(Stage::Committed);
        }
    }
}

/// `max_staleness` passes: what is committed by now is overdue, what was polled by now has lapsed.
fn tick(state: &mut State) {
    state.overdue = state.committed();
    for process in &mut state.processes {
        process.leased = false;
        if let Some(poll) = &mut process.poll {
            poll.recent = false;
        }
    }
}
