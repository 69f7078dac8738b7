//! How the steps are called in a trace.

use std::fmt;

use crate::actions::Action;

impl fmt::Display for Action {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut say = |who: &str, number: u8, what: fmt::Arguments<'_>| {
            write!(formatter, "{who} {number}: {what}")
        };
        match *self {
            Self::Begin {
                process,
                transaction,
                tables,
            } => {
                let tables = ["A", "B", "A and B"][usize::from(tables.clamp(1, 3) - 1)];
                say(
                    "process",
                    process,
                    format_args!(
                        "transaction {transaction} writes {tables}, COMMIT may be on its way"
                    ),
                )
            }
            Self::Abort { transaction } => {
                say("transaction", transaction, format_args!("rolls back"))
            }
            Self::CommitLands { transaction } => {
                say("transaction", transaction, format_args!("COMMIT lands"))
            }
            Self::Log { transaction } => say(
                "transaction",
                transaction,
                format_args!("its row is written, late"),
            ),
            Self::Apply {
                process,
                transaction,
            } => say(
                "process",
                process,
                format_args!("learns of its own transaction {transaction}"),
            ),
            Self::Acknowledge { transaction } => say(
                "transaction",
                transaction,
                format_args!("is acknowledged to its caller"),
            ),
            Self::AskPoll { process } => say("process", process, format_args!("begins a poll")),
            Self::Poll { process } => say(
                "process",
                process,
                format_args!("learns what the poll tells"),
            ),
            Self::FinishLearning { process } => {
                say("process", process, format_args!("finishes learning"))
            }
            Self::Crash { process } => say("process", process, format_args!("crashes")),
            Self::Restart { process } => {
                say("process", process, format_args!("starts and reads the log"))
            }
            Self::Join {
                process,
                reader,
                flight,
            } => say(
                "process",
                process,
                format_args!("reader {reader} joins flight {flight}"),
            ),
            Self::Depart {
                process,
                reader: Some(reader),
                flight,
            } => say(
                "process",
                process,
                format_args!("reader {reader} begins flight {flight}, counters taken"),
            ),
            Self::Depart {
                process,
                reader: None,
                flight,
            } => say("process", process, format_args!("begins flight {flight}")),
            Self::GiveUp { process, reader } => say(
                "process",
                process,
                format_args!("reader {reader} goes away"),
            ),
            Self::Fetch {
                process,
                flight,
                stored,
            } => say(
                "process",
                process,
                format_args!("flight {flight} fetches value {stored} from Redis and accepts it"),
            ),
            Self::Capture { process, flight } => say(
                "process",
                process,
                format_args!("flight {flight} takes its snapshot"),
            ),
            Self::ReadFirst { process, flight } => {
                say("process", process, format_args!("flight {flight} reads A"))
            }
            Self::ReadSecond { process, flight } => {
                say("process", process, format_args!("flight {flight} reads B"))
            }
            Self::FlightLands {
                process,
                flight,
                stored: None,
            } => say("process", process, format_args!("flight {flight} lands")),
            Self::FlightLands {
                process,
                flight,
                stored: Some(stored),
            } => say(
                "process",
                process,
                format_args!("flight {flight} lands, stored in Redis as value {stored}"),
            ),
            Self::Prune { transaction } => say(
                "transaction",
                transaction,
                format_args!("its row is pruned"),
            ),
            Self::Tick => formatter.write_str("max_staleness passes"),
        }
    }
}
