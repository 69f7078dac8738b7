//! Places where a test may break a rule on purpose, to see that it would notice.

/// Whether a test has switched this on. Always false, and nothing at run time, without the
/// feature `failpoints`.
pub(crate) fn is_on(name: &str) -> bool {
    fail::has_failpoints() && fail::eval(name, |_| ()).is_some()
}
