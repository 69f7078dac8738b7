//! How many rows of a list to pass over.

use crate::error::{Error, InvalidInput, Result};

/// How many rows of a list to pass over before the first that is returned: 0 to 100,000.
///
/// The database reads what it passes over, so the bound is a bound on work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(u32);

impl Offset {
    /// The largest offset: 100,000 rows.
    pub const MAX: Self = Self(100_000);

    /// Takes a number of rows.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) where it is above 100,000.
    pub fn new(rows: u32) -> Result<Self> {
        rows.try_into()
    }

    /// The number of rows, as Diesel's `offset` takes it.
    #[must_use]
    pub fn get(self) -> i64 {
        i64::from(self.0)
    }
}

macro_rules! offset_from {
    ($($number:ty),+) => {$(
        impl TryFrom<$number> for Offset {
            type Error = Error;

            fn try_from(rows: $number) -> Result<Self> {
                match u32::try_from(rows) {
                    Ok(rows @ 0..=100_000) => Ok(Self(rows)),
                    _ => Err(InvalidInput::new("offset", rows, "must be from 0 to 100000").into()),
                }
            }
        }
    )+};
}

// Signed ones too: a literal without a type is an i32.
offset_from!(u32, i32, u64, i64, usize);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_to_a_hundred_thousand() {
        assert_eq!(Offset::default(), Offset::new(0).unwrap());
        assert_eq!(Offset::new(100_000).unwrap(), Offset::MAX);
        for bad in [100_001, u32::MAX] {
            assert!(Offset::new(bad).is_err(), "{bad}");
        }
        assert!(Offset::try_from(-1).is_err());
        assert!(Offset::try_from(1_i64 << 32).is_err());
        assert_eq!(Offset::try_from(7_usize).unwrap().get(), 7);
    }
}
