//! What may be cached is the same on every session.

use larder_sql::catalog::RESULT_SETTINGS;

use super::Faults;
use super::corpus::Entry;
use super::opinion::Catalogs;
use super::readers::{readers, results};
use super::server::Server;

/// Settings that may change results, each with a value that is not the usual one.
const OTHER_SETTINGS: &[(&str, &str)] = &[
    ("application_name", "other"),
    ("array_nulls", "off"),
    ("bytea_output", "escape"),
    ("DateStyle", "German"),
    ("default_text_search_config", "pg_catalog.danish"),
    ("default_transaction_isolation", "repeatable read"),
    ("enable_hashagg", "off"),
    ("enable_seqscan", "off"),
    ("extra_float_digits", "-5"),
    ("gin_fuzzy_search_limit", "1"),
    ("IntervalStyle", "iso_8601"),
    ("pg_trgm.similarity_threshold", "0.9"),
    ("quote_all_identifiers", "on"),
    ("shop.tenant", "other"),
    ("transform_null_equals", "on"),
    ("work_mem", "64kB"),
    ("xmlbinary", "hex"),
];

/// Runs every cacheable read on two sessions, one after the other, the second with other settings.
pub(super) async fn compare(
    server: &Server,
    other: &Server,
    entries: &[Entry],
    faults: &mut Faults,
) {
    for (name, value) in OTHER_SETTINGS {
        // Two sessions that differ in one of these do not share a cached result.
        let is_known = |known: &&str| known.eq_ignore_ascii_case(name);
        if !RESULT_SETTINGS.iter().any(is_known) {
            other.execute(&format!("SET {name} = '{value}'")).await;
        }
    }
    let base = Catalogs::load(server).await;
    let readers = readers(server, &base, entries).await;
    let mut found = Vec::new();
    for server in [server, other] {
        server.begin("").await;
        found.push(results(server, &readers).await);
        server.end().await;
    }
    for ((reader, here), there) in readers.iter().zip(&found[0]).zip(&found[1]) {
        if here != there || here.is_err() {
            faults.add(reader.entry, &format!("here {here:?}, there {there:?}"));
        }
    }
}
