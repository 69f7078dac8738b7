//! What a tracer of OpenTelemetry is told of sessions and statements, and what the server is told
//! of traces.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use larder::prelude::*;
use larder_testing::TestDatabase;
use opentelemetry::trace::{Status, TracerProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, Sampler, SdkTracerProvider, SpanData};
use tracing::subscriber::DefaultGuard;
use tracing::{Instrument, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, Layer};

/// An instance on a database of the test's own, with these settings on top.
async fn start(trace_context: bool) -> (TestDatabase, Larder) {
    let test = TestDatabase::create(larder::services::MIGRATIONS)
        .await
        .unwrap();
    let variables = vec![("DATABASE_URL".to_owned(), test.url().to_owned())];
    let larder = Larder::builder()
        .profile(Profile::Dev)
        .load_with(|loader| {
            let loader = loader.no_file().environment(variables);
            loader.set("query.trace_context", trace_context)
        })
        .start()
        .await
        .unwrap();
    (test, larder)
}

/// What a tracer was told on this thread, as long as the guard lives.
struct Traced {
    exporter: InMemorySpanExporter,
    provider: SdkTracerProvider,
    _guard: DefaultGuard,
}

impl Traced {
    fn with(sampler: Sampler) -> Self {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder()
            .with_sampler(sampler)
            .with_simple_exporter(exporter.clone())
            .build();
        let layer = larder::opentelemetry_layer(provider.tracer("test"));
        let subscriber = tracing_subscriber::registry().with(layer);
        Self {
            exporter,
            _guard: tracing::subscriber::set_default(subscriber),
            provider,
        }
    }

    fn spans(&self) -> Vec<SpanData> {
        self.provider.force_flush().unwrap();
        self.exporter.get_finished_spans().unwrap()
    }

    /// The only span of this name.
    fn span(&self, name: &str) -> SpanData {
        let spans = self.spans();
        let mut named = spans.iter().filter(|span| span.name == name);
        let found = named
            .next()
            .unwrap_or_else(|| panic!("no {name}: {spans:#?}"));
        assert!(named.next().is_none(), "more than one {name}");
        found.clone()
    }
}

fn attribute(span: &SpanData, key: &str) -> Option<String> {
    let mut attributes = span.attributes.iter();
    let found = attributes.find(|attribute| attribute.key.as_str() == key);
    found.map(|attribute| attribute.value.to_string())
}

#[tokio::test]
async fn a_session_and_each_statement_is_a_span_below_what_asked_for_it() {
    let (_test, larder) = start(false).await;
    let traced = Traced::with(Sampler::AlwaysOn);
    let work = async {
        let mut session = larder.db().session().await.unwrap();
        let read = "SELECT name FROM restaurants WHERE name = 'secret'";
        diesel::sql_query(read).execute(&mut session).await.unwrap();
        let wrong = diesel::sql_query("DELETE FROM missing_table");
        assert!(wrong.execute(&mut session).await.is_err());
        let inside = async {
            let read = diesel::sql_query("SELECT email FROM users");
            read.execute(&mut session).await.unwrap();
        };
        inside.instrument(tracing::info_span!("part")).await;
    };
    work.instrument(tracing::info_span!("request")).await;

    let request = traced.span("request").span_context.span_id();
    let read = traced.span("SELECT restaurants");
    // Others have sessions meanwhile, in the background.
    let mut spans = traced.spans().into_iter();
    let session = spans.find(|span| span.span_context.span_id() == read.parent_span_id);
    let session = session.unwrap();
    assert_eq!(
        (&*session.name, session.parent_span_id),
        ("session", request)
    );
    let (part, inside) = (traced.span("part"), traced.span("SELECT users"));
    assert_eq!(inside.parent_span_id, part.span_context.span_id());
    for (key, value) in [
        ("db.system.name", "postgresql"),
        ("db.operation.name", "SELECT"),
        ("db.collection.name", "restaurants"),
        ("db.query.summary", "SELECT restaurants"),
        (
            "db.query.text",
            "select name from restaurants where name = ?",
        ),
        ("db.response.returned_rows", "0"),
    ] {
        assert_eq!(attribute(&read, key).as_deref(), Some(value), "{key}");
    }
    assert_eq!(
        (attribute(&read, "error.type"), &read.status),
        (None, &Status::Unset)
    );

    let wrong = traced.span("DELETE missing_table");
    for key in ["error.type", "db.response.status_code"] {
        assert_eq!(attribute(&wrong, key).as_deref(), Some("42P01"), "{key}");
    }
    assert!(matches!(wrong.status, Status::Error { .. }), "{wrong:#?}");
    assert!(!format!("{:?}", traced.spans()).contains("secret"));
}

#[tokio::test]
async fn a_caller_who_leaves_is_told_and_is_no_error() {
    let (_test, larder) = start(false).await;
    let traced = Traced::with(Sampler::AlwaysOn);
    let mut session = larder.db().session().await.unwrap();
    let long = diesel::sql_query("SELECT pg_sleep(600)");
    let waiting = tokio::time::timeout(Duration::from_millis(300), long.execute(&mut session));
    assert!(waiting.await.is_err());
    drop(session);
    let spans = traced.spans();
    let text = |span: &&SpanData| attribute(span, "db.query.text").unwrap_or_default();
    let left = spans.iter().find(|span| text(span).contains("pg_sleep"));
    let left = left.unwrap_or_else(|| panic!("{spans:#?}"));
    assert_eq!(attribute(left, "error.type").as_deref(), Some("cancelled"));
    assert_eq!(left.status, Status::Unset);
}

#[tokio::test]
async fn a_read_on_a_shared_connection_is_a_span_too() {
    let (_test, larder) = start(false).await;
    larder.db().open_lanes().await.unwrap();
    let traced = Traced::with(Sampler::AlwaysOn);
    let read = async {
        use larder::services::schema::restaurants::dsl;
        let ids = dsl::restaurants.select(dsl::id);
        let ids: Vec<i64> = ids.load(&mut larder.db().reader()).await.unwrap();
        assert!(ids.is_empty());
    };
    read.instrument(tracing::info_span!("request")).await;
    assert_eq!(larder.db().pool_status().lanes.reads, 1);
    let request = traced.span("request").span_context.span_id();
    assert_eq!(traced.span("SELECT restaurants").parent_span_id, request);
}

/// Of the server, and of a test.
mod tables {
    diesel::table! {
        pg_stat_activity (pid) {
            pid -> Integer,
            query -> Text,
        }
    }

    diesel::table! {
        visits (query) {
            query -> Text,
        }
    }

    diesel::define_sql_function! {
        fn pg_backend_pid() -> diesel::sql_types::Integer;
    }
}

use tables::{pg_backend_pid, pg_stat_activity, visits};

/// A text that was sent with the identity of a trace: the text, and that.
fn parted(text: &str) -> (&str, &str) {
    let (text, comment) = text.split_once("\n/*traceparent='").unwrap();
    (text, comment.strip_suffix("'*/").unwrap())
}

/// The text that the server has of a statement while it runs it.
async fn own_text(conn: &mut Connection) -> String {
    use tables::pg_stat_activity::dsl;
    let own = dsl::pg_stat_activity.filter(dsl::pid.eq(pg_backend_pid()));
    own.select(dsl::query).first(conn).await.unwrap()
}

#[tokio::test]
async fn statements_of_recorded_traces_tell_the_server_which_and_spoil_no_memory() {
    let (_test, larder) = start(true).await;
    let db = larder.db();
    let traced = Traced::with(Sampler::AlwaysOn);
    let mut session = db.session().await.unwrap();
    let kept = session.prepared_statements();
    let work = async {
        let mut texts = Vec::new();
        for _ in 0..3 {
            texts.push(own_text(&mut session).await);
        }
        session
            .batch_execute("CREATE TABLE visits (query text)")
            .await
            .unwrap();
        // One that writes, with what has to take effect together with it.
        let activity = pg_stat_activity::table.filter(pg_stat_activity::pid.eq(pg_backend_pid()));
        let write = activity
            .select((pg_stat_activity::query,))
            .insert_into(visits::table);
        write.execute(&mut session).await.unwrap();
        texts.push(
            visits::table
                .select(visits::query)
                .first(&mut session)
                .await
                .unwrap(),
        );
        let in_transaction =
            session.transaction(async |conn| Ok::<_, diesel::result::Error>(own_text(conn).await));
        texts.push(in_transaction.await.unwrap());
        texts
    };
    let texts = work.instrument(tracing::info_span!("request")).await;
    let trace = traced.span("request").span_context.trace_id().to_string();
    for text in &texts {
        let (_, traceparent) = parted(text);
        assert!(traceparent.starts_with(&format!("00-{trace}-")), "{text}");
        assert!(traceparent.ends_with("-01"), "{text}");
    }
    // Each says by which statement it was, and none of them is kept.
    assert_ne!(parted(&texts[0]).1, parted(&texts[1]).1);
    assert_eq!(session.prepared_statements(), kept);
    let known = db.statements();
    let own = known
        .iter()
        .find(|one| one.text.starts_with("select \"pg_stat_activity\""));
    assert_eq!(own.unwrap().calls, 4);
}

#[tokio::test]
async fn a_cached_read_is_found_again_from_another_trace() {
    let (_test, larder) = start(true).await;
    let db = larder.db();
    let _traced = Traced::with(Sampler::AlwaysOn);
    for _ in 0..3 {
        let count = db.sql("SELECT count(*) FROM restaurants").cached();
        let count = count.ttl(Duration::from_secs(600)).fetch_scalar::<i64>();
        let count = count.instrument(tracing::info_span!("request")).await;
        assert_eq!(count.unwrap(), 0);
    }
    let known = db.statements();
    let count = known
        .iter()
        .find(|one| one.text.contains("count(*) from restaurants"));
    assert_eq!((count.unwrap().calls, count.unwrap().cached), (1, 2));
}

#[tokio::test]
async fn statements_of_other_traces_are_sent_as_ever() {
    for (trace_context, sampler) in [(true, Sampler::AlwaysOff), (false, Sampler::AlwaysOn)] {
        let (_test, larder) = start(trace_context).await;
        let _traced = Traced::with(sampler);
        let mut session = larder.db().session().await.unwrap();
        let text = own_text(&mut session);
        let text = text.instrument(tracing::info_span!("request")).await;
        assert!(!text.contains("traceparent"), "{text}");
        assert!(session.prepared_statements() > 0);
    }
}

/// Counts Larder's own spans.
#[derive(Clone, Default)]
struct Spans(Arc<AtomicUsize>);

impl<S: Subscriber + for<'span> LookupSpan<'span>> Layer<S> for Spans {
    fn on_new_span(
        &self,
        attributes: &tracing::span::Attributes<'_>,
        _: &tracing::span::Id,
        _: Context<'_, S>,
    ) {
        if attributes.metadata().target() == "larder::span" {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[tokio::test]
async fn nobody_gets_spans_who_has_not_asked_for_them() {
    let (_test, larder) = start(false).await;
    for (filter, expected) in [("debug", false), ("debug,larder::span=trace", true)] {
        let spans = Spans::default();
        let subscriber = tracing_subscriber::registry()
            .with(EnvFilter::new(filter))
            .with(spans.clone());
        let guard = tracing::subscriber::set_default(subscriber);
        let mut session = larder.db().session().await.unwrap();
        own_text(&mut session).await;
        drop(session);
        drop(guard);
        assert_eq!(
            AtomicUsize::load(&spans.0, Ordering::Relaxed) > 0,
            expected,
            "{filter}"
        );
    }
}
