//! What a transaction touched, as one row of the log tells it.

use std::collections::BTreeSet;

use crate::dependency::Dependency;

/// What a transaction has written to, or what somebody has invalidated by hand: the content of a
/// row of the log.
///
/// A row is a format, numbers and sometimes a text. Formats live side by side: a row of one that
/// this version does not know counts as having touched everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Touched {
    dependencies: BTreeSet<Dependency>,
    everything: bool,
    definitions: bool,
    switches: bool,
    warming: bool,
    definitions_known: Option<u64>,
    pattern: Option<String>,
}

/// A row of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRow {
    /// How the rest is to be read.
    pub format: i16,
    /// What was touched, as numbers.
    pub touched: Vec<i64>,
    /// What does not fit into numbers.
    pub detail: Option<String>,
}

/// Numbers whose two top bits say: no dependency, but one of these.
const RESERVED: u64 = 0b11 << 62;
const EVERYTHING: u64 = RESERVED;
const DEFINITIONS: u64 = RESERVED | 1;
const SWITCHES: u64 = RESERVED | 2;
const WARMING: u64 = RESERVED | 3;
/// Set in a number that says by which definitions tables were found.
const KNOWN: u64 = RESERVED | 1 << 61;

/// The format of rows that numbers say all about.
const NUMBERS: i16 = 1;
/// The format of rows whose detail is a pattern of names.
const PATTERN: i16 = 2;

impl Touched {
    /// A row has at most so many numbers; what touched more counts as having touched everything.
    pub const MOST: usize = 256;

    /// These dependencies.
    #[must_use]
    pub fn dependencies(dependencies: impl IntoIterator<Item = Dependency>) -> Self {
        Self {
            dependencies: dependencies.into_iter().collect(),
            ..Self::default()
        }
    }

    /// The same, found by these definitions of the database: a number that changes with them.
    ///
    /// Whoever knows other definitions must take it for everything: a table that was given a
    /// trigger or a cascading foreign key a moment ago is written together with others, and a
    /// writer that has not heard of it yet does not say so.
    #[must_use]
    pub fn known_by(mut self, definitions: u64) -> Self {
        self.definitions_known = Some(definitions & !KNOWN);
        self
    }

    /// Whether it is to be taken as it stands by one who knows these definitions.
    #[must_use]
    pub fn is_known_by(&self, definitions: Option<u64>) -> bool {
        self.definitions_known.is_none()
            || self.definitions_known == definitions.map(|definitions| definitions & !KNOWN)
    }

    /// Whether who has applied this has applied the other one, too.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self == other
            || self.everything && !other.switches && !other.warming && other.pattern.is_none()
    }

    /// Both together. Patterns and switches are told by rows of their own, and are left out.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.dependencies.extend(other.iter());
        self.everything |= other.everything;
        self.definitions |= other.definitions;
        if self.definitions_known != other.definitions_known {
            // As if it was found by definitions that nobody knows.
            self.definitions_known = match self.definitions_known {
                None => other.definitions_known,
                Some(_) => Some(0),
            };
        }
        self
    }

    /// Everything.
    #[must_use]
    pub fn everything() -> Self {
        Self {
            everything: true,
            ..Self::default()
        }
    }

    /// Definitions have changed, and with them everything.
    #[must_use]
    pub fn definitions() -> Self {
        Self {
            everything: true,
            definitions: true,
            ..Self::default()
        }
    }

    /// Somebody has switched caching off or on.
    #[must_use]
    pub fn switches() -> Self {
        Self {
            switches: true,
            ..Self::default()
        }
    }

    /// Somebody asks all processes to warm their caches.
    #[must_use]
    pub fn warming() -> Self {
        Self {
            warming: true,
            ..Self::default()
        }
    }

    /// The entries whose names match a pattern.
    #[must_use]
    pub fn pattern(pattern: &str) -> Self {
        Self {
            pattern: Some(pattern.to_owned()),
            ..Self::default()
        }
    }

    /// The dependencies, unless it is everything.
    pub fn iter(&self) -> impl Iterator<Item = Dependency> {
        self.dependencies.iter().copied()
    }

    /// Whether everything was touched.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.everything
    }

    /// Whether definitions have changed.
    #[must_use]
    pub fn changes_definitions(&self) -> bool {
        self.definitions
    }

    /// Whether somebody has switched caching off or on.
    #[must_use]
    pub fn changes_switches(&self) -> bool {
        self.switches
    }

    /// Whether somebody asks all processes to warm their caches.
    #[must_use]
    pub fn asks_for_warming(&self) -> bool {
        self.warming
    }

    /// The pattern of names, if it is one.
    #[must_use]
    pub fn names(&self) -> Option<&str> {
        self.pattern.as_deref()
    }

    /// Whether nothing was touched.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let nothing = Self {
            definitions_known: self.definitions_known,
            ..Self::default()
        };
        *self == nothing
    }

    /// As a row of the log.
    #[must_use]
    pub fn to_row(&self) -> LogRow {
        let everything = self.everything || self.dependencies.len() > Self::MOST;
        let mut numbers = Vec::new();
        if self.definitions {
            numbers.push(DEFINITIONS);
        } else if everything {
            numbers.push(EVERYTHING);
        } else {
            numbers.extend(self.iter().map(Dependency::as_u64));
        }
        if self.switches {
            numbers.push(SWITCHES);
        }
        if self.warming {
            numbers.push(WARMING);
        }
        if let Some(definitions) = self.definitions_known.filter(|_| !everything) {
            numbers.push(KNOWN | definitions);
        }
        LogRow {
            format: if self.pattern.is_some() {
                PATTERN
            } else {
                NUMBERS
            },
            touched: numbers.into_iter().map(u64::cast_signed).collect(),
            detail: self.pattern.clone(),
        }
    }

    /// Reads the numbers of a row of the first format.
    #[must_use]
    pub fn of_numbers(numbers: &[i64]) -> Self {
        let mut touched = Self::default();
        for number in numbers.iter().map(|number| number.cast_unsigned()) {
            match number {
                EVERYTHING => touched.everything = true,
                DEFINITIONS => (touched.everything, touched.definitions) = (true, true),
                SWITCHES => touched.switches = true,
                WARMING => touched.warming = true,
                known if known & KNOWN == KNOWN => {
                    touched.definitions_known = Some(known & !KNOWN);
                }
                unknown if unknown & RESERVED == RESERVED => return Self::definitions(),
                number => {
                    let dependency = Dependency::from_u64(number);
                    touched.dependencies.insert(dependency);
                }
            }
        }
        touched
    }

    /// Reads a row of the log. What it cannot read counts as everything.
    #[must_use]
    pub fn of_row(row: &LogRow) -> Self {
        match (row.format, &row.detail) {
            (NUMBERS, _) => Self::of_numbers(&row.touched),
            (PATTERN, Some(pattern)) => Self {
                pattern: Some(pattern.clone()),
                ..Self::of_numbers(&row.touched)
            },
            _ => Self::definitions(),
        }
    }
}

impl LogRow {
    /// The numbers as an array literal of SQL.
    #[must_use]
    pub fn array(&self) -> String {
        let numbers: Vec<String> = self.touched.iter().map(ToString::to_string).collect();
        format!("{{{}}}", numbers.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_read_as_it_was_written() {
        let tables = Touched::dependencies([Dependency::table(16_384), Dependency::tag("menu:7")]);
        for touched in [
            Touched::default(),
            tables,
            Touched::everything(),
            Touched::definitions(),
            Touched::switches(),
            Touched::warming(),
            Touched::pattern("restaurants:*"),
            Touched::dependencies([Dependency::table(1)]).known_by(u64::MAX),
        ] {
            assert_eq!(Touched::of_row(&touched.to_row()), touched);
        }
    }

    #[test]
    fn what_another_version_wrote_counts_as_everything() {
        let future = |format, touched: &[i64], detail: Option<&str>| LogRow {
            format,
            touched: touched.to_vec(),
            detail: detail.map(str::to_owned),
        };
        for row in [
            future(3, &[16_384], None),
            future(-1, &[], Some("*")),
            future(PATTERN, &[], None),
            future(NUMBERS, &[(RESERVED | 77).cast_signed()], None),
        ] {
            let touched = Touched::of_row(&row);
            assert!(touched.is_everything() && touched.changes_definitions());
        }
        // Both formats of this version, side by side.
        assert!(!Touched::of_row(&future(NUMBERS, &[5], None)).is_everything());
        let both = Touched::of_row(&future(PATTERN, &[5], Some("a:*")));
        assert_eq!(both.iter().collect::<Vec<_>>(), [Dependency::table(5)]);
        assert_eq!(both.names(), Some("a:*"));
    }

    #[test]
    fn what_was_found_by_other_definitions_is_not_taken_as_it_stands() {
        let table = Touched::dependencies([Dependency::table(1)]);
        assert!(table.is_known_by(Some(7)) && table.is_known_by(None));
        let known = Touched::of_row(&table.known_by(7).to_row());
        assert!(known.is_known_by(Some(7)));
        assert!(!known.is_known_by(Some(8)) && !known.is_known_by(None));
        assert!(Touched::default().known_by(7).is_empty());
    }

    #[test]
    fn a_row_is_bounded() {
        let many = (0..=Touched::MOST as u32).map(Dependency::table);
        let row = Touched::dependencies(many).to_row();
        assert_eq!(row.touched.len(), 1);
        assert!(Touched::of_row(&row).is_everything());
        let most = (0..Touched::MOST as u32).map(Dependency::table);
        assert_eq!(Touched::dependencies(most).to_row().touched.len(), 256);
    }

    #[test]
    fn numbers_become_an_array_of_sql() {
        let row = Touched::dependencies([Dependency::table(7), Dependency::table(5)]).to_row();
        assert_eq!(row.array(), "{5,7}");
        assert_eq!(
            Touched::everything().to_row().array(),
            "{-4611686018427387904}"
        );
    }
}
