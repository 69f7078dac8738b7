//! The reference page of all metrics: `docs/metrics.md`.

use std::fmt::Write;

use metrics::Unit;

use super::{ALL, LABELS};
use crate::definition::{Definition, Kind};

const INTRODUCTION: &str = "\
# Metrics

<!-- Written by `cargo xtask codegen` from crates/larder-metrics/src/names.rs: change it there. -->

What Larder shows to Prometheus. Series of a pool carry the label `pool`, all others of an instance
the label `database`; both have the name of the instance. Values of labels are never the text of a
statement, a key, an id or what a user typed, and what comes from the program or its statements is
bounded per process, with the rest under `other`.

Gauges and what components count for themselves are read when somebody scrapes; a scrape causes no
query. Counters start at 0 with the process.
";

/// A part of the page: its title, its introduction, and whether a name belongs to it.
type Part = (&'static str, &'static str, fn(&str) -> bool);

const PARTS: [Part; 3] = [
    (
        "Of OpenTelemetry's conventions",
        "The conventions for database clients, written the Prometheus way.",
        |name| name.starts_with("db_client_"),
    ),
    ("Larder's own", "", |name| name.starts_with("larder_")),
    (
        "The predecessor's",
        "Filled only with `metrics.legacy_names = true`. They have no label for the instance: where \
         several run in a process, they add up.",
        |name| !name.starts_with("db_client_") && !name.starts_with("larder_"),
    ),
];

/// The reference page of all metrics, in Markdown.
///
/// ```
/// let page = larder_metrics::names::reference_page();
/// assert!(page.contains("`larder_cache_requests_total`"));
/// ```
#[must_use]
pub fn reference_page() -> String {
    let mut page = INTRODUCTION.to_owned();
    for (title, introduction, belongs) in PARTS {
        // Writing to a string does not fail, here and below.
        let _ = write!(page, "\n## {title}\n\n");
        if !introduction.is_empty() {
            let _ = write!(page, "{introduction}\n\n");
        }
        page.push_str("| metric | type | unit | labels | what it tells |\n|---|---|---|---|---|\n");
        for definition in ALL.iter().filter(|known| belongs(known.name)) {
            row(&mut page, definition);
        }
    }
    labels(&mut page);
    buckets(&mut page);
    page
}

fn row(page: &mut String, definition: &Definition) {
    let labels = definition.labels.iter().map(|label| format!("`{label}`"));
    let labels: Vec<String> = labels.collect();
    let _ = writeln!(
        page,
        "| `{}` | {} | {} | {} | {} |",
        definition.name,
        definition.kind.as_str(),
        unit(definition.unit),
        labels.join(", "),
        definition.help,
    );
}

fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Seconds => "seconds",
        Unit::Bytes => "bytes",
        _ => "",
    }
}

fn labels(page: &mut String) {
    page.push_str("\n## Labels\n\n| label | values | most in a process |\n|---|---|---|\n");
    for label in LABELS {
        let most = match label.most {
            Some(most) => format!("{most}, then `other`"),
            None => "few".to_owned(),
        };
        let _ = writeln!(page, "| `{}` | {} | {most} |", label.name, label.values);
    }
}

/// Each list of buckets, and the metrics that have it.
fn buckets(page: &mut String) {
    let mut lists: Vec<(&[f64], Vec<&str>)> = Vec::new();
    for definition in ALL {
        let Kind::Histogram(bounds) = definition.kind else {
            continue;
        };
        match lists.iter_mut().find(|(known, _)| *known == bounds) {
            Some((_, names)) => names.push(definition.name),
            None => lists.push((bounds, vec![definition.name])),
        }
    }
    page.push_str("\n## Buckets\n\nUpper bounds, in the unit of the metric; `+Inf` follows.\n\n");
    for (bounds, names) in lists {
        let bounds: Vec<String> = bounds.iter().map(f64::to_string).collect();
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        let _ = writeln!(page, "- {}: {}", names.join(", "), bounds.join(", "));
    }
}
