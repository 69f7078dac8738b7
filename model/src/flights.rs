//! What each step does to callers, their flights and the caches.

use crate::actions::Action;
use crate::defects::Defect;
use crate::model::Coherence;
use crate::properties::Promise;
use crate::state::{
    FIRST_TABLE, Flight, FlightStage, Reader, SECOND_TABLE, State, Stored, Tables, Transactions,
    Writes, writes_of,
};

impl Coherence {
    /// The steps of a caller, and of a flight.
    pub(crate) fn fly(&self, state: &mut State, process: u8, action: Action) {
        match action {
            Action::Join { reader, flight, .. } => call(state, process, reader, flight, true),
            Action::Depart { reader, flight, .. } => self.depart(state, process, reader, flight),
            Action::GiveUp { reader, .. } => {
                state.processes[usize::from(process)].readers[usize::from(reader)] =
                    Reader::default();
            }
            Action::Fetch { flight, stored, .. } => fetch(state, process, flight, stored),
            Action::Capture { flight, .. } => {
                let snapshot = visible(state);
                let flight = flight_of(state, process, flight);
                flight.snapshot = snapshot;
                flight.stage = FlightStage::Captured;
            }
            Action::ReadFirst { flight, .. } => {
                let read = self.read(state, process, FIRST_TABLE);
                let flight = flight_of(state, process, flight);
                flight.value = read;
                flight.stage = FlightStage::HalfLoaded;
            }
            Action::ReadSecond { flight, .. } => self.read_second(state, process, flight),
            Action::FlightLands { flight, stored, .. } => {
                self.land_flight(state, process, flight, stored);
            }
            _ => {}
        }
    }

    /// The counters are taken, then the flight stands in the place of the key.
    fn depart(&self, state: &mut State, process: u8, reader: Option<u8>, flight: u8) {
        *flight_of(state, process, flight) = Flight {
            stage: FlightStage::Departed,
            current: self.is_serving(process),
            ..Flight::default()
        };
        if let Some(reader) = reader {
            state.processes[usize::from(process)].place = Some(flight);
            call(state, process, reader, flight, false);
        }
    }

    /// Whether an entry with this snapshot is accepted from Redis: nothing that is known may be
    /// invisible in it.
    pub(crate) fn accepts(&self, state: &State, process: u8, snapshot: Transactions) -> bool {
        let process = &state.processes[usize::from(process)];
        let known = if self.has(Defect::CounterBeforeKnown) {
            process.learned()
        } else {
            process.known
        };
        let is_seen = self.checked(state, known) & !snapshot == 0;
        process.leased && (is_seen || self.has(Defect::TrustRedis))
    }

    /// What one statement sees of a table: what is committed at that moment.
    fn read(&self, state: &State, process: u8, table: Tables) -> Writes {
        let mut seen = state.committed();
        if self.has(Defect::LoadInTransaction) {
            seen |= state.open_in(process);
        }
        let of_table = (0..3).fold(0, |writes, number| writes | writes_of(number, table));
        state.writes(seen) & of_table
    }

    fn read_second(&self, state: &mut State, process: u8, flight: u8) {
        let read = self.read(state, process, SECOND_TABLE);
        let snapshot = visible(state);
        let takes_it_late = self.has(Defect::SnapshotLate) && self.is_storing(process);
        let flight = flight_of(state, process, flight);
        flight.value |= read;
        flight.stage = FlightStage::Loaded;
        if takes_it_late {
            flight.snapshot = snapshot;
        }
        flight.current |= self.has(Defect::CounterLate);
    }

    /// All who wait get the value; it is an entry only if its counters are still current.
    fn land_flight(&self, state: &mut State, process: u8, number: u8, stored: Option<u8>) {
        let flight = std::mem::take(flight_of(state, process, number));
        if let Some(place) = stored {
            // Whatever was invalidated meanwhile: the snapshot says what the value is good for.
            state.redis[usize::from(place)] = Some(Stored {
                value: flight.value,
                snapshot: flight.snapshot,
            });
        }
        let is_promoted = flight.stage == FlightStage::Fetched;
        let waiting = state.processes[usize::from(process)].readers;
        for reader in waiting {
            if reader.waits_for == Some(number) {
                state.broken |= broken_by(state, process, &reader, flight.value);
            }
        }
        let process = &mut state.processes[usize::from(process)];
        for reader in &mut process.readers {
            if reader.waits_for == Some(number) {
                *reader = Reader::default();
            }
        }
        if process.place == Some(number) {
            process.place = None;
        }
        if flight.current || is_promoted && self.has(Defect::PromoteUncheckedCounter) {
            process.l1 = Some(flight.value);
        }
    }

    /// A flight that nobody waits for or may join, and whose value goes nowhere, is over.
    pub(crate) fn forget_idle_flights(&self, state: &mut State, process: u8) {
        let may_matter_again = [
            Defect::CounterLate,
            Defect::JoinOldFlight,
            Defect::PromoteUncheckedCounter,
        ];
        if !self.is_serving(process) || may_matter_again.iter().any(|defect| self.has(*defect)) {
            return;
        }
        let is_storing = self.is_storing(process);
        let process = &mut state.processes[usize::from(process)];
        for number in 0..2 {
            let flight = process.flights[usize::from(number)];
            let goes_to_redis = is_storing && flight.stage != FlightStage::Fetched;
            if !flight.current && !goes_to_redis && !process.is_awaited(number) {
                process.flights[usize::from(number)] = Flight::default();
                process.place = process.place.filter(|place| *place != number);
            }
        }
    }
}

fn flight_of(state: &mut State, process: u8, flight: u8) -> &mut Flight {
    &mut state.processes[usize::from(process)].flights[usize::from(flight)]
}

/// What a snapshot taken now sees in the log.
fn visible(state: &State) -> Transactions {
    state.committed() & !state.unlogged
}

/// A caller waits; what it may expect is what is known and overdue by now.
fn call(state: &mut State, process: u8, reader: u8, flight: u8, joined: bool) {
    let acknowledged = state.acknowledged_by(process);
    let overdue = state.overdue;
    let process = &mut state.processes[usize::from(process)];
    process.readers[usize::from(reader)] = Reader {
        waits_for: Some(flight),
        joined,
        known: process.learned() | acknowledged,
        overdue,
    };
}

/// What is fetched is accepted in the same step: to check it later could only refuse more.
fn fetch(state: &mut State, process: u8, flight: u8, stored: u8) {
    if let Some(stored) = state.redis[usize::from(stored)] {
        let flight = flight_of(state, process, flight);
        flight.value = stored.value;
        flight.stage = FlightStage::Fetched;
    }
}

/// The promises that are broken when this caller gets this value.
fn broken_by(state: &State, process: u8, reader: &Reader, value: Writes) -> u8 {
    let own = reader.known & state.acknowledged_by(process);
    let known = if reader.joined {
        Promise::Joiners
    } else {
        Promise::Polls
    };
    let uncommitted = value & !state.writes(state.committed());
    [
        (Promise::OwnWrites, state.lacks(value, own)),
        (known, state.lacks(value, reader.known & !own)),
        (Promise::Lease, state.lacks(value, reader.overdue)),
        (Promise::Committed, uncommitted),
    ]
    .into_iter()
    .filter(|(_, wrong)| *wrong != 0)
    .fold(0, |broken, (promise, _)| broken | promise.bit())
}
