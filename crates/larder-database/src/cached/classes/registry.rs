//! The classes of reads that there are.

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
