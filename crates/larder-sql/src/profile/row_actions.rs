//! In which ways a statement changes rows.

use std::ops::BitOrAssign;

/// The ways in which a statement changes rows of the tables that it writes, taken together.
///
/// Triggers, rules and foreign keys act on some ways only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct RowActions {
    pub(crate) insert: bool,
    pub(crate) update: bool,
    pub(crate) delete: bool,
    pub(crate) truncate: bool,
}

impl RowActions {
    pub(crate) const INSERT: Self = Self {
        insert: true,
        ..Self::NONE
    };
    pub(crate) const UPDATE: Self = Self {
        update: true,
        ..Self::NONE
    };
    pub(crate) const DELETE: Self = Self {
        delete: true,
        ..Self::NONE
    };
    pub(crate) const TRUNCATE: Self = Self {
        truncate: true,
        ..Self::NONE
    };
    pub(crate) const ALL: Self = Self {
        insert: true,
        update: true,
        delete: true,
        truncate: true,
    };
    const NONE: Self = Self {
        insert: false,
        update: false,
        delete: false,
        truncate: false,
    };

    /// Whether both have a way in common.
    pub(crate) fn overlaps(self, other: Self) -> bool {
        self.insert && other.insert
            || self.update && other.update
            || self.delete && other.delete
            || self.truncate && other.truncate
    }

    /// Whether this one has every way of the other.
    pub(crate) fn contains(self, other: Self) -> bool {
        let mut both = self;
        both |= other;
        both == self
    }
}

impl BitOrAssign for RowActions {
    fn bitor_assign(&mut self, other: Self) {
        self.insert |= other.insert;
        self.update |= other.update;
        self.delete |= other.delete;
        self.truncate |= other.truncate;
    }
}
