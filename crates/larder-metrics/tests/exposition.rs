//! What is rendered is valid: every family of the table, with values that try to break it, read
//! line by line by the rules of Prometheus' text format.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use larder_metrics::{
    Exporter, Kind, Outcome, PoolRecorder, QueryError, QueryObservation, QueryOptions,
    QueryRecorder, ServiceRegistry, names,
};

#[path = "support/promtool.rs"]
mod tool;

use tool::{promtool, said};

/// Values for labels that have to be shown without breaking a line.
const VALUES: [&str; 6] = [
    "plain",
    "with \"quotes\" and \\ and {braces}, commas=",
    "two\nlines",
    "ends with \\",
    "straße 🍽",
    "",
];

#[test]
fn everything_rendered_is_valid() {
    let exporter = Exporter::install();
    let _source = exporter.register(fill);
    let services = Arc::new(ServiceRegistry::new("main"));
    let read = Arc::clone(&services);
    let _services = exporter.register(move |scrape| read.publish(scrape));
    use_recorders(&services);

    for _ in 0..2 {
        let page = exporter.render().unwrap();
        let families = Exposition::read(&page).families;
        for definition in names::ALL {
            let family = families.get(definition.name);
            let family = family.unwrap_or_else(|| panic!("{} is missing", definition.name));
            assert_eq!(family.kind, definition.kind.as_str(), "{}", definition.name);
            assert_eq!(family.help, definition.help, "{}", definition.name);
        }
        assert_eq!(families.len(), names::ALL.len());
        check_with_promtool(&page);
    }
}

/// Gives every counter and gauge, and records into every histogram, with all the values.
fn fill(scrape: &mut larder_metrics::Scrape) {
    for definition in names::ALL {
        if *definition == names::BUILD_INFO {
            continue;
        }
        for value in VALUES {
            let labels = vec![value; definition.labels.len()];
            match definition.kind {
                Kind::Counter => scrape.counter(definition, &labels, 3),
                Kind::Gauge => scrape.gauge(definition, &labels, 2.5),
                _ => definition.histogram(&labels).record(0.02),
            }
        }
    }
}

fn use_recorders(services: &ServiceRegistry) {
    let queries = QueryRecorder::new(QueryOptions {
        slow_threshold: Duration::ZERO,
        per_fingerprint: true,
        legacy_names: true,
        ..QueryOptions::default()
    });
    for pool in VALUES {
        for error in [
            None,
            Some(QueryError::SqlState("23505")),
            Some(QueryError::Class("timeout")),
        ] {
            queries.record(&QueryObservation {
                pool,
                operation: "SELECT",
                collection: Some("odd \"table\"\n\\"),
                fingerprint: 7,
                text: "select ?",
                duration: Duration::from_micros(85),
                rows: 20,
                error,
            });
        }
        let pool = PoolRecorder::new(pool);
        pool.connected(Duration::from_millis(3));
        pool.connect_failed("refused");
        pool.acquired(Duration::from_micros(2));
        pool.acquire_timed_out();
        pool.released(Duration::from_secs(60));
        let service = services.recorder(pool.pool());
        service.record_call("nearby", Duration::from_millis(1), Outcome::Cancelled);
    }
}

/// A page, read and checked.
#[derive(Default)]
struct Exposition {
    families: BTreeMap<String, Family>,
    /// Families whose lines are over, because those of another one came.
    closed: BTreeSet<String>,
    current: Option<String>,
}

/// Names of labels and values, in order of the names.
type Labels = Vec<(String, String)>;

#[derive(Default)]
struct Family {
    help: String,
    kind: String,
    /// Labels to value, by name of the sample.
    samples: BTreeMap<(String, Labels), f64>,
}

impl Exposition {
    fn read(page: &str) -> Self {
        let mut exposition = Self::default();
        assert!(page.ends_with('\n'));
        for line in page.lines().filter(|line| !line.is_empty()) {
            exposition.line(line);
        }
        for (name, family) in &exposition.families {
            assert!(!family.kind.is_empty(), "{name} has no TYPE");
            assert!(!family.samples.is_empty(), "{name} has no samples");
            if family.kind == "histogram" {
                family.check_histogram(name);
            }
        }
        exposition
    }

    fn line(&mut self, line: &str) {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, text) = help.split_once(' ').unwrap();
            let family = self.enter(name);
            assert!(family.help.is_empty(), "HELP twice: {line}");
            assert!(
                family.kind.is_empty() && family.samples.is_empty(),
                "{line}"
            );
            family.help = text.to_owned();
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            let family = self.enter(name);
            assert!(family.kind.is_empty(), "TYPE twice: {line}");
            assert!(family.samples.is_empty(), "TYPE after samples: {line}");
            family.kind = kind.to_owned();
        } else {
            self.sample(line);
        }
    }

    /// The family of this name; all its lines stand together.
    fn enter(&mut self, name: &str) -> &mut Family {
        assert!(is_name(name, ':'), "{name}");
        if self.current.as_deref() != Some(name) {
            if let Some(left) = self.current.replace(name.to_owned()) {
                self.closed.insert(left);
            }
            assert!(!self.closed.contains(name), "{name} comes again");
        }
        self.families.entry(name.to_owned()).or_default()
    }

    fn sample(&mut self, line: &str) {
        let end = line.find(['{', ' ']).unwrap();
        let (name, rest) = line.split_at(end);
        let (labels, rest) = match rest.strip_prefix('{') {
            Some(rest) => read_labels(rest),
            None => (Vec::new(), rest),
        };
        let value = rest.strip_prefix(' ').unwrap_or_else(|| panic!("{line}"));
        let value: f64 = value.parse().unwrap_or_else(|_| panic!("{line}"));
        let current = self.current.clone().unwrap();
        let family = self.enter(&current);
        let suffix = name.strip_prefix(&current);
        let suffix = suffix.unwrap_or_else(|| panic!("{line} stands under {current}"));
        match family.kind.as_str() {
            "histogram" => assert!(["_bucket", "_sum", "_count"].contains(&suffix), "{line}"),
            _ => assert_eq!(suffix, "", "{line}"),
        }
        assert!(value >= 0.0, "{line}");
        let twice = family.samples.insert((suffix.to_owned(), labels), value);
        assert_eq!(twice, None, "the series comes twice: {line}");
    }
}

impl Family {
    /// Buckets rise, and the last one is the count.
    fn check_histogram(&self, name: &str) {
        let mut series: BTreeMap<Labels, Vec<(f64, f64)>> = BTreeMap::new();
        for ((suffix, labels), value) in &self.samples {
            if suffix == "_bucket" {
                let mut labels = labels.clone();
                let bound = labels.iter().position(|(label, _)| label == "le").unwrap();
                let (_, bound) = labels.remove(bound);
                let bound: f64 = bound.parse().unwrap();
                series.entry(labels).or_default().push((bound, *value));
            }
        }
        for (labels, mut buckets) in series {
            buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
            assert!(
                buckets.is_sorted_by(|a, b| a.1 <= b.1),
                "{name}: {buckets:?}"
            );
            let (last, counted) = *buckets.last().unwrap();
            assert_eq!(last, f64::INFINITY, "{name}");
            let count = self.samples.get(&("_count".to_owned(), labels.clone()));
            assert_eq!(count, Some(&counted), "{name} {labels:?}");
            assert!(
                self.samples.contains_key(&("_sum".to_owned(), labels)),
                "{name}"
            );
        }
    }
}

/// Reads what stands between braces; gives it and what comes after.
fn read_labels(mut rest: &str) -> (Labels, &str) {
    let mut labels = Labels::new();
    loop {
        let (name, after) = rest.split_once("=\"").unwrap();
        assert!(is_name(name, '_'), "{name}");
        assert!(
            labels.iter().all(|(known, _)| known != name),
            "{name} twice"
        );
        let (value, after) = read_value(after);
        labels.push((name.to_owned(), value));
        match after.split_at(1) {
            (",", after) => rest = after,
            ("}", after) => {
                labels.sort();
                return (labels, after);
            }
            _ => panic!("neither comma nor brace: {after}"),
        }
    }
}

/// Reads up to the closing quote, with the escapes that the format knows.
fn read_value(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &text[at + 1..]),
            '\\' => match characters.next().unwrap().1 {
                'n' => value.push('\n'),
                escaped @ ('\\' | '"') => value.push(escaped),
                other => panic!("unknown escape \\{other}: {text}"),
            },
            plain => value.push(plain),
        }
    }
    panic!("no closing quote: {text}");
}

fn is_name(text: &str, also: char) -> bool {
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_' || c == also;
    text.chars().next().is_some_and(letter) && text.chars().all(|c| letter(c) || c.is_ascii_digit())
}

/// Prometheus' own tool has a look too.
fn check_with_promtool(page: &str) {
    // A name that OpenTelemetry gave. The tool takes what ends like that for a part of a histogram.
    const ADVICE_NOT_TAKEN: &str = r#"db_client_connection_count non-histogram and non-summary metrics should not have "_count" suffix"#;
    let output = promtool(&["check", "metrics"], page);
    let complaints = said(&output);
    let others = complaints
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty());
    let others: Vec<&str> = others.filter(|line| *line != ADVICE_NOT_TAKEN).collect();
    assert!(others.is_empty(), "{complaints}");
    // 3 is advice.
    assert!(matches!(output.status.code(), Some(0 | 3)), "{complaints}");
}
