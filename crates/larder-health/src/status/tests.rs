//! Tests of the statuses.

use super::*;

#[test]
fn json_and_display_are_lower_case() {
    let names = ["unknown", "healthy", "degraded", "unhealthy", "critical"];
    for (status, name) in Status::ALL.into_iter().zip(names) {
        assert_eq!(status.to_string(), name);
        assert_eq!(serde_json::to_value(status).unwrap(), name);
        assert_eq!(
            serde_json::from_str::<Status>(&format!("\"{name}\"")).unwrap(),
            status
        );
    }
}

#[test]
fn they_are_ordered_from_good_to_bad() {
    assert!(Status::ALL.is_sorted_by(|a, b| a < b));
    assert_eq!(Status::default(), Status::Unknown);
    let levels = Status::ALL.map(Status::level);
    assert_eq!(levels, [None, Some(0), Some(1), Some(2), Some(3)]);
    let ready = Status::ALL.map(Status::is_ready);
    assert_eq!(ready, [false, true, true, false, false]);
}
