//! What is written down of statements.

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};

use super::*;

/// An event: level, target, and its fields as text.
type Seen = (Level, String, String);

struct Catch(Arc<Mutex<Vec<Seen>>>);

impl<S: Subscriber> Layer<S> for Catch {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        struct Fields(String);
        impl Visit for Fields {
            fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
                self.0 += &format!("{field}={value:?} ");
            }
        }
        let mut fields = Fields(String::new());
        event.record(&mut fields);
        let (level, target) = (*event.metadata().level(), event.metadata().target());
        self.0
            .lock()
            .unwrap()
            .push((level, target.to_owned(), fields.0));
    }
}

fn events<R>(options: QueryOptions, work: impl FnOnce(&QueryRecorder) -> R) -> Vec<Seen> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let subscriber = tracing_subscriber::registry().with(Catch(Arc::clone(&seen)));
    tracing::subscriber::with_default(subscriber, || {
        work(&QueryRecorder::new(QueryOptions {
            metrics: false,
            ..options
        }));
    });
    let seen = seen.lock().unwrap();
    seen.clone()
}

#[test]
fn each_slow_statement_is_one_event() {
    let options = QueryOptions {
        slow_threshold: Duration::from_millis(2),
        ..QueryOptions::default()
    };
    let seen = events(options, |queries| {
        queries.record(&observation());
        queries.record(&observation());
        queries.record(&QueryObservation {
            duration: Duration::from_micros(1_999),
            ..observation()
        });
    });
    assert_eq!(seen.len(), 2, "{seen:?}");
    let (level, target, fields) = &seen[0];
    assert_eq!((*level, target.as_str()), (Level::WARN, "larder::slow"));
    for field in [
        "pool=\"main\"",
        "fingerprint=00000000000000ab",
        "statement=\"select * from restaurants where id = ?\"",
        "duration_ms=2.0",
        "rows=3",
    ] {
        assert!(fields.contains(field), "{field} in {fields}");
    }
    assert!(!fields.contains("error="), "{fields}");
}

#[test]
fn a_threshold_of_zero_makes_every_statement_slow() {
    let options = QueryOptions {
        slow_threshold: Duration::ZERO,
        ..QueryOptions::default()
    };
    let seen = events(options, |queries| {
        queries.record(&QueryObservation {
            duration: Duration::ZERO,
            ..observation()
        });
        assert_eq!(queries.statistics().slow, 1);
    });
    assert_eq!(seen.len(), 1);
}

#[test]
fn the_query_log_has_every_statement_and_is_off_by_default() {
    assert_eq!(
        events(QueryOptions::default(), |queries| queries
            .record(&observation())),
        []
    );
    let options = QueryOptions {
        log: true,
        ..QueryOptions::default()
    };
    let seen = events(options, |queries| {
        queries.record(&QueryObservation {
            error: Some(QueryError::SqlState("57014")),
            ..observation()
        });
    });
    let [(level, target, fields)] = seen.as_slice() else {
        unreachable!("one event: {seen:?}");
    };
    assert_eq!((*level, target.as_str()), (Level::DEBUG, "larder::query"));
    assert!(fields.contains("error=\"57014\""), "{fields}");
}
