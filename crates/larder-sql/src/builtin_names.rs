//! Names of PostgreSQL's own functions that leave nothing behind on the session.
//!
//! The list holds what people call, from PostgreSQL 13 to 18, and constructs that are written
//! like functions. A name that it lacks is taken for the user's own function.

/// One name a line, in the order of their bytes.
const LEAVE_NOTHING: &str = include_str!("builtin_names.txt");

/// Whether the function `name` of `pg_catalog` leaves nothing on the session that calls it.
pub(crate) fn leaves_nothing(name: &str) -> bool {
    use std::sync::LazyLock;

    static NAMES: LazyLock<Vec<&str>> = LazyLock::new(|| LEAVE_NOTHING.lines().collect());
    name.starts_with("pg_stat_get_") || NAMES.binary_search(&name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_in_order_and_without_what_lasts() {
        assert!(LEAVE_NOTHING.lines().is_sorted());
        assert!(
            leaves_nothing("count") && leaves_nothing("abbrev") && leaves_nothing("xpath_exists")
        );
        for name in [
            "set_config",
            "setseed",
            "pg_advisory_lock",
            "lo_open",
            "query_to_xml",
            "cnt",
        ] {
            assert!(!leaves_nothing(name), "{name}");
        }
    }
}
