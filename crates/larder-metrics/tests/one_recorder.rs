//! The recorder is installed once, however many instances ask for it at the same time.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use larder_metrics::{Exporter, InstanceName, PoolReading, names};

#[test]
fn all_instances_share_the_recorder_and_keep_series_of_their_own() {
    let exporters: Vec<Exporter> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(Exporter::install)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert!(exporters.iter().all(Exporter::can_render));

    // Two instances, both called `main` by their configuration.
    let sources = [(&exporters[0], 3), (&exporters[7], 5)].map(|(exporter, used)| {
        let name = InstanceName::claim("main");
        exporter.register(move |scrape| {
            let reading = PoolReading {
                used,
                ..PoolReading::default()
            };
            reading.publish(scrape, name.as_str(), false);
        })
    });
    names::CONNECTION_TIMEOUTS.counter(&["main"]).increment(1);

    for exporter in [&exporters[1], &Exporter::install()] {
        let page = exporter.render().unwrap();
        for line in [
            r#"db_client_connection_count{pool="main",state="used"} 3"#,
            r#"db_client_connection_count{pool="main-2",state="used"} 5"#,
            r#"db_client_connection_timeouts_total{pool="main"} 1"#,
            concat!(
                r#"larder_build_info{version=""#,
                env!("CARGO_PKG_VERSION"),
                r#""} 1"#
            ),
        ] {
            assert!(page.lines().any(|found| found == line), "{line}\n{page}");
        }
    }
    drop(sources);
}
