//! What a result depends on.

use std::fmt;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// Something that a result depends on, and that is invalidated when it changes: a table, rows of
/// a table, a tag, a service.
///
/// Two bits say the kind, so that kinds never collide. A table is known exactly, by its object
/// id; tags and services by 62 bits of a hash of their names.
///
/// # Rows
///
/// Two more bits say which aspect of a table is meant, and a row is known by its table and 28
/// bits of a hash of its key: two rows that share them are only invalidated together.
///
/// | | depends on | is written by |
/// |---|---|---|
/// | [`table`](Self::table) | every read of the table | a write of which the rows are not known |
/// | [`some_row`](Self::some_row) | a read of the whole table | a write of which the rows are known |
/// | [`row`](Self::row) | a read of this row | a write of this row |
/// | [`new_rows`](Self::new_rows) | a read of a row that was not there | an insert whose key is not known beforehand |
///
/// So who invalidates the table makes everything wrong that was read from it, and who writes
/// rows by their keys leaves what was read of other rows as it is.
///
/// ```
/// use larder_cache::Dependency;
///
/// assert_eq!(Dependency::tag("menu:7"), Dependency::tag("menu:7"));
/// assert_ne!(Dependency::tag("restaurants"), Dependency::service("restaurants"));
/// assert_ne!(Dependency::row(16_384, b"7"), Dependency::table(16_384));
/// assert_eq!(Dependency::row(16_384, b"7").table_oid(), Some(16_384));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Dependency(u64);

const KIND_SHIFT: u32 = 62;
const TABLE: u64 = 0;
const TAG: u64 = 1;
const SERVICE: u64 = 2;

/// Of the kind of tables, two more bits say what of the table.
const ASPECT_SHIFT: u32 = 60;
const WHOLE: u64 = 0;
const SOME_ROW: u64 = 1;
const NEW_ROWS: u64 = 2;
const ROW: u64 = 3;

/// The hash of a row's key stands between the aspect and the object id.
const ROW_SHIFT: u32 = 32;
const ROW_HASH: u64 = (1 << (ASPECT_SHIFT - ROW_SHIFT)) - 1;

impl Dependency {
    /// Rows that are told apart where what was written to them has to be remembered for long.
    pub(crate) const ROW_GROUPS: usize = 1 << 16;

    /// The table with this object id (`pg_class.oid`): any of its rows may have changed.
    #[must_use]
    pub const fn table(oid: u32) -> Self {
        Self::aspect(WHOLE, oid)
    }

    /// Some row of this table was written to, by a write that names its rows.
    #[must_use]
    pub const fn some_row(oid: u32) -> Self {
        Self::aspect(SOME_ROW, oid)
    }

    /// Rows were inserted into this table whose keys were not known beforehand.
    #[must_use]
    pub const fn new_rows(oid: u32) -> Self {
        Self::aspect(NEW_ROWS, oid)
    }

    /// The row of this key in this table. Equal keys must have equal bytes, whatever type they
    /// were bound as.
    #[must_use]
    pub fn row(oid: u32, key: &[u8]) -> Self {
        let Self(row) = Self::aspect(ROW, oid);
        Self(row | (xxh3_64(key) & ROW_HASH) << ROW_SHIFT)
    }

    const fn aspect(aspect: u64, oid: u32) -> Self {
        Self(TABLE << KIND_SHIFT | aspect << ASPECT_SHIFT | oid as u64)
    }

    /// The tag of this name.
    #[must_use]
    pub fn tag(name: &str) -> Self {
        Self::named(TAG, name)
    }

    /// All results of the service of this name.
    #[must_use]
    pub fn service(name: &str) -> Self {
        Self::named(SERVICE, name)
    }

    fn named(kind: u64, name: &str) -> Self {
        const HASH: u64 = (1 << KIND_SHIFT) - 1;
        Self(kind << KIND_SHIFT | xxh3_64(name.as_bytes()) & HASH)
    }

    /// The object id, if it is a table as a whole.
    #[must_use]
    pub fn as_table(self) -> Option<u32> {
        u32::try_from(self.0).ok()
    }

    /// The object id of the table, if it is one or rows of one.
    #[must_use]
    pub fn table_oid(self) -> Option<u32> {
        // The low half is the id.
        (self.0 >> KIND_SHIFT == TABLE).then_some(self.0 as u32)
    }

    /// Whether it is one row of a table.
    #[must_use]
    pub fn is_row(self) -> bool {
        self.0 >> ASPECT_SHIFT == TABLE << 2 | ROW
    }

    /// Whether it is rows of a table, and not the table as a whole: one row, some, or new ones.
    pub(crate) fn is_of_rows(self) -> bool {
        self.table_oid().is_some() && self.as_table().is_none()
    }

    /// Whether a number can be a dependency of this version: of a table as a whole and of the
    /// aspects that no key belongs to, nothing stands where the hash of a key would.
    pub(crate) fn is_known(self) -> bool {
        self.table_oid().is_none() || self.is_row() || self.0 >> ROW_SHIFT & ROW_HASH == 0
    }

    /// Itself, or the group that it belongs to if it is a row. There are
    /// [`Self::ROW_GROUPS`] of them, for all tables together.
    pub(crate) fn grouped(self) -> Self {
        if !self.is_row() {
            return self;
        }
        // As a row of no table: object id 0 is none.
        let group = u64::from(self.spread()) % Self::ROW_GROUPS as u64;
        let Self(row) = Self::aspect(ROW, 0);
        Self(row | group << ROW_SHIFT)
    }

    /// A number that is spread evenly, also over dependencies that follow on each other.
    pub(crate) fn spread(self) -> u32 {
        // 2^64 divided by the golden ratio; the high half of the product is well mixed.
        (self.0.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as u32
    }

    /// It as a number, by which processes tell each other of it. The numbers stay the same from
    /// version to version.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// The dependency of this number.
    #[must_use]
    pub const fn from_u64(number: u64) -> Self {
        Self(number)
    }
}

impl fmt::Debug for Dependency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.table_oid(), self.0 >> ASPECT_SHIFT) {
            (Some(oid), WHOLE) => write!(f, "table {oid}"),
            (Some(oid), SOME_ROW) => write!(f, "some row of table {oid}"),
            (Some(oid), NEW_ROWS) => write!(f, "new rows of table {oid}"),
            (Some(oid), _) => {
                let hash = self.0 >> ROW_SHIFT & ROW_HASH;
                write!(f, "row {hash:07x} of table {oid}")
            }
            (None, _) if self.0 >> KIND_SHIFT == TAG => write!(f, "tag {:016x}", self.0),
            (None, _) => write!(f, "service {:016x}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// The numbers are told to other processes, and kept by them: they must never change.
    #[test]
    fn numbers_stay_the_same() {
        assert_eq!(Dependency::table(7).as_u64(), 7);
        assert_eq!(Dependency::some_row(7).as_u64(), 0x1000_0000_0000_0007);
        assert_eq!(Dependency::new_rows(7).as_u64(), 0x2000_0000_0000_0007);
        let row = Dependency::row(7, &42_i64.to_be_bytes());
        assert_eq!(row.as_u64(), ROW_OF_42);
        assert_eq!(Dependency::tag("menu:7").as_u64() >> 62, 1);
        assert_eq!(Dependency::service("menus").as_u64() >> 62, 2);
    }

    const ROW_OF_42: u64 = 0x3689_10ac_0000_0007;

    #[test]
    fn each_aspect_of_a_table_is_another_one_and_knows_its_table() {
        for oid in [1, 16_384, u32::MAX] {
            let aspects = [
                Dependency::table(oid),
                Dependency::some_row(oid),
                Dependency::new_rows(oid),
                Dependency::row(oid, b"7"),
                Dependency::row(oid, b"8"),
            ];
            let different: HashSet<Dependency> = aspects.into_iter().collect();
            assert_eq!(different.len(), aspects.len());
            for aspect in aspects {
                assert_eq!(aspect.table_oid(), Some(oid));
                assert_eq!(aspect.as_table().is_some(), aspect == aspects[0]);
                assert_eq!(aspect.is_of_rows(), aspect != aspects[0]);
                assert_eq!(aspect.is_row(), aspects[3..].contains(&aspect));
                assert!(aspect.is_known());
            }
        }
        for named in [Dependency::tag("a"), Dependency::service("a")] {
            assert_eq!((named.table_oid(), named.as_table()), (None, None));
            assert!(!named.is_row() && !named.is_of_rows() && named.is_known());
        }
        assert!(!Dependency::from_u64(1 << 40 | 7).is_known());
        assert!(!Dependency::from_u64(1 << 60 | 1 << 40 | 7).is_known());
        assert_ne!(Dependency::row(1, b"7"), Dependency::row(2, b"7"));
    }

    #[test]
    fn rows_fall_into_groups_that_are_no_row_of_any_table() {
        let groups: HashSet<Dependency> = (0..100_000_u32)
            .map(|n| Dependency::row(16_384 + n % 7, &n.to_be_bytes()).grouped())
            .collect();
        assert!(groups.len() <= Dependency::ROW_GROUPS);
        assert!(groups.len() > Dependency::ROW_GROUPS / 2, "evenly");
        assert!(groups.iter().all(|group| group.table_oid() == Some(0)));
        for other in [
            Dependency::table(1),
            Dependency::some_row(1),
            Dependency::tag("a"),
        ] {
            assert_eq!(other.grouped(), other);
        }
    }

    #[test]
    fn it_says_what_it_is() {
        assert_eq!(format!("{:?}", Dependency::table(7)), "table 7");
        assert_eq!(
            format!("{:?}", Dependency::some_row(7)),
            "some row of table 7"
        );
        assert_eq!(
            format!("{:?}", Dependency::new_rows(7)),
            "new rows of table 7"
        );
        let row = format!("{:?}", Dependency::row(7, b"a"));
        assert!(
            row.starts_with("row ") && row.ends_with(" of table 7"),
            "{row}"
        );
        assert!(format!("{:?}", Dependency::tag("a")).starts_with("tag "));
    }
}
