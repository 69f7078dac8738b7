//! What happened: for people as text, for machines as JSON.

use std::fmt;
use std::time::Duration;

use indicatif::HumanBytes;
use larder::health::Status;
use larder::services::import::ImportReport;
use larder::{CacheTiers, PoolStatistics};
use serde::{Serialize, Serializer};

use crate::reads::Reads;
use crate::writes::{Coherence, Writes};

/// How many rejected rows and how many neighbours the text shows.
const SHOWN: usize = 5;

/// The whole demonstration.
#[derive(Serialize)]
pub(crate) struct Report {
    pub(crate) profile: String,
    pub(crate) database: Database,
    pub(crate) migrations: Migrations,
    #[serde(skip)]
    pub(crate) source: String,
    pub(crate) import: ImportReport,
    #[serde(rename = "import_ms", serialize_with = "milliseconds")]
    pub(crate) imported_in: Duration,
    pub(crate) reads: Reads,
    pub(crate) coherence: Coherence,
    pub(crate) writes: Writes,
    pub(crate) health: Status,
    pub(crate) pool: PoolStatistics,
    pub(crate) cache: Cache,
    /// None where metrics are off.
    pub(crate) metrics_series: Option<usize>,
}

#[derive(Serialize)]
pub(crate) struct Database {
    pub(crate) kind: &'static str,
    pub(crate) version: String,
    #[serde(rename = "start_ms", serialize_with = "milliseconds")]
    pub(crate) started_in: Duration,
}

#[derive(Serialize)]
pub(crate) struct Cache {
    #[serde(flatten)]
    tiers: CacheTiers,
    /// Reads that Redis answered for another process. None where there is no Redis.
    #[serde(skip_serializing_if = "Option::is_none")]
    hits_l2: Option<u64>,
}

impl Cache {
    /// With what a second process took from Redis, as far as there is one.
    pub(crate) fn new(tiers: CacheTiers, hits_l2: Option<u64>) -> Self {
        Self { tiers, hits_l2 }
    }
}

#[derive(Serialize)]
pub(crate) struct Migrations {
    pub(crate) applied: usize,
    pub(crate) names: Vec<String>,
    pub(crate) already_applied: usize,
    #[serde(rename = "ms", serialize_with = "milliseconds")]
    pub(crate) migrated_in: Duration,
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            out,
            "Started   {} PostgreSQL {}, profile {}, in {:.0?}",
            self.database.kind, self.database.version, self.profile, self.database.started_in
        )?;
        let Migrations {
            applied,
            already_applied,
            migrated_in,
            ..
        } = &self.migrations;
        writeln!(
            out,
            "Migrated  {applied} applied, {already_applied} there before, in {migrated_in:.0?}"
        )?;
        self.show_import(out)?;
        self.show_reads(out)?;
        self.show_writes(out)?;
        self.show_watch(out)
    }
}

impl Report {
    fn show_import(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let import = &self.import;
        writeln!(
            out,
            "Imported  {}: {} read, {} new, {} updated, {} repeated, {} rejected, in {:.2?}",
            self.source,
            import.read,
            import.inserted,
            import.updated,
            import.duplicates,
            import.rejected_count,
            self.imported_in
        )?;
        if import.without_coordinates + import.implausible_coordinates > 0 {
            writeln!(
                out,
                "          {} without coordinates, {} with implausible ones, which were kept",
                import.without_coordinates, import.implausible_coordinates
            )?;
        }
        for row in import.rejected.iter().take(SHOWN) {
            writeln!(
                out,
                "          line {}: {} `{}` {}",
                row.line,
                row.field,
                row.value.escape_debug(),
                row.reason
            )?;
        }
        let shown = u64::try_from(import.rejected.len().min(SHOWN)).unwrap_or(0);
        if import.rejected_count > shown {
            writeln!(
                out,
                "          and {} more; --json lists them",
                import.rejected_count - shown
            )?;
        }
        Ok(())
    }

    fn show_reads(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reads = &self.reads;
        if reads.near.is_empty() {
            return writeln!(out, "Read      nothing: no restaurant has coordinates");
        }
        writeln!(
            out,
            "Read      {} restaurants within 2 km of {:.4}, {:.4}",
            reads.near.len(),
            reads.place.latitude(),
            reads.place.longitude(),
        )?;
        for near in reads.near.iter().take(SHOWN) {
            writeln!(
                out,
                "          {:>6.0} m  {}{}",
                near.distance_km * 1000.0,
                near.restaurant.name,
                near.restaurant
                    .cuisine
                    .as_ref()
                    .map(|cuisine| format!(" ({cuisine})"))
                    .unwrap_or_default()
            )?;
        }
        writeln!(
            out,
            "          from PostgreSQL in {:.1?}, from the cache in {:.1?}: {:.0} times faster",
            reads.uncached,
            reads.cached,
            reads.speedup()
        )?;
        writeln!(
            out,
            "          {} by searching for \"{}\" in {:.1?}",
            reads.found, reads.word, reads.search
        )?;
        match reads.by_id {
            Some(by_id) => writeln!(out, "          one by id in {by_id:.1?}"),
            None => Ok(()),
        }
    }

    fn show_writes(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            out,
            "Wrote     a restaurant in a transaction, committed in {:.1?}; another one, rolled back in {:.1?}",
            self.writes.committed, self.writes.rolled_back
        )?;
        let coherence = &self.coherence;
        let seen = if coherence.fresh_after_write {
            "with what was written, and without it once it was removed"
        } else {
            "WITHOUT what was written, or with what was removed"
        };
        writeln!(
            out,
            "          the list right after a write, in {:.1?}: {seen}",
            coherence.after_write
        )
    }

    fn show_watch(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (pool, cache) = (&self.pool, &self.cache.tiers.process);
        writeln!(
            out,
            "Watched   {}; pool: {} idle, {} in use, {} waiting; cache: {} hits, {} misses, {} entries, {}",
            self.health,
            pool.idle,
            pool.used,
            pool.waiting,
            cache.hits,
            cache.misses,
            cache.entries,
            HumanBytes(cache.bytes)
        )?;
        let mode = self.cache.tiers.mode.as_str();
        match self.cache.hits_l2 {
            Some(hits) => writeln!(
                out,
                "          cache in mode {mode}, with Redis: {hits} hits of a second instance there"
            )?,
            None => writeln!(out, "          cache in mode {mode}, without Redis")?,
        }
        match self.metrics_series {
            Some(series) => writeln!(out, "          {series} series of metrics"),
            None => writeln!(out, "          metrics are off"),
        }
    }
}

fn milliseconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u128(duration.as_millis())
}
