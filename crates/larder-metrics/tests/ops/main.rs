//! What stands in `ops/` is right: rules that Prometheus takes and that do what they say, a
//! dashboard that shows something, and no metric or label that is not in the table.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod dashboard;
mod expressions;
mod manifests;
mod names;
mod rules;
#[path = "../support/promtool.rs"]
mod tool;

use std::path::{Path, PathBuf};

use yaml_rust2::{Yaml, YamlLoader};

/// A file or folder in `ops/`.
fn place(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../ops")
        .join(name)
}

fn text(name: &str) -> String {
    let path = place(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The documents of a file.
fn documents(name: &str) -> Vec<Yaml> {
    YamlLoader::load_from_str(&text(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// All files in a folder of `ops/` whose names end like that, from `ops/` on.
fn files(folder: &str, end: &str) -> Vec<String> {
    let mut found: Vec<String> = std::fs::read_dir(place(folder))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(end))
        .map(|name| format!("{folder}/{name}"))
        .collect();
    found.sort();
    assert!(!found.is_empty(), "{folder} has no {end}");
    found
}
