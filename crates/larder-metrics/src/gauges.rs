//! What the gauges of sources show at a scrape.
//!
//! A gauge that nobody gives any more is gone: that nothing is known of a replica's lag, or of an
//! instance that was shut down, must not look like the best value that there is. The recorder keeps
//! a gauge for ever, so where it is Larder's they are rendered here and never reach it.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;

use metrics::Gauge;

use crate::definition::Definition;
use crate::labels::pairs;

/// The gauges of one scrape. Those that several sources give are summed.
#[derive(Debug, Default)]
pub(crate) struct Gauges {
    by_name: BTreeMap<&'static str, (Definition, BTreeMap<Vec<String>, f64>)>,
}

impl Gauges {
    /// Adds what a source gives; the values of the labels are cleaned.
    pub(crate) fn add(&mut self, definition: Definition, labels: Vec<String>, value: f64) {
        let name = self.by_name.entry(definition.name);
        let (_, series) = name.or_insert_with(|| (definition, BTreeMap::new()));
        *series.entry(labels).or_default() += value;
    }

    /// Writes them in Prometheus' text format, by name.
    pub(crate) fn render(&self, page: &mut String) {
        for (name, (definition, series)) in &self.by_name {
            let help = definition.help;
            // Writing to a string does not fail, here and below.
            let _ = write!(page, "\n# HELP {name} {help}\n# TYPE {name} gauge\n");
            for (labels, value) in series {
                let labels = pairs(definition.labels, labels);
                let _ = match labels.as_str() {
                    "" => writeln!(page, "{name} {value}"),
                    labels => writeln!(page, "{name}{{{labels}}} {value}"),
                };
            }
        }
    }

    fn series(&self) -> impl Iterator<Item = (&Definition, &Vec<String>, f64)> {
        let names = self.by_name.values();
        names.flat_map(|(definition, series)| {
            let series = series.iter();
            series.map(move |(labels, value)| (definition, labels, *value))
        })
    }
}

/// The gauges of a recorder that is the program's.
#[derive(Default)]
pub(crate) struct ForeignGauges {
    known: HashMap<(&'static str, Vec<String>), Gauge>,
}

impl ForeignGauges {
    /// Sets them. What is not given any more is no number from now on: nothing can be taken back
    /// from a recorder.
    pub(crate) fn set(&mut self, gauges: &Gauges) {
        for (definition, labels, _) in gauges.series() {
            let key = (definition.name, labels.clone());
            self.known.entry(key).or_insert_with(|| {
                let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
                definition.gauge(&labels)
            });
        }
        for ((name, labels), gauge) in &self.known {
            let given = gauges.by_name.get(name);
            let value = given.and_then(|(_, series)| series.get(labels));
            gauge.set(value.copied().unwrap_or(f64::NAN));
        }
    }
}
