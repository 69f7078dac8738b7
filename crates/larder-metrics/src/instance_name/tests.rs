//! Tests of claimed names.

use super::*;

#[test]
fn a_name_is_free_again_when_its_last_owner_is_gone() {
    let first = InstanceName::claim("names-of-tests");
    let shared = first.clone();
    drop(first);
    let second = InstanceName::claim("names-of-tests");
    assert_eq!(second.as_str(), "names-of-tests-2");
    drop(shared);
    let third = InstanceName::claim("names-of-tests");
    assert_eq!(third.as_str(), "names-of-tests");
    assert_ne!(second, third);
}

#[test]
fn a_number_that_somebody_claimed_as_a_name_is_passed_over() {
    let _taken = InstanceName::claim("numbered-2");
    let first = InstanceName::claim("numbered");
    let second = InstanceName::claim("numbered");
    assert_eq!(first.to_string(), "numbered");
    assert_eq!(second.to_string(), "numbered-3");
}
