//! What entries take in memory, beside what the cache believes.

use std::sync::Arc;

use diesel::prelude::*;
use larder_services::restaurants::Restaurant;
use larder_services::schema::restaurants;

use super::TTL;
use super::filled::cache_of;
use super::fixture::{Fixture, RESTAURANTS_IN_A_CITY, by_city};
use crate::error::Result;
use crate::report::Memory;

/// Entries whose size is known exactly.
const ENTRIES: u64 = 100_000;
const BYTES: usize = 512;

/// Results of queries, each of which is asked for under so many limits.
const LIMITS: i64 = 20;

/// Nothing where the system does not say how much memory a process has.
pub(super) async fn measure(fixture: &Fixture) -> Result<Vec<Memory>> {
    let mut found = Vec::new();
    // First what stays: what is freed would be filled again without a trace.
    if let Some(before) = resident() {
        let db = &fixture.observed;
        let held_before = db.cache_statistics();
        for city in &fixture.cities {
            for more in 0..LIMITS {
                let all = i64::try_from(RESTAURANTS_IN_A_CITY).unwrap_or(i64::MAX);
                let query = by_city!(city.as_str()).limit(all + more);
                db.cached(query).ttl(TTL).load::<Restaurant>().await?;
            }
        }
        let held = db.cache_statistics();
        let held = (
            held.entries - held_before.entries,
            held.bytes - held_before.bytes,
        );
        let label = format!("{RESTAURANTS_IN_A_CITY} rows of restaurants");
        found.extend(compare("rows", label, before, held));
    }
    if let Some(before) = resident() {
        let bytes = BYTES as u64;
        let cache = cache_of(ENTRIES, bytes, |n| Arc::<[u8]>::from(vec![n as u8; BYTES])).await?;
        let held = cache.statistics();
        let label = format!("{BYTES} bytes that are known");
        found.extend(compare("known", label, before, (held.entries, held.bytes)));
    }
    Ok(found)
}

fn compare(
    name: &'static str,
    label: String,
    before: u64,
    (entries, bytes): (u64, u64),
) -> Option<Memory> {
    let grown = resident()?.saturating_sub(before);
    Some(Memory {
        name,
        label,
        entries,
        resident_bytes: grown as f64 / entries as f64,
        estimated_bytes: bytes as f64 / entries as f64,
        ratio: bytes as f64 / grown as f64,
    })
}

/// The memory that the process has, in bytes.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}
