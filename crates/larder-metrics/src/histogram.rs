//! Histograms of the table, kept as counts by bucket.
//!
//! The exporter's own histograms keep every value until they are rendered: that costs more per
//! statement than all the rest, and memory without end where nobody renders. These cost two
//! additions, and no memory.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use metrics::{HistogramFn, Key, Unit};

use crate::definition::{Definition, Kind};
use crate::labels::{cleaned, pairs};
use crate::names;

#[cfg(test)]
mod tests;

/// The histograms of a recorder.
#[derive(Debug, Default)]
pub(crate) struct Histograms {
    by_series: Mutex<BTreeMap<Series, Arc<Counts>>>,
}

/// The index of the definition in the table, and the values of its labels.
type Series = (usize, Vec<String>);

/// Counts by bucket, and the sum.
#[derive(Debug)]
struct Counts {
    bounds: &'static [f64],
    /// One more than there are bounds: the last one has what is above all of them.
    buckets: Box<[AtomicU64]>,
    /// In parts of the unit, so that it can be added to without a loop, and is exact.
    sum: AtomicU64,
    parts: f64,
}

impl Histograms {
    /// The histogram of this key, if the table has one of its name.
    pub(crate) fn register(&self, key: &Key) -> Option<metrics::Histogram> {
        let (index, definition, bounds) =
            histograms().find(|(_, known, _)| known.name == key.name())?;
        let values = definition.labels.iter().map(|name| {
            let mut given = key.labels();
            let label = given.find(|label| label.key() == *name);
            label.map_or_else(String::new, |label| cleaned(label.value()).into_owned())
        });
        let series = (index, values.collect());
        let mut by_series = self
            .by_series
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let counts = by_series
            .entry(series)
            .or_insert_with(|| Arc::new(Counts::new(bounds, definition.unit)));
        Some(metrics::Histogram::from_arc(Arc::clone(counts)))
    }

    /// Writes all of them in Prometheus' text format, in the order of the table.
    pub(crate) fn render(&self, page: &mut String) {
        let by_series = self
            .by_series
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut previous = None;
        for ((index, values), counts) in by_series.iter() {
            let definition = &names::ALL[*index];
            if previous.replace(index) != Some(index) {
                let Definition { name, help, .. } = definition;
                // Writing to a string does not fail, here and below.
                let _ = write!(page, "\n# HELP {name} {help}\n# TYPE {name} histogram\n");
            }
            counts.render(definition, values, page);
        }
    }
}

fn histograms() -> impl Iterator<Item = (usize, &'static Definition, &'static [f64])> {
    let table = names::ALL.iter().enumerate();
    table.filter_map(|(index, definition)| match definition.kind {
        Kind::Histogram(bounds) => Some((index, definition, bounds)),
        _ => None,
    })
}

impl Counts {
    fn new(bounds: &'static [f64], unit: Unit) -> Self {
        Self {
            bounds,
            buckets: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicU64::new(0),
            parts: match unit {
                Unit::Seconds => 1e9,
                _ => 1.0,
            },
        }
    }

    fn render(&self, definition: &Definition, values: &[String], page: &mut String) {
        let name = definition.name;
        let labels = pairs(definition.labels, values);
        let comma = if labels.is_empty() { "" } else { "," };
        let mut count = 0;
        let bounds = self.bounds.iter().map(f64::to_string);
        for (bucket, bound) in self.buckets.iter().zip(bounds.chain(["+Inf".to_owned()])) {
            count += bucket.load(Ordering::Relaxed);
            let _ = writeln!(
                page,
                "{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {count}"
            );
        }
        let labels = match labels.as_str() {
            "" => labels,
            _ => format!("{{{labels}}}"),
        };
        let sum = self.sum.load(Ordering::Relaxed) as f64 / self.parts;
        let _ = writeln!(page, "{name}_sum{labels} {sum}");
        let _ = writeln!(page, "{name}_count{labels} {count}");
    }
}

impl HistogramFn for Counts {
    /// Values below zero and what is not a number count as zero.
    fn record(&self, value: f64) {
        self.record_many(value, 1);
    }

    fn record_many(&self, value: f64, count: usize) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        let count = count as u64;
        self.buckets[bucket].fetch_add(count, Ordering::Relaxed);
        // The cast takes what is below zero, and what is no number, for zero.
        let parts = (value * self.parts).round() as u64;
        self.sum
            .fetch_add(parts.wrapping_mul(count), Ordering::Relaxed);
    }
}
