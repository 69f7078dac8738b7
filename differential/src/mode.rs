//! What a run has: one process or two, a rule relaxed on purpose or none.

use clap::ValueEnum;
use serde::Serialize;

/// Who reads and writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub(crate) enum Mode {
    /// One process, alone with its database.
    Local,
    /// Two processes: one writes, and both read.
    Shared,
}

impl Mode {
    /// What a run without `--mode` goes through.
    pub(crate) const ALL: [Self; 2] = [Self::Local, Self::Shared];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Shared => "shared",
        }
    }
}

/// A rule of row precision that is relaxed, by the name of its failpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relaxation {
    /// A table with triggers is precise.
    WithTrigger,
    /// A table with rules is precise.
    WithRule,
    /// A table with parents, children or partitions is precise.
    WithChildren,
    /// A key under a collation that takes different texts for the same is precise.
    AnyCollation,
    /// A write that gives a row another key names its old one only.
    AssignedKey,
    /// ON CONFLICT may name something else than the key.
    AnyConflict,
    /// An INSERT whose key the server makes writes no row.
    UnknownKey,
    /// A condition on the key counts wherever it stands.
    AnyCondition,
    /// Foreign keys that lead back to their table are overlooked.
    Cascading,
    /// A key bound as another type is another key.
    AsBound,
    /// Any result with a row proves that the row exists.
    Nonempty,
    /// A result without a row does not depend on new rows.
    EmptyResult,
    /// A read of a row does not depend on writes of the whole table.
    PastBulk,
}

impl Relaxation {
    pub(crate) const ALL: [Self; 13] = [
        Self::WithTrigger,
        Self::WithRule,
        Self::WithChildren,
        Self::AnyCollation,
        Self::AssignedKey,
        Self::AnyConflict,
        Self::UnknownKey,
        Self::AnyCondition,
        Self::Cascading,
        Self::AsBound,
        Self::Nonempty,
        Self::EmptyResult,
        Self::PastBulk,
    ];

    /// The one of this name.
    pub(crate) fn named(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|one| one.as_str() == name);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str).join(", ");
            format!("the rules are: all, {names}")
        })
    }

    /// The name of its failpoint.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::WithTrigger => "row-with-trigger",
            Self::WithRule => "row-with-rule",
            Self::WithChildren => "row-with-children",
            Self::AnyCollation => "row-any-collation",
            Self::AssignedKey => "row-assigned-key",
            Self::AnyConflict => "row-any-conflict",
            Self::UnknownKey => "row-unknown-key",
            Self::AnyCondition => "row-any-condition",
            Self::Cascading => "row-cascading",
            Self::AsBound => "row-as-bound",
            Self::Nonempty => "row-nonempty",
            Self::EmptyResult => "row-empty-result",
            Self::PastBulk => "row-past-bulk",
        }
    }
}

impl Serialize for Relaxation {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
