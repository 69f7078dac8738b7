//! The recorder that Larder installs: Prometheus', with histograms of its own for the table.

use std::sync::Arc;

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use crate::gauges::Gauges;
use crate::histogram::Histograms;

/// What metrics go to. Histograms of the program are summaries.
pub(crate) struct ProcessRecorder {
    prometheus: PrometheusRecorder,
    histograms: Arc<Histograms>,
}

/// What renders them.
pub(crate) struct Renderer {
    prometheus: PrometheusHandle,
    histograms: Arc<Histograms>,
}

impl ProcessRecorder {
    pub(crate) fn new() -> Self {
        Self {
            prometheus: PrometheusBuilder::new().build_recorder(),
            histograms: Arc::default(),
        }
    }

    pub(crate) fn renderer(&self) -> Renderer {
        Renderer {
            prometheus: self.prometheus.handle(),
            histograms: Arc::clone(&self.histograms),
        }
    }
}

impl Renderer {
    pub(crate) fn render(&self, gauges: &Gauges) -> String {
        let mut page = self.prometheus.render();
        gauges.render(&mut page);
        self.histograms.render(&mut page);
        page
    }

    /// Takes the values of the program's own histograms out of their buffers.
    pub(crate) fn upkeep(&self) {
        self.prometheus.run_upkeep();
    }
}

impl Recorder for ProcessRecorder {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.prometheus.describe_counter(key, unit, description);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.prometheus.describe_gauge(key, unit, description);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.prometheus.describe_histogram(key, unit, description);
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        self.prometheus.register_counter(key, metadata)
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        self.prometheus.register_gauge(key, metadata)
    }

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        self.histograms
            .register(key)
            .unwrap_or_else(|| self.prometheus.register_histogram(key, metadata))
    }
}
