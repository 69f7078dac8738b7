//! This process: its memory and its share of the processors.

use std::sync::Arc;

use larder_health::Probe;

use super::{Context, reading};

#[cfg(target_os = "linux")]
pub(super) fn resources(context: &Context<'_>) -> Arc<dyn Probe> {
    let health = &context.config.health;
    let (memory, processors) = (health.max_memory_use, health.max_cpu_use);
    let usage = linux::Usage::new();
    let read = move || usage.look(memory, processors);
    Arc::new(reading(context, "process", read))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn resources(context: &Context<'_>) -> Arc<dyn Probe> {
    let unknown = || larder_health::Finding::unknown("this system does not tell");
    Arc::new(reading(context, "process", unknown))
}

#[cfg(target_os = "linux")]
mod linux {
    use std::sync::{Mutex, PoisonError};
    use std::time::Instant;

    use larder_health::Finding;
    use procfs::process::Process;
    use procfs::{Current, Meminfo, WithCurrentSystemInfo};

    /// Where the limit of a container is.
    const LIMIT: &str = "/sys/fs/cgroup/memory.max";

    /// What the process uses, and what it had used of the processors when it was looked at last.
    pub(super) struct Usage {
        last: Mutex<Option<(Instant, f64)>>,
    }

    impl Usage {
        pub(super) fn new() -> Self {
            let seconds = Process::myself().and_then(|process| process.stat());
            let seconds = seconds.ok().map(|stat| (Instant::now(), busy(&stat)));
            Self {
                last: Mutex::new(seconds),
            }
        }

        pub(super) fn look(&self, max_memory: f64, max_processors: f64) -> Finding {
            let Ok(stat) = Process::myself().and_then(|process| process.stat()) else {
                return Finding::unknown("/proc cannot be read");
            };
            let resident = stat.rss_bytes().get() as f64;
            let processors = self.share_of_processors(busy(&stat));
            let memory = judge(
                "memory",
                limit().map(|limit| resident / limit),
                max_memory,
                "see what the memory is used for, lower cache.max_bytes, or give the process more",
            );
            let processors = judge(
                "processors",
                processors,
                max_processors,
                "see what the process is busy with, or give it more processors or more instances",
            );
            // What was measured is the memory, unless the processors are what is wrong.
            Finding::worst([memory.observing(resident, "bytes"), processors])
        }

        /// The share of all processors since the last look.
        fn share_of_processors(&self, seconds: f64) -> Option<f64> {
            let now = Instant::now();
            let last = self.last.lock();
            let mut last = last.unwrap_or_else(PoisonError::into_inner);
            let (at, before) = last.replace((now, seconds))?;
            let passed = now.duration_since(at).as_secs_f64();
            let processors = std::thread::available_parallelism().ok()?.get() as f64;
            // Too short a time says nothing: it is counted in hundredths of a second.
            (passed > 0.1).then(|| (seconds - before) / passed / processors)
        }
    }

    fn judge(what: &'static str, share: Option<f64>, max: f64, cure: &str) -> Finding {
        let Some(share) = share.filter(|share| *share > max) else {
            return Finding::healthy();
        };
        let percent = |share: f64| (share * 1_000.0).round() / 10.0;
        let (share, max) = (percent(share), percent(max));
        let reason = format!("this process uses {share} % of its {what}, above {max} %");
        let finding = Finding::degraded(reason).of_fault(what).curing(cure);
        finding.observing(share, "%")
    }

    /// Seconds of processors that it has used.
    fn busy(stat: &procfs::process::Stat) -> f64 {
        let ticks = stat.utime + stat.stime;
        ticks as f64 / procfs::ticks_per_second().max(1) as f64
    }

    /// The bytes that it may use: those of its container, or those of the machine.
    fn limit() -> Option<f64> {
        let container = std::fs::read_to_string(LIMIT).ok();
        let container = container.and_then(|text| text.trim().parse::<f64>().ok());
        let machine = Meminfo::current().ok().map(|info| info.mem_total as f64);
        match (container, machine) {
            (Some(container), Some(machine)) => Some(container.min(machine)),
            (container, machine) => container.or(machine),
        }
    }
}
