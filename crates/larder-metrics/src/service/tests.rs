//! Tests of the statistics of services.

use super::*;
use crate::Exporter;

#[test]
fn statistics_are_exact_and_each_service_has_its_own() {
    let services = ServiceRegistry::default();
    let restaurants = services.recorder("restaurants");
    for _ in 0..3 {
        restaurants.record_hit();
    }
    restaurants.record_miss();
    restaurants.record_query();
    restaurants.record_call("nearby", Duration::from_millis(10), Outcome::Success);
    restaurants.record_call("nearby", Duration::from_millis(20), Outcome::Error);
    restaurants.record_call("search", Duration::from_millis(30), Outcome::Cancelled);
    services.recorder("users").record_query();

    let expected = ServiceStatistics {
        calls: 3,
        queries: 1,
        hits: 3,
        misses: 1,
        hit_rate: 0.75,
        errors: 1,
        avg_ms: 20.0,
        total_ms: 60.0,
    };
    assert_eq!(services.statistics()["restaurants"], expected);
    assert_eq!(services.statistics()["users"].hits, 0);
    assert!(Arc::ptr_eq(&restaurants, &services.recorder("restaurants")));
    let json = serde_json::to_value(services.statistics()).unwrap();
    assert_eq!(json["restaurants"]["hit_rate"], 0.75);
}

#[test]
fn what_services_did_is_in_the_series() {
    let (recorder, exporter) = Exporter::detached();
    let page = metrics::with_local_recorder(&recorder, || {
        let services = Arc::new(ServiceRegistry::new("main"));
        let read = Arc::clone(&services);
        let _source = exporter.register(move |scrape| read.publish(scrape));
        let restaurants = services.recorder("restaurants");
        restaurants.record_hit();
        restaurants.record_query();
        restaurants.record_call("nearby", Duration::from_millis(10), Outcome::Success);
        exporter.render().unwrap()
    });
    for line in [
        r#"larder_service_queries_total{database="main",service="restaurants"} 1"#,
        r#"larder_service_cache_requests_total{database="main",service="restaurants",outcome="hit"} 1"#,
        r#"larder_service_cache_requests_total{database="main",service="restaurants",outcome="miss"} 0"#,
        r#"larder_service_operation_duration_seconds_count{database="main",service="restaurants",operation="nearby",outcome="success"} 1"#,
    ] {
        assert!(page.lines().any(|found| found == line), "{line}\n{page}");
    }
}

#[test]
fn without_a_database_there_are_no_series() {
    let (recorder, exporter) = Exporter::detached();
    let page = metrics::with_local_recorder(&recorder, || {
        let services = Arc::new(ServiceRegistry::default());
        let read = Arc::clone(&services);
        let _source = exporter.register(move |scrape| read.publish(scrape));
        let call = Duration::from_millis(10);
        services
            .recorder("users")
            .record_call("by_id", call, Outcome::Success);
        exporter.render().unwrap()
    });
    assert_eq!(page, "");
}
