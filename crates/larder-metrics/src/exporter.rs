//! The Prometheus exporter: the process's recorder, installed once, and what it renders.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use crate::gauges::Gauges;
use crate::recorder::{ProcessRecorder, Renderer};
use crate::scrape::{Published, Scrape, Source};
use crate::{handle, names};

#[cfg(test)]
mod tests;

/// The exporter of this process. Clones are the same one.
///
/// A process has one recorder of metrics. If it is Larder's, [`render`](Self::render) gives all
/// metrics of the process in Prometheus' text format. If the program installed a recorder of
/// its own before, Larder's metrics go to that one, and rendering is the program's business.
///
/// Spawn [`run`](Self::run) once: it keeps the buffers small in which histograms of the
/// program's own wait to be rendered, and reads the sources where the recorder is the program's.
#[derive(Clone)]
pub struct Exporter(Arc<Inner>);

struct Inner {
    /// `None` where the recorder is the program's.
    renderer: Option<Renderer>,
    sources: Mutex<Sources>,
    published: Mutex<Published>,
}

#[derive(Default)]
struct Sources {
    next: u64,
    by_id: BTreeMap<u64, Arc<Source>>,
}

impl Exporter {
    /// How often [`run`](Self::run) does what is due.
    pub const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

    /// The exporter of this process, installed by the first call.
    ///
    /// What was recorded before is in no series, so install it early. If the program has a
    /// recorder of its own, an event at level info says so, and
    /// [`can_render`](Self::can_render) is false.
    #[must_use]
    pub fn install() -> Self {
        static EXPORTER: OnceLock<Exporter> = OnceLock::new();
        EXPORTER.get_or_init(Self::install_now).clone()
    }

    fn install_now() -> Self {
        let recorder = ProcessRecorder::new();
        let renderer = recorder.renderer();
        let renderer = match metrics::set_global_recorder(recorder) {
            Ok(()) => {
                handle::recorder_was_installed();
                Some(renderer)
            }
            Err(_) => {
                tracing::info!(
                    "the program has a recorder of metrics of its own: metrics go to it, \
                     and Larder does not render them"
                );
                None
            }
        };
        let exporter = Self::over(renderer);
        exporter.introduce();
        exporter
    }

    fn over(renderer: Option<Renderer>) -> Self {
        Self(Arc::new(Inner {
            renderer,
            sources: Mutex::default(),
            published: Mutex::default(),
        }))
    }

    fn introduce(&self) {
        names::describe();
        names::BUILD_INFO
            .gauge(&[env!("CARGO_PKG_VERSION")])
            .set(1.0);
    }

    /// Whether the recorder is Larder's, so that [`render`](Self::render) gives something.
    #[must_use]
    pub fn can_render(&self) -> bool {
        self.0.renderer.is_some()
    }

    /// All metrics of the process in Prometheus' text format, after reading all sources.
    ///
    /// `None` where the program has a recorder of its own.
    #[must_use]
    pub fn render(&self) -> Option<String> {
        let renderer = self.0.renderer.as_ref()?;
        let gauges = self.published().0;
        Some(renderer.render(&gauges))
    }

    /// Has `read` called whenever metrics are rendered, for as long as the registration lives.
    ///
    /// It is for what components know anyway: the state of a pool, the counts of a cache. It
    /// should take microseconds, and must not render itself. If it panics, what it had given by
    /// then counts, and an event at level error tells of it.
    ///
    /// Sources that give the same series add up. Counters of a source that is gone keep what
    /// they had; its gauges are gone. So is a gauge that a source does not give any more: where the
    /// recorder is the program's, it becomes what is no number.
    pub fn register(&self, read: impl Fn(&mut Scrape) + Send + Sync + 'static) -> ScrapeSource {
        let mut sources = lock(&self.0.sources);
        let id = sources.next;
        sources.next += 1;
        sources.by_id.insert(id, Arc::new(Source::new(read)));
        ScrapeSource {
            id,
            exporter: Arc::downgrade(&self.0),
        }
    }

    /// Does what is due from time to time: empties the buffers of histograms that are not
    /// Larder's; where the recorder is the program's, reads the sources.
    pub fn upkeep(&self) {
        match &self.0.renderer {
            Some(renderer) => renderer.upkeep(),
            None => {
                let (gauges, mut published) = self.published();
                published.hand_over(&gauges);
            }
        }
    }

    /// Does the [`upkeep`](Self::upkeep) every five seconds, until it is dropped.
    ///
    /// # Cancel safety
    ///
    /// It is made for being dropped.
    pub async fn run(self) {
        let mut interval = tokio::time::interval(Self::UPKEEP_INTERVAL);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            self.upkeep();
        }
    }

    /// Reads the sources; one reader at a time, so that what is handed over is the newest.
    fn published(&self) -> (Gauges, MutexGuard<'_, Published>) {
        let mut published = lock(&self.0.published);
        // Not held while they are read: a source may be the last owner of its registration.
        let sources: Vec<Arc<Source>> = lock(&self.0.sources).by_id.values().cloned().collect();
        (published.update(sources.iter().map(Arc::as_ref)), published)
    }
}

impl fmt::Debug for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exporter")
            .field("can_render", &self.can_render())
            .field("sources", &lock(&self.0.sources).by_id.len())
            .finish()
    }
}

/// A registered source. Dropped, it is read no more.
#[derive(Debug)]
#[must_use = "the source is removed when this is dropped"]
pub struct ScrapeSource {
    id: u64,
    exporter: Weak<Inner>,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").finish_non_exhaustive()
    }
}

impl Drop for ScrapeSource {
    fn drop(&mut self) {
        if let Some(exporter) = self.exporter.upgrade() {
            let removed = lock(&exporter.sources).by_id.remove(&self.id);
            // The closure may own anything: dropped after the lock.
            drop(removed);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
