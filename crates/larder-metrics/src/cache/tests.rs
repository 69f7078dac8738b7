//! Tests of the times of loads.

use super::*;
use crate::Exporter;

#[test]
fn loads_are_timed_where_metrics_are_on() {
    let (recorder, exporter) = Exporter::detached();
    let page = metrics::with_local_recorder(&recorder, || {
        let cache = CacheRecorder::new("main");
        cache.loaded(Duration::from_millis(2));
        cache.loaded(Duration::from_millis(30));
        CacheRecorder::without_series("other").loaded(Duration::from_millis(1));
        exporter.render().unwrap()
    });
    for line in [
        r#"larder_cache_load_duration_seconds_bucket{database="main",le="0.001"} 0"#,
        r#"larder_cache_load_duration_seconds_bucket{database="main",le="0.005"} 1"#,
        r#"larder_cache_load_duration_seconds_count{database="main"} 2"#,
        r#"larder_cache_load_duration_seconds_sum{database="main"} 0.032"#,
    ] {
        assert!(page.lines().any(|found| found == line), "{line}\n{page}");
    }
    assert!(!page.contains("other"), "{page}");
}
