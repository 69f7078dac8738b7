use super::*;

#[test]
fn what_is_kept_is_bounded_by_bytes() {
    let profiles = StatementProfiles::with_capacity(64 << 10);
    for number in 0..2_000 {
        profiles.classify(&format!("select * from table_{number}"));
    }
    assert!(!profiles.is_empty());
    assert!(profiles.len() < 300, "{}", profiles.len());
}

#[test]
fn a_text_too_large_to_be_kept_is_classified_all_the_same() {
    let profiles = StatementProfiles::with_capacity(64 << 10);
    let text = format!("select * from restaurants -- {}", "x".repeat(1 << 17));
    assert_eq!(*profiles.classify(&text), classify(&text));
    assert!(profiles.is_empty());
}

#[test]
fn threads_share_what_one_of_them_classified() {
    let profiles = StatementProfiles::default();
    let text = "select * from restaurants";
    let first = profiles.classify(text);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert!(Arc::ptr_eq(&first, &profiles.classify(text))));
        }
    });
    assert_eq!(profiles.len(), 1);
}
