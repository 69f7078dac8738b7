//! What a query of many rows may bind: lists of keys, and what is the same each time.

use larder_pool::BoundValues;
use larder_sql::is_in_subquery;

/// The values of a query that was written for no keys, by which its rows are kept.
#[derive(Debug, Default)]
pub(super) struct ProbedValues {
    /// Each with the object id of its type.
    values: Vec<(u32, Option<Box<[u8]>>)>,
    /// Whether the place of the keys in the text was looked at.
    keys_stand_well: bool,
}

impl ProbedValues {
    pub(super) fn of(values: &BoundValues) -> Self {
        let values = values.iter();
        let owned = values.map(|(oid, value)| (oid, value.map(Box::from)));
        Self {
            values: owned.collect(),
            keys_stand_well: false,
        }
    }

    /// Why rows may not be kept one by one that a query of this text found with these values, if
    /// they may not: nothing but lists of keys may differ, and those lists may choose rows of the
    /// query itself alone.
    pub(super) fn refuse(&mut self, text: &str, values: &BoundValues) -> Option<&'static str> {
        const OTHER_VALUES: &str = "it binds another value from one time to the next beside the list of keys: work such values out before, so that they are the same each time";
        const IN_SUBQUERY: &str = "the keys stand inside a subquery, which may cut rows away: compare them in the WHERE of the query itself";
        if values.len() != self.values.len() {
            return Some(OTHER_VALUES);
        }
        let pairs = values.iter().zip(&self.values).enumerate();
        for (at, ((oid, value), (probed_oid, probed))) in pairs {
            if oid == *probed_oid && value == probed.as_deref() {
                continue;
            }
            if oid != *probed_oid || !probed.as_deref().is_some_and(is_empty_list) {
                return Some(OTHER_VALUES);
            }
            if !self.keys_stand_well && is_in_subquery(text, at + 1) {
                return Some(IN_SUBQUERY);
            }
        }
        self.keys_stand_well = true;
        None
    }
}

/// Whether a value in the server's binary form is an array without elements: it has no dimension,
/// or one of no length.
fn is_empty_list(value: &[u8]) -> bool {
    match value.len() {
        12 => value.starts_with(&[0, 0, 0, 0]),
        // The number of dimensions, flags, the type of elements, a length, and where it begins.
        20 => value.starts_with(&[0, 0, 0, 1]) && value[12..16] == [0; 4],
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_empty_list;

    #[test]
    fn an_empty_list_is_told_from_other_values() {
        let array =
            |numbers: &[i32]| -> Vec<u8> { numbers.iter().flat_map(|n| n.to_be_bytes()).collect() };
        assert!(is_empty_list(&array(&[0, 0, 23])));
        assert!(is_empty_list(&array(&[1, 0, 23, 0, 1])));
        assert!(!is_empty_list(&array(&[1, 0, 23, 1, 1])));
        assert!(!is_empty_list(&array(&[1, 0, 23, 1, 1, 4, 7])));
        assert!(!is_empty_list(&array(&[0, 7])), "a number");
        assert!(!is_empty_list(&[]));
    }
}
