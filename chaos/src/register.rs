//! The registers that are read and written: rows with a version, in two tables.

use serde::{Deserialize, Serialize};

/// How many registers each of the two tables has.
pub(crate) const PER_TABLE: u32 = 25;

/// A register: those below [`PER_TABLE`] are in the first table, the others in the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Register(pub(crate) u32);

/// The tables, triggers and rows of a run. A transaction that writes to `late` takes its time at
/// COMMIT; a statement that calls `linger` takes it after its snapshot was taken.
pub(crate) const SCHEMA: &str = "
CREATE TABLE register_a (id int PRIMARY KEY, version int8 NOT NULL DEFAULT 0, token int8 NOT NULL DEFAULT 0);
CREATE TABLE register_b (id int PRIMARY KEY, version int8 NOT NULL DEFAULT 0, token int8 NOT NULL DEFAULT 0);
INSERT INTO register_a (id) SELECT generate_series(0, 24);
INSERT INTO register_b (id) SELECT generate_series(0, 24);
CREATE TABLE ledger (
    token int8 NOT NULL, register int NOT NULL, version int8 NOT NULL, process int NOT NULL,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id());
CREATE TABLE late (token int8 NOT NULL, seconds float8 NOT NULL);
CREATE FUNCTION take_time() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_sleep(NEW.seconds); RETURN NULL; END';
CREATE FUNCTION linger(seconds float8) RETURNS text STABLE LANGUAGE plpgsql AS
    $$BEGIN PERFORM pg_sleep(seconds); RETURN ''; END$$;
CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON late DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION take_time();
";

impl Register {
    /// All of them.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..2 * PER_TABLE).map(Self)
    }

    /// Its table.
    pub(crate) fn table(self) -> &'static str {
        if self.is_in_first() {
            "register_a"
        } else {
            "register_b"
        }
    }

    pub(crate) fn is_in_first(self) -> bool {
        self.0 < PER_TABLE
    }

    /// Its number within its table.
    pub(crate) fn row(self) -> i32 {
        i32::try_from(self.0 % PER_TABLE).unwrap_or(0)
    }

    /// The two registers of this row, one in each table.
    pub(crate) fn pair(self) -> [Self; 2] {
        let row = self.0 % PER_TABLE;
        [Self(row), Self(row + PER_TABLE)]
    }
}

/// What identifies a write: nobody else has it, in no other process or incarnation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Token(pub(crate) i64);

impl Token {
    /// What a register has before its first write.
    pub(crate) const INITIAL: Self = Self(0);

    pub(crate) fn new(process: u32, incarnation: u32, number: u32) -> Self {
        Self(
            i64::from(process + 1) << 48
                | i64::from(incarnation & 0xffff) << 32
                | i64::from(number),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_a_register_in_each_table() {
        for register in Register::all() {
            let [first, second] = register.pair();
            assert_eq!(
                (first.table(), second.table()),
                ("register_a", "register_b")
            );
            assert_eq!(
                (first.row(), second.row()),
                (register.row(), register.row())
            );
            assert!(register == first || register == second);
        }
    }

    #[test]
    fn tokens_of_two_incarnations_differ() {
        assert_ne!(Token::new(0, 1, 1), Token::new(0, 2, 1));
        assert_ne!(Token::new(0, 1, 1), Token::new(1, 1, 1));
        assert_ne!(Token::new(0, 0, 0), Token::INITIAL);
    }
}
