//! Mistakes that an implementation could make, each a switch: the model has to find every one.

/// A mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Defect {
    SnapshotLate,
    CounterLate,
    LogAfterCommit,
    TrustRedis,
    JoinOldFlight,
    JoinWithoutLease,
    OneDependencyOnly,
    AckBeforeApply,
    PromoteUncheckedCounter,
    CounterBeforeKnown,
    IgnoreHorizon,
    LeaseFromAnswer,
    LoadInTransaction,
}

/// A mistake, what it is called, and where it has to be found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Described {
    pub(crate) defect: Defect,
    /// What `--defect` takes.
    pub(crate) name: &'static str,
    /// What is done wrong.
    pub(crate) about: &'static str,
    /// The configurations in which it has to be found.
    pub(crate) found_in: &'static [&'static str],
}

/// Every mistake.
pub(crate) const DEFECTS: [Described; 13] = [
    Described {
        defect: Defect::SnapshotLate,
        name: "snapshot-late",
        about: "the snapshot of an entry for Redis is taken after the load",
        found_in: &["fetches", "promotion", "horizon", "redis"],
    },
    Described {
        defect: Defect::CounterLate,
        name: "counter-late",
        about: "the counters of an entry are taken after the load",
        found_in: &["flights", "lease", "redis"],
    },
    Described {
        defect: Defect::LogAfterCommit,
        name: "log-after-commit",
        about: "the row is written after COMMIT",
        found_in: &["flights", "lease", "redis"],
    },
    Described {
        defect: Defect::TrustRedis,
        name: "trust-l2",
        about: "an entry from Redis is not checked against what is known",
        found_in: &["fetches", "promotion", "horizon", "redis"],
    },
    Described {
        defect: Defect::JoinOldFlight,
        name: "join-old-flight",
        about: "a flight is joined whether or not its counters are current",
        found_in: &["flights", "writers", "lease", "fetches"],
    },
    Described {
        defect: Defect::JoinWithoutLease,
        name: "join-without-lease",
        about: "a flight is joined though the lease has lapsed",
        found_in: &["lease"],
    },
    Described {
        defect: Defect::OneDependencyOnly,
        name: "one-dependency-only",
        about: "only the first dependency of an entry is checked",
        found_in: &["flights", "redis", "promotion"],
    },
    Described {
        defect: Defect::AckBeforeApply,
        name: "ack-before-apply",
        about: "a commit is acknowledged before its process has applied it",
        found_in: &["flights", "redis"],
    },
    Described {
        defect: Defect::PromoteUncheckedCounter,
        name: "promote-unchecked-counter",
        about: "the counters of a promoted entry are taken after it was fetched and checked",
        found_in: &["fetches", "promotion", "redis"],
    },
    Described {
        defect: Defect::CounterBeforeKnown,
        name: "counter-before-known",
        about: "counters grow before the invalidation is known to the check of entries from Redis",
        found_in: &["fetches", "promotion"],
    },
    Described {
        defect: Defect::IgnoreHorizon,
        name: "ignore-horizon",
        about: "what was pruned from the log is taken for what never was",
        found_in: &["flights", "horizon"],
    },
    Described {
        defect: Defect::LeaseFromAnswer,
        name: "lease-from-answer",
        about: "the lease counts from the answer to a poll instead of from its beginning",
        found_in: &["lease"],
    },
    Described {
        defect: Defect::LoadInTransaction,
        name: "load-in-transaction",
        about: "what is read inside an open transaction is cached",
        found_in: &["flights", "redis"],
    },
];

/// The mistake of this name.
pub(crate) fn named(name: &str) -> Option<&'static Described> {
    DEFECTS.iter().find(|described| described.name == name)
}
