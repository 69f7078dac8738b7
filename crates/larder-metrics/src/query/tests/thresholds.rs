//! From which duration on a statement is slow.

use super::*;

#[tokio::test]
async fn a_threshold_of_an_operation_comes_before_that_of_the_task_and_that_before_the_usual() {
    let milliseconds = Duration::from_millis;
    let queries = QueryRecorder::new(QueryOptions {
        slow_threshold: milliseconds(100),
        slow_thresholds: vec![
            ("reports".to_owned(), milliseconds(5_000)),
            ("reports.daily".to_owned(), milliseconds(20)),
        ],
        metrics: false,
        ..QueryOptions::default()
    });
    let slow = |duration| {
        let query = QueryObservation {
            duration: milliseconds(duration),
            ..observation()
        };
        queries.record(&query).slow
    };
    let services = crate::ServiceRegistry::default();
    let (reports, users) = (services.recorder("reports"), services.recorder("users"));
    assert_eq!((slow(99), slow(100)), (false, true));
    let of = async |service, operation, least: u64| {
        let work = async { Ok::<_, ()>((slow(least - 1), slow(least))) };
        let found = OperationScope::measure(service, operation, work).await;
        assert_eq!(found, Ok((false, true)), "{operation}");
    };
    of(Arc::clone(&reports), "daily", 20).await;
    of(Arc::clone(&reports), "yearly", 5_000).await;
    of(Arc::clone(&users), "daily", 100).await;
    // What the program says of its own code, also where it leaves the service.
    OperationScope::slow_after(milliseconds(7), async {
        assert_eq!((slow(6), slow(7)), (false, true));
        of(Arc::clone(&users), "import", 7).await;
        of(Arc::clone(&reports), "daily", 20).await;
        let spawned = OperationScope::with(None, async { (slow(6), slow(7)) });
        assert_eq!(spawned.await, (false, true));
    })
    .await;
    assert_eq!((slow(99), slow(100)), (false, true));
}

#[test]
fn slow_statements_are_slow_in_what_is_known_of_their_text_too() {
    let queries = QueryRecorder::new(QueryOptions {
        slow_threshold: Duration::from_millis(2),
        metrics: false,
        ..QueryOptions::default()
    });
    let recorded = queries.record(&observation());
    assert!(recorded.slow && recorded.first);
    let faster = QueryObservation {
        duration: Duration::from_millis(1),
        ..observation()
    };
    let recorded = queries.record(&faster);
    assert!(!recorded.slow && !recorded.first);
    let summaries = queries.statements().summaries();
    assert_eq!(
        (summaries.len(), summaries[0].calls, summaries[0].slow),
        (1, 2, 1)
    );
}
