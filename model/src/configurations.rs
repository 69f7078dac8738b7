//! What is explored: each configuration is a part of the protocol, small enough to be explored
//! entirely; together they cover it.

/// One model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Configuration {
    /// What `--configuration` takes.
    pub(crate) name: &'static str,
    /// What it is about.
    pub(crate) about: &'static str,
    /// How many transactions there are; any process can run any of them.
    pub(crate) transactions: u8,
    /// What the processes do.
    pub(crate) roles: [Role; 2],
    /// Whether there is a Redis. It may lose a value at any time.
    pub(crate) redis: bool,
    /// Whether Redis may answer with an older value, at any time.
    pub(crate) restore: bool,
    /// Whether processes crash and start again.
    pub(crate) crashes: bool,
    /// Whether rows are pruned from the log, at any time.
    pub(crate) pruning: bool,
    /// Whether time passes: polls take time, and leases lapse.
    pub(crate) time: bool,
    /// Whether an invalidation is learned in two steps, between which readers run.
    pub(crate) two_step_learning: bool,
}

/// What a process does. All run transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// It has callers, who are served from its caches: so many at a time, with at most so many
    /// flights.
    Serving { readers: u8, flights: u8 },
    /// It loads for Redis alone. What reaches Redis does not depend on what its process knows,
    /// so this stands for any process as the others see it.
    Loading,
    /// It does nothing else. Without Redis, this is all that others see of a process.
    Writing,
}

impl Role {
    /// How many callers it has.
    pub(crate) fn readers(self) -> u8 {
        match self {
            Self::Serving { readers, .. } => readers,
            Self::Loading | Self::Writing => 0,
        }
    }

    /// How many loads can be under way in it.
    pub(crate) fn flights(self) -> u8 {
        match self {
            Self::Serving { flights, .. } => flights,
            Self::Loading => 1,
            Self::Writing => 0,
        }
    }

    /// Whether it serves from caches, and so has to know of invalidations.
    pub(crate) fn is_serving(self) -> bool {
        matches!(self, Self::Serving { .. })
    }
}

/// It loads and promotes in the background, and serves at once from what it has.
const REFRESHER: Role = Role::Serving {
    readers: 0,
    flights: 1,
};
const CALLER: Role = Role::Serving {
    readers: 1,
    flights: 1,
};
const TWO_CALLERS: Role = Role::Serving {
    readers: 2,
    flights: 2,
};

/// Every configuration, the simplest first.
pub(crate) const CONFIGURATIONS: [Configuration; 7] = [
    Configuration {
        name: "flights",
        about: "two readers share loads; no Redis; crashes; the log is pruned",
        transactions: 2,
        roles: [TWO_CALLERS, Role::Writing],
        redis: false,
        restore: false,
        crashes: true,
        pruning: true,
        time: false,
        two_step_learning: false,
    },
    Configuration {
        name: "writers",
        about: "three transactions; two readers share loads; no Redis; crashes",
        transactions: 3,
        roles: [TWO_CALLERS, Role::Writing],
        redis: false,
        restore: false,
        crashes: true,
        pruning: false,
        time: false,
        two_step_learning: false,
    },
    Configuration {
        name: "lease",
        about: "time passes, polls take time; two readers share loads; no Redis",
        transactions: 2,
        roles: [TWO_CALLERS, Role::Writing],
        redis: false,
        restore: false,
        crashes: true,
        pruning: false,
        time: true,
        two_step_learning: false,
    },
    Configuration {
        name: "fetches",
        about: "two readers share fetches from Redis; crashes; one transaction",
        transactions: 1,
        roles: [TWO_CALLERS, Role::Loading],
        redis: true,
        restore: false,
        crashes: true,
        pruning: false,
        time: false,
        two_step_learning: true,
    },
    Configuration {
        name: "promotion",
        about: "a reader fetches from Redis while invalidations are learned in steps",
        transactions: 2,
        roles: [CALLER, Role::Loading],
        redis: true,
        restore: false,
        crashes: false,
        pruning: false,
        time: false,
        two_step_learning: true,
    },
    Configuration {
        name: "horizon",
        about: "Redis returns from older snapshots; the log is pruned; crashes",
        transactions: 2,
        roles: [REFRESHER, Role::Loading],
        redis: true,
        restore: true,
        crashes: true,
        pruning: true,
        time: false,
        two_step_learning: false,
    },
    Configuration {
        name: "redis",
        about: "two processes serve, load and store in Redis, which loses values",
        transactions: 2,
        roles: [REFRESHER, REFRESHER],
        redis: true,
        restore: false,
        crashes: false,
        pruning: false,
        time: false,
        two_step_learning: false,
    },
];

/// The configuration of this name.
pub(crate) fn named(name: &str) -> Option<&'static Configuration> {
    CONFIGURATIONS
        .iter()
        .find(|configuration| configuration.name == name)
}
