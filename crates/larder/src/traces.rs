//! Traces: spans of sessions and statements for a tracer of OpenTelemetry.

use larder_config::LoggingConfig;
use larder_database::TraceContext;
use opentelemetry::trace::{TraceContextExt, Tracer};
use tracing::{Level, Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use crate::telemetry::{colours, filter, lines};
use crate::{Error, Result};

/// As [`init_tracing`](crate::init_tracing), and sends spans to this tracer of OpenTelemetry: those
/// of the program from level info on, and below them one for each session and each statement, with
/// the attributes of OpenTelemetry's conventions for database clients. A program that sets up a
/// subscriber of its own adds [`opentelemetry_layer`] to that.
///
/// With `query.trace_context` the statements of recorded traces also carry `traceparent` to the
/// server.
///
/// # Errors
///
/// [`Error::Tracing`] if a subscriber is already there.
///
/// # Examples
///
/// ```no_run
/// use larder::prelude::*;
///
/// # fn exporter() -> opentelemetry_sdk::trace::InMemorySpanExporter { Default::default() }
/// # async fn example() -> larder::Result<()> {
/// use opentelemetry::trace::TracerProvider;
/// use opentelemetry_sdk::trace::SdkTracerProvider;
///
/// let provider = SdkTracerProvider::builder().with_simple_exporter(exporter()).build();
/// let config = Larder::builder().load()?;
/// larder::init_tracing_with(&config.logging, provider.tracer("shop"))?;
/// let larder = Larder::builder().config(config).start().await?;
/// # larder.shutdown().await
/// # }
/// ```
pub fn init_tracing_with<T>(logging: &LoggingConfig, tracer: T) -> Result<()>
where
    T: Tracer + Send + Sync + 'static,
    T::Span: Send + Sync,
{
    // Each has a filter of its own: nobody wants a line in the log for each statement.
    tracing_subscriber::registry()
        .with(lines(logging, std::io::stderr, colours()).with_filter(filter(logging)))
        .with(opentelemetry_layer(tracer))
        .try_init()
        .map_err(|_| Error::Tracing)
}

/// A layer that sends spans to this tracer of OpenTelemetry: those of the program from level info
/// on, and Larder's own (target `larder::span`).
pub fn opentelemetry_layer<S, T>(tracer: T) -> impl Layer<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    T: Tracer + Send + Sync + 'static,
    T::Span: Send + Sync,
{
    let wanted = Targets::new()
        .with_default(Level::INFO)
        .with_target("larder::span", Level::TRACE);
    tracing_opentelemetry::layer()
        .with_tracer(tracer)
        .with_filter(wanted)
}

/// What statements of recorded traces carry to the server.
pub(crate) fn trace_context() -> TraceContext {
    TraceContext::new(traceparent)
}

/// The `traceparent` of this span, or of the current one where there is none.
fn traceparent(span: &Span) -> Option<String> {
    let context = match span.is_disabled() {
        true => Span::current().context(),
        false => span.context(),
    };
    let span = context.span();
    let span = span.span_context();
    let is_recorded = span.is_valid() && span.is_sampled();
    is_recorded.then(|| {
        let flags = span.trace_flags().to_u8();
        format!("00-{}-{}-{flags:02x}", span.trace_id(), span.span_id())
    })
}
