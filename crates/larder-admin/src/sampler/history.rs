//! The samples of the last 15 minutes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::Serialize;

use super::Sample;
use super::sample::{COLUMNS, rounded};

/// The last samples, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct History(VecDeque<Sample>);

/// The same as columns, which is half the size and what charts are drawn of.
#[derive(Debug, Serialize)]
pub(crate) struct Columns<'a> {
    /// Milliseconds since 1970.
    at: Vec<i64>,
    #[serde(flatten)]
    numbers: BTreeMap<&'static str, Vec<Option<f64>>>,
    /// Of each service, the share of its reads that the cache answered.
    services: BTreeMap<&'a str, Vec<Option<f64>>>,
}

impl History {
    /// 15 minutes of one sample a second.
    pub(crate) const LONGEST: usize = 15 * 60;

    pub(crate) fn push(&mut self, sample: Sample) {
        if self.0.len() == Self::LONGEST {
            self.0.pop_front();
        }
        self.0.push_back(sample);
    }

    pub(crate) fn last(&self) -> Option<&Sample> {
        self.0.back()
    }

    pub(crate) fn columns(&self) -> Columns<'_> {
        let names = self.0.iter().flat_map(|sample| sample.services.keys());
        let names: BTreeSet<&str> = names.map(String::as_str).collect();
        let column = |index: usize| {
            let numbers = self.0.iter().map(|sample| sample.numbers[index]);
            numbers.map(|number| number.map(rounded)).collect()
        };
        let of_service = |name: &str| {
            let shares = self.0.iter().map(|sample| sample.services.get(name));
            shares.map(Option::<&f64>::copied).collect()
        };
        Columns {
            at: self.0.iter().map(|sample| sample.at).collect(),
            numbers: COLUMNS
                .iter()
                .enumerate()
                .map(|(index, name)| (*name, column(index)))
                .collect(),
            services: names
                .into_iter()
                .map(|name| (name, of_service(name)))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(at: i64, service: Option<(&str, f64)>) -> Sample {
        Sample {
            at,
            numbers: [Some(at as f64); COLUMNS.len()],
            services: service
                .map(|(name, share)| (name.to_owned(), share))
                .into_iter()
                .collect(),
        }
    }

    #[test]
    fn it_keeps_fifteen_minutes_and_drops_the_oldest() {
        let mut history = History::default();
        for at in 0..2_000 {
            history.push(sample(at, None));
        }
        let columns = history.columns();
        assert_eq!(columns.at.len(), 900);
        assert_eq!(columns.at[0], 1_100);
        assert!(columns.numbers.values().all(|column| column.len() == 900));
        assert_eq!(history.last().unwrap().at, 1_999);
    }

    #[test]
    fn a_service_that_came_later_has_gaps_before() {
        let mut history = History::default();
        history.push(sample(1, None));
        history.push(sample(2, Some(("menus", 0.5))));
        let columns = serde_json::to_value(history.columns()).unwrap();
        assert_eq!(columns["services"]["menus"], serde_json::json!([null, 0.5]));
    }
}
