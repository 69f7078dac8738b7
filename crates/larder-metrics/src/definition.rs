//! What is known of a metric: its name, kind, unit, help text and labels.

use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Unit};

use crate::labels;

/// A metric, as the table in [`names`](crate::names) defines it.
///
/// Values of labels are given in the order of [`labels`](Self::labels). An empty value leaves
/// the label out, which Prometheus takes for the same. Values are made safe to show: backslashes,
/// quotes and control characters become `_`, and what is longer than 128 characters is cut.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Definition {
    /// The name, as it is exposed.
    pub name: &'static str,
    /// What kind of metric it is.
    pub kind: Kind,
    /// What its value counts.
    pub unit: Unit,
    /// One sentence for people.
    pub help: &'static str,
    /// The names of its labels.
    pub labels: &'static [&'static str],
}

/// What kind of metric it is.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Kind {
    /// Grows only.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts values by these upper bounds, in the metric's unit.
    Histogram(&'static [f64]),
}

impl Kind {
    /// The kind as Prometheus writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }
}

/// What recorders are told of where a metric comes from.
static METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, None);

impl Definition {
    pub(crate) const fn new(
        name: &'static str,
        kind: Kind,
        unit: Unit,
        help: &'static str,
        labels: &'static [&'static str],
    ) -> Self {
        Self {
            name,
            kind,
            unit,
            help,
            labels,
        }
    }

    /// The handle of the counter with these values of its labels, at the current recorder.
    ///
    /// Handles are for keeping: to make one, the recorder is asked.
    pub fn counter(&self, values: &[&str]) -> Counter {
        debug_assert_eq!(self.kind, Kind::Counter, "{} is no counter", self.name);
        metrics::with_recorder(|recorder| recorder.register_counter(&self.key(values), &METADATA))
    }

    /// The handle of the gauge with these values of its labels, at the current recorder.
    pub fn gauge(&self, values: &[&str]) -> Gauge {
        debug_assert_eq!(self.kind, Kind::Gauge, "{} is no gauge", self.name);
        metrics::with_recorder(|recorder| recorder.register_gauge(&self.key(values), &METADATA))
    }

    /// The handle of the histogram with these values of its labels, at the current recorder.
    pub fn histogram(&self, values: &[&str]) -> Histogram {
        debug_assert!(
            matches!(self.kind, Kind::Histogram(_)),
            "{} is no histogram",
            self.name
        );
        metrics::with_recorder(|recorder| recorder.register_histogram(&self.key(values), &METADATA))
    }

    /// Tells the current recorder the unit and the help text.
    pub(crate) fn describe(&self) {
        let (name, unit, help) = (self.name.into(), Some(self.unit), self.help.into());
        metrics::with_recorder(|recorder| match self.kind {
            Kind::Counter => recorder.describe_counter(name, unit, help),
            Kind::Gauge => recorder.describe_gauge(name, unit, help),
            Kind::Histogram(_) => recorder.describe_histogram(name, unit, help),
        });
    }

    fn key(&self, values: &[&str]) -> Key {
        debug_assert_eq!(
            self.labels.len(),
            values.len(),
            "{} has the labels {:?}",
            self.name,
            self.labels
        );
        let labels: Vec<Label> = self
            .labels
            .iter()
            .zip(values)
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| Label::new(*name, labels::cleaned(value).into_owned()))
            .collect();
        Key::from_parts(self.name, labels)
    }
}
