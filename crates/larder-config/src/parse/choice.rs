//! Settings that are one of a few words.

use std::fmt;

use serde::{Serialize, Serializer};

use super::{Parse, Problem, Reading};
use crate::suggest::nearest;
use crate::value::SettingValue;

/// Makes an enum whose variants are words of `larder.toml`. Words are read in upper or lower
/// case, with `-`, `_` or a space between their parts.
macro_rules! choice {
    (
        $(#[doc = $doc:literal])+
        $name:ident = $expected:literal {
            $( $(#[doc = $variant_doc:literal])+ $variant:ident = $word:literal, )+
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $( $(#[doc = $variant_doc])+ $variant, )+
        }

        impl $name {
            const WORDS: &'static [(&'static str, $name)] = &[$(($word, $name::$variant)),+];

            /// The word that `larder.toml` uses for it.
            pub fn name(self) -> &'static str {
                match self {
                    $($name::$variant => $word,)+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl Parse for $name {
            const EXPECTED: &'static str = $expected;

            fn parse(value: &SettingValue, _reading: &Reading<'_>) -> Result<Self, Problem> {
                word(value, Self::EXPECTED, Self::WORDS)
            }

            fn shown(&self) -> SettingValue {
                self.name().into()
            }
        }
    };
}

choice! {
    /// How much TLS a connection to the database needs. Each is stronger than the one before.
    TlsMode = "one of disable, prefer, require, verify-ca, verify-full" {
        /// No TLS: everything travels in the clear.
        Disable = "disable",
        /// TLS if the server offers it: no protection against somebody in between.
        Prefer = "prefer",
        /// TLS always, without looking at the server's certificate.
        Require = "require",
        /// TLS, and the certificate must be signed by a trusted authority.
        VerifyCa = "verify-ca",
        /// TLS, a trusted certificate, and the host's name in it.
        VerifyFull = "verify-full",
    }
}

choice! {
    /// Whether logging in by password proves that nobody sits in between.
    ChannelBinding = "one of disable, prefer, require" {
        /// Never.
        Disable = "disable",
        /// Where TLS is used and the server offers it.
        Prefer = "prefer",
        /// Always: connecting fails without it.
        Require = "require",
    }
}

choice! {
    /// What stands between the service and the server.
    PoolerMode = "one of auto, none, session, transaction" {
        /// What the provider is known to have; nothing where it is not known.
        Auto = "auto",
        /// The server itself.
        None = "none",
        /// A pooler that lends a connection of the server for as long as ours lasts.
        Session = "session",
        /// A pooler that lends a connection of the server for a transaction.
        Transaction = "transaction",
    }
}

choice! {
    /// Which servers may be used, where the URL names several hosts.
    TargetSessionAttrs = "one of any, read-write, read-only, primary, standby, prefer-standby" {
        /// Every server.
        Any = "any",
        /// One that takes writes.
        ReadWrite = "read-write",
        /// One that takes no writes.
        ReadOnly = "read-only",
        /// One that is no standby.
        Primary = "primary",
        /// A standby.
        Standby = "standby",
        /// A standby, or any server if no host is one.
        PreferStandby = "prefer-standby",
    }
}

choice! {
    /// The isolation level of transactions that do not ask for another.
    IsolationLevel = "one of read-committed, repeatable-read, serializable" {
        /// Each statement sees what was committed before it began.
        ReadCommitted = "read-committed",
        /// The transaction sees what was committed before its first statement; writes may fail with 40001.
        RepeatableRead = "repeatable-read",
        /// As if transactions ran one after another; any statement may fail with 40001 and needs a retry.
        Serializable = "serializable",
    }
}

choice! {
    /// Who else writes to the database.
    CacheMode = "one of shared, local" {
        /// Other processes may: each keeps in step through the log of invalidations.
        Shared = "shared",
        /// Nobody but this process.
        Local = "local",
    }
}

choice! {
    /// How other processes are told at once that there is something to read in the log of
    /// invalidations.
    CacheHints = "one of redis, notify, off" {
        /// A message through Redis, where there is one.
        Redis = "redis",
        /// NOTIFY in the database.
        Notify = "notify",
        /// Not at all: they find out at their next poll.
        Off = "off",
    }
}

choice! {
    /// From which status of health on somebody is told.
    AlertLevel = "one of degraded, unhealthy, critical" {
        /// It works, but worse than it should.
        Degraded = "degraded",
        /// It does not work.
        Unhealthy = "unhealthy",
        /// It has not worked for long.
        Critical = "critical",
    }
}

choice! {
    /// What happens if no connection can be made at the start.
    PoolStart = "one of fail-fast, keep-trying" {
        /// The start fails.
        FailFast = "fail-fast",
        /// It goes on, and connects as soon as it can.
        KeepTrying = "keep-trying",
    }
}

choice! {
    /// How log lines are written.
    LogFormat = "one of pretty, json" {
        /// For people at a terminal.
        Pretty = "pretty",
        /// One JSON object per line, for collectors.
        Json = "json",
    }
}

/// Finds the word, or says which there are.
fn word<T: Copy>(
    value: &SettingValue,
    expected: &str,
    words: &[(&'static str, T)],
) -> Result<T, Problem> {
    let cure = format!("write {expected}");
    let SettingValue::Text(text) = value else {
        return Err(Problem::unexpected(value, expected, cure));
    };
    let written = text.trim().to_ascii_lowercase().replace(['_', ' '], "-");
    if let Some((_, choice)) = words.iter().find(|(word, _)| *word == written) {
        return Ok(*choice);
    }
    let cure = match nearest(&written, words.iter().map(|(word, _)| *word)) {
        Some(near) => format!("{cure}; did you mean `{near}`?"),
        None => cure,
    };
    Err(Problem::wrong_type(format!("is not {expected}"), cure))
}
