//! The deadline of a request as the server keeps it: `statement_timeout`.
//!
//! The server ends a statement itself, and the connection stays usable: better than leaving it
//! and asking for its end. A transaction gets its limit in the round trip of BEGIN, by SET LOCAL.
//! A statement outside of one gets it from a SET that travels ahead of it in the same flight, and
//! the same way it is undone, before anybody else's statement; behind a pooler in transaction
//! mode there is only the limit of this side for that.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::FutureExt;

use super::Link;
use crate::ConnectOptions;
use crate::deadline;

/// What the server was told of statements and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StatementTimeout {
    /// Its own default, which nobody here knows.
    Default,
    /// So many milliseconds; 0 is without limit.
    Milliseconds(u64),
    /// It cannot be changed on the way, or nobody knows what it would be changed from.
    Fixed,
}

impl StatementTimeout {
    /// What a session that begins by these options has.
    pub(crate) fn of(options: &ConnectOptions) -> Self {
        if !options.cancel_requests {
            // The embedded database heeds none.
            return Self::Fixed;
        }
        let mut settings = options.settings.iter().rev();
        let set = settings.find(|(name, _)| name.eq_ignore_ascii_case("statement_timeout"));
        match set {
            None => Self::Default,
            Some((_, value)) => milliseconds(value).map_or(Self::Fixed, Self::Milliseconds),
        }
    }

    /// The limit that lets a request keep its deadline, in milliseconds, if the server has to be
    /// told one.
    fn within(self, left: Option<Duration>) -> Option<u64> {
        let left = u64::try_from(left?.as_millis()).unwrap_or(u64::MAX);
        // 0 would be without limit, and this is as much as the setting holds.
        let left = left.clamp(1, i32::MAX as u64);
        match self {
            Self::Fixed => None,
            Self::Milliseconds(known @ 1..) if known <= left => None,
            Self::Milliseconds(_) | Self::Default => Some(left),
        }
    }

    /// The value in SQL that a session has without a deadline.
    fn as_sql(self) -> String {
        match self {
            Self::Milliseconds(known) => known.to_string(),
            Self::Default | Self::Fixed => "DEFAULT".to_owned(),
        }
    }
}

/// A value of the setting, in the units that PostgreSQL takes for times.
fn milliseconds(value: &str) -> Option<u64> {
    const UNITS: [(&str, u64); 6] = [
        ("us", 1),
        ("ms", 1_000),
        ("min", 60_000_000),
        ("s", 1_000_000),
        ("h", 3_600_000_000),
        ("d", 86_400_000_000),
    ];
    let value = value.trim();
    let with_unit = |(unit, microseconds): &(&str, u64)| {
        let digits = value.strip_suffix(unit)?;
        Some((digits, *microseconds))
    };
    let (digits, microseconds) = UNITS.iter().find_map(with_unit).unwrap_or((value, 1_000));
    let number = digits.trim().parse::<u64>().ok()?;
    // The server rounds to what the setting is kept in.
    Some((number.checked_mul(microseconds)? + 500) / 1_000)
}

/// The limit that the session of a link has now, in milliseconds; 0 for its usual one.
#[derive(Debug, Default)]
pub(super) struct SessionLimit(AtomicU64);

impl Link {
    /// What follows BEGIN so that the transaction keeps the deadline of its request.
    pub(crate) fn limit_of_transaction(&self) -> Option<String> {
        let limit = self.statement_timeout.within(deadline::remaining())?;
        Some(format!("SET LOCAL statement_timeout = {limit}"))
    }

    /// Makes the server keep the deadline of the request for the statement that is sent next,
    /// outside of a transaction. Undoes that of an earlier request where this one has none.
    pub(crate) fn limit_session(&self) {
        let left = deadline::remaining().filter(|_| !self.is_pooled());
        let wanted = self.statement_timeout.within(left).unwrap_or(0);
        let SessionLimit(current) = &self.session_limit;
        let before = current.load(Ordering::Relaxed);
        // A little more than there is left does no harm: this side has a limit, too.
        let is_near = wanted <= before && wanted >= before - before / 4;
        if before == wanted || (before > 0 && wanted > 0 && is_near) {
            return;
        }
        let value = match wanted {
            0 => self.statement_timeout.as_sql(),
            wanted => wanted.to_string(),
        };
        let sql = format!("SET statement_timeout TO {value}");
        // Queued at once, ahead of whatever is sent next. Its answer is nobody's.
        drop(self.client.simple_query_raw(&sql).now_or_never());
        current.store(wanted, Ordering::Relaxed);
    }

    /// The user of the session has left: its deadline goes, too.
    pub(crate) fn unlimit_session(&self) {
        let SessionLimit(current) = &self.session_limit;
        if current.swap(0, Ordering::Relaxed) > 0 && !self.is_closed() {
            let value = self.statement_timeout.as_sql();
            let sql = format!("SET statement_timeout TO {value}");
            drop(self.client.simple_query_raw(&sql).now_or_never());
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

    use super::*;

    #[test]
    fn the_shorter_limit_counts_and_the_embedded_database_has_none() {
        let options = |value: Option<&str>| {
            let options = ConnectOptions::parse("postgres://db/shop").unwrap();
            match value {
                Some(value) => options.setting("statement_timeout", value),
                None => options,
            }
        };
        let left = Some(Duration::from_secs(2));
        for (value, expected) in [
            (None, Some(2000)),
            (Some("60000ms"), Some(2000)),
            (Some("60s"), Some(2000)),
            (Some("0"), Some(2000)),
            (Some("1500"), None),
            (Some("1s"), None),
            (Some("1min"), Some(2000)),
            (Some("1 h"), Some(2000)),
            (Some("1900000us"), None),
            // It might be shorter.
            (Some("1.5min"), None),
        ] {
            let timeout = StatementTimeout::of(&options(value));
            assert_eq!(timeout.within(left), expected, "{value:?}");
            assert_eq!(timeout.within(None), None);
        }
        assert_eq!(
            StatementTimeout::Default.within(Some(Duration::ZERO)),
            Some(1)
        );
        let mut embedded = options(None);
        embedded.cancel_requests = false;
        assert_eq!(StatementTimeout::of(&embedded), StatementTimeout::Fixed);
    }
}
