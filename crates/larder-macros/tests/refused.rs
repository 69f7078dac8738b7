//! What the macros refuse to compile, and how they say so.

#[test]
fn what_is_refused_is_told_where_it_is_written() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
