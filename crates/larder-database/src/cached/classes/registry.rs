//! The classes of reads that there are.

use std::collections::HashMap;
use std::sync::Arc;

use larder_cache::{Clock, Key, KeyBuilder, Request};
use larder_sql::StatementProfile;
use quick_cache::sync::Cache as Memo;

use super::advice::CacheAdvice;
use super::class::{Class, ClassName};
use super::judgement::judge;
use super::observed::Observed;
use crate::cached::options::ReadOptions;

/// All classes of reads that are remembered, bounded: those that are loaded least are forgotten.
pub(crate) struct Classes {
    classes: Memo<Key, Arc<Class>>,
    clock: Clock,
}

/// How reads of one statement were served lately.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Served {
    /// By what was kept, here or in Redis, or by the load of another one.
    pub(crate) cached: u64,
    /// By the database.
    loaded: u64,
}

impl Served {
    /// `cached` as a share of all, from 0 to 1.
    pub(crate) fn share(self) -> f64 {
        let all = self.cached + self.loaded;
        self.cached as f64 / all.max(1) as f64
    }
}

impl Classes {
    /// Some thousands; each takes about a kilobyte, and more for the results that are followed.
    const MOST: usize = 2_048;

    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            classes: Memo::new(Self::MOST),
            clock,
        }
    }

    /// The class of a statement.
    pub(crate) fn of_statement(&self, profile: &Arc<StatementProfile>) -> Arc<Class> {
        let mut id = KeyBuilder::new();
        id.u64(profile.fingerprint.as_u64());
        self.of(id.finish(), || ClassName::Statement(Arc::clone(profile)))
    }

    /// The class of what these options name.
    pub(in crate::cached) fn of_options(&self, options: &ReadOptions) -> Arc<Class> {
        match &options.operation {
            Some((service, operation)) => self.of_operation(service, operation),
            None => self.of_operation("unnamed", "unnamed"),
        }
    }

    /// The class of an operation of a service.
    pub(crate) fn of_operation(&self, service: &str, operation: &str) -> Arc<Class> {
        let mut id = KeyBuilder::new();
        id.text(service).text(operation);
        self.of(id.finish(), || ClassName::Operation {
            service: service.into(),
            operation: operation.into(),
        })
    }

    fn of(&self, id: Key, name: impl FnOnce() -> ClassName) -> Arc<Class> {
        if let Some(class) = self.classes.get(&id) {
            return class;
        }
        let class = Arc::new(Class::new(id, name(), self.clock.now()));
        // Of two who come at the same time one counts for itself, until it is asked for again.
        self.classes.insert(id, Arc::clone(&class));
        class
    }

    /// Observes a read that has to be loaded, perhaps. `by_time` says that its time alone keeps
    /// its result right, in part at least.
    pub(crate) fn observe(
        &self,
        class: &Arc<Class>,
        request: &Request,
        by_time: bool,
    ) -> Arc<Observed> {
        // A plan may hold a class that was forgotten meanwhile.
        if self.classes.get(&class.id).is_none() {
            self.classes.insert(class.id, Arc::clone(class));
        }
        Arc::new(Observed::new(Arc::clone(class), request, by_time))
    }

    /// How reads of single statements were served, by the fingerprints of their texts.
    pub(crate) fn served(&self) -> HashMap<String, Served> {
        let now = self.clock.now();
        let of_statements = self.classes.iter().filter_map(|(_, class)| {
            let ClassName::Statement(profile) = &class.name else {
                return None;
            };
            let evidence = class.evidence(now);
            let served = Served {
                cached: evidence.saved(),
                loaded: evidence.loads.saturating_sub(evidence.fetched),
            };
            Some((profile.fingerprint.to_string(), served))
        });
        of_statements.collect()
    }

    /// What there is to say, what would save most first.
    pub(crate) fn advice(&self) -> Vec<CacheAdvice> {
        let now = self.clock.now();
        let mut advice: Vec<CacheAdvice> = self
            .classes
            .iter()
            .filter_map(|(_, class)| {
                let evidence = class.evidence(now);
                let judgement = judge(&evidence)?;
                Some(CacheAdvice::new(&class.name, judgement, evidence))
            })
            .collect();
        advice.sort_by(CacheAdvice::order);
        advice
    }
}
