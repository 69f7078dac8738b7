//! What Diesel's errors have no word for, said in a way that they carry along.
//!
//! An error of Diesel's keeps what the database said as texts: message, detail, hint. For what
//! this side knows and the server did not say, the detail has a form that can be read back,
//! wherever the error went in between.

use std::fmt;

use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error as DieselError};

/// What this side knows of an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The answer did not come in time, or there was no time left to ask.
    Late,
    /// A write or a COMMIT was sent, and no answer came.
    InDoubt(Doubt),
}

/// A transaction whose end is not known, and the server that knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Doubt {
    /// `None` where nothing that was answered had given it one.
    pub(crate) transaction_id: Option<u64>,
    pub(crate) server: Option<ServerIdentity>,
}

/// Which server this is, in which of its histories, and since when there is a connection to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerIdentity {
    /// The system identifier; empty where the role may not read it.
    pub(crate) system: String,
    /// Grows with each failover and each recovery to a point in time.
    pub(crate) timeline: String,
    /// The clock of the server when the connection was made, in microseconds.
    pub(crate) since: i64,
}

const LATE: &str = "larder:late";
const IN_DOUBT: &str = "larder:in_doubt";

impl Trouble {
    /// What an error of Diesel's carries along.
    pub(crate) fn of(error: &DieselError) -> Option<Self> {
        let DieselError::DatabaseError(_, information) = error else {
            return None;
        };
        let mut words = information.details()?.split(' ');
        match words.next()? {
            LATE => Some(Self::Late),
            IN_DOUBT => {
                let transaction_id = words.next()?.parse().ok();
                let server = match (words.next(), words.next(), words.next()) {
                    (Some(system), Some(timeline), Some(since)) => Some(ServerIdentity {
                        system: system.to_owned(),
                        timeline: timeline.to_owned(),
                        since: since.parse().ok()?,
                    }),
                    _ => None,
                };
                Some(Self::InDoubt(Doubt {
                    transaction_id,
                    server,
                }))
            }
            _ => None,
        }
    }

    /// An error that carries it along.
    pub(crate) fn error(&self, kind: DatabaseErrorKind, message: String) -> DieselError {
        let told = Told {
            message,
            detail: self.to_string(),
        };
        DieselError::DatabaseError(kind, Box::new(told))
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::InDoubt(doubt) = self else {
            return formatter.write_str(LATE);
        };
        match doubt.transaction_id {
            Some(id) => write!(formatter, "{IN_DOUBT} {id}")?,
            None => write!(formatter, "{IN_DOUBT} ?")?,
        }
        match &doubt.server {
            Some(server) => write!(
                formatter,
                " {} {} {}",
                server.system, server.timeline, server.since
            ),
            None => Ok(()),
        }
    }
}

/// What Diesel's error keeps.
struct Told {
    message: String,
    detail: String,
}

impl DatabaseErrorInformation for Told {
    fn message(&self) -> &str {
        &self.message
    }

    fn details(&self) -> Option<&str> {
        Some(&self.detail)
    }

    fn hint(&self) -> Option<&str> {
        None
    }

    fn table_name(&self) -> Option<&str> {
        None
    }

    fn column_name(&self) -> Option<&str> {
        None
    }

    fn constraint_name(&self) -> Option<&str> {
        None
    }

    fn statement_position(&self) -> Option<i32> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_error_carries_along_can_be_read_back() {
        let server = |system: &str| ServerIdentity {
            system: system.to_owned(),
            timeline: "00000002".to_owned(),
            since: 1_700_000_000_000_000,
        };
        let in_doubt = |transaction_id, server| {
            Trouble::InDoubt(Doubt {
                transaction_id,
                server,
            })
        };
        for trouble in [
            Trouble::Late,
            in_doubt(Some(u64::MAX), Some(server("7123"))),
            in_doubt(Some(7), None),
            in_doubt(None, Some(server(""))),
            in_doubt(None, None),
        ] {
            let error = trouble.error(DatabaseErrorKind::ClosedConnection, "lost".to_owned());
            assert_eq!(error.to_string(), "lost");
            assert_eq!(Trouble::of(&error), Some(trouble));
        }
        assert_eq!(Trouble::of(&DieselError::NotFound), None);
    }
}
