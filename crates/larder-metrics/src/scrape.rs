//! Reading components when metrics are scraped.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use metrics::Counter;

use crate::definition::{Definition, Kind};
use crate::gauges::{ForeignGauges, Gauges};
use crate::labels::cleaned;

/// Where a source writes what its components say now.
#[derive(Debug, Default)]
pub struct Scrape {
    samples: Vec<Sample>,
}

#[derive(Debug)]
struct Sample {
    definition: Definition,
    series: Series,
    value: Value,
}

/// A name and the values of the labels, in the order of the definition.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Series(&'static str, Vec<String>);

#[derive(Debug, Clone, Copy)]
enum Value {
    Counter(u64),
    Gauge(f64),
}

impl Scrape {
    /// What a gauge shows now. Values that are not finite are left out.
    pub fn gauge(&mut self, definition: &Definition, labels: &[&str], value: f64) {
        debug_assert_eq!(definition.kind, Kind::Gauge, "{}", definition.name);
        if value.is_finite() {
            self.push(definition, labels, Value::Gauge(value));
        }
    }

    /// What a component has counted since it was made.
    pub fn counter(&mut self, definition: &Definition, labels: &[&str], total: u64) {
        debug_assert_eq!(definition.kind, Kind::Counter, "{}", definition.name);
        self.push(definition, labels, Value::Counter(total));
    }

    fn push(&mut self, definition: &Definition, labels: &[&str], value: Value) {
        // Cleaned here too: what is one series at the recorder has to be one here.
        let labels = labels.iter().map(|label| cleaned(label).into_owned());
        let labels = labels.collect();
        self.samples.push(Sample {
            definition: *definition,
            series: Series(definition.name, labels),
            value,
        });
    }
}

impl Sample {
    fn labels(&self) -> Vec<&str> {
        self.series.1.iter().map(String::as_str).collect()
    }
}

type Read = dyn Fn(&mut Scrape) + Send + Sync;

/// A registered closure, and what its counters said last.
pub(crate) struct Source {
    read: Box<Read>,
    last: Mutex<HashMap<Series, u64>>,
}

impl Source {
    pub(crate) fn new(read: impl Fn(&mut Scrape) + Send + Sync + 'static) -> Self {
        Self {
            read: Box::new(read),
            last: Mutex::default(),
        }
    }

    fn samples(&self) -> Vec<Sample> {
        let mut scrape = Scrape::default();
        let read = catch_unwind(AssertUnwindSafe(|| (self.read)(&mut scrape)));
        if read.is_err() {
            tracing::error!("a source of metrics panicked; its series are incomplete");
        }
        scrape.samples
    }

    /// By how much a counter grew. One that went back was made again and began at 0.
    fn growth(&self, series: &Series, total: u64) -> u64 {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let before = last.insert(series.clone(), total).unwrap_or(0);
        total.checked_sub(before).unwrap_or(total)
    }
}

/// The counters that sources write into.
///
/// Sources that give the same series add up instead of overwriting each other: gauges are
/// summed, counters grow by what each source counted. So a counter also goes on where it was
/// when an instance is stopped and started again; the recorder's own way to set a counter keeps
/// the highest value ever set instead.
#[derive(Default)]
pub(crate) struct Published {
    counters: HashMap<Series, Counter>,
    foreign: ForeignGauges,
}

impl Published {
    /// Reads all sources: counters go to the recorder, gauges are what it gives.
    pub(crate) fn update<'a>(&mut self, sources: impl Iterator<Item = &'a Source>) -> Gauges {
        let mut gauges = Gauges::default();
        for source in sources {
            for sample in source.samples() {
                match sample.value {
                    Value::Counter(total) => {
                        let growth = source.growth(&sample.series, total);
                        self.counters
                            .entry(sample.series.clone())
                            .or_insert_with(|| sample.definition.counter(&sample.labels()))
                            .increment(growth);
                    }
                    Value::Gauge(value) => gauges.add(sample.definition, sample.series.1, value),
                }
            }
        }
        gauges
    }

    /// Hands gauges to a recorder that is the program's.
    pub(crate) fn hand_over(&mut self, gauges: &Gauges) {
        self.foreign.set(gauges);
    }
}
