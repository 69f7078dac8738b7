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

#[test]
fn services_and_operations_beyond_their_bounds_share_a_name() {
    const OPERATIONS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
    let (recorder, exporter) = Exporter::detached();
    let page = metrics::with_local_recorder(&recorder, || {
        let services = Arc::new(ServiceRegistry {
            bounds: Box::leak(Box::new(Bounds::new())),
            ..ServiceRegistry::new("main")
        });
        for number in 0..110 {
            let service = services.recorder(&format!("service_{number}"));
            service.record_query();
            for operation in OPERATIONS {
                service.record_call(operation, Duration::from_millis(1), Outcome::Success);
            }
        }
        let read = Arc::clone(&services);
        let _source = exporter.register(move |scrape| read.publish(scrape));
        // Twice: what is added up is the same at each scrape.
        exporter.render().unwrap();
        assert_eq!(services.statistics()["service_109"].calls, 6);
        exporter.render().unwrap()
    });
    let value = |series: &str| {
        let line = page.lines().find(|line| line.starts_with(series));
        line.and_then(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
    };
    let queries = |service: &str| {
        value(&format!(
            r#"larder_service_queries_total{{database="main",service="{service}"}}"#
        ))
    };
    assert_eq!(queries("service_99"), Some(1));
    assert_eq!(queries("service_100"), None);
    assert_eq!(queries("other"), Some(10));
    let counts = page
        .lines()
        .filter(|line| line.starts_with("larder_service_operation_duration_seconds_count"));
    // 500 pairs; then, for each service, one for what is left of its operations.
    assert!(counts.count() <= 601, "{page}");
}
