//! The table of providers. The first row that matches holds, so the special stands before the
//! general. A pooler's mode is the provider's default; who chose another sets `database.pooler`.

use super::host::Pattern::{self, Any, Name, Private};
use super::host::Place;
use crate::parse::TlsMode::{self, Require, VerifyFull};

/// A row: how databases of a provider are known, and what follows.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) provider: &'static str,
    hosts: &'static [Pattern],
    /// The only port that the row is about, if there is one.
    port: Option<u16>,
    /// What the provider advises.
    pub(super) tls: Option<TlsMode>,
    /// Key, value, and why.
    pub(super) effects: &'static [(&'static str, &'static str, &'static str)],
    pub(super) notes: &'static [&'static str],
}

impl Rule {
    pub(super) fn matches(&self, place: &Place) -> bool {
        self.port.is_none_or(|port| port == place.port) && self.pattern_of(place).is_some()
    }

    /// What of the place matched, in words.
    pub(super) fn matched_by(&self, place: &Place) -> String {
        let host = match self.pattern_of(place) {
            Some(Name(pattern)) => Some(format!("host {pattern}")),
            Some(Private) => Some("a host of this machine or of a private network".to_owned()),
            Some(Any) | None => None,
        };
        let port = self.port.map(|port| format!("port {port}"));
        let parts: Vec<String> = host.into_iter().chain(port).collect();
        parts.join(" and ")
    }

    fn pattern_of(&self, place: &Place) -> Option<Pattern> {
        let mut hosts = self.hosts.iter();
        hosts.find(|host| host.matches(&place.host)).copied()
    }
}

const TRANSACTION_POOLER: (&str, &str, &str) = (
    "database.pooler",
    "transaction",
    "the pooler lends a connection of the server for one transaction, so nothing of a session lasts",
);
const SESSION_POOLER: (&str, &str, &str) = (
    "database.pooler",
    "session",
    "the pooler lends a connection of the server for as long as ours lasts",
);
const NO_POOLER: (&str, &str, &str) = ("database.pooler", "none", "this is the server itself");
const TLS: (&str, &str, &str) = (
    "database.tls",
    "require",
    "the provider takes no connection in the clear, or should get none",
);

const UNLISTENABLE: &str =
    "LISTEN and migrations need the direct host: behind this pooler nothing of a session lasts";
const RESOLVED_ANEW: &str =
    "after a failover the name leads to another server; it is looked up at every connect";
const OTHER_MODE: &str =
    "the mode of a pool can be chosen; where it is not transaction, set database.pooler";

pub(super) const RULES: &[Rule] = &[
    Rule {
        provider: "Neon",
        hosts: &[Name("*-pooler.*.neon.tech")],
        port: None,
        tls: Some(VerifyFull),
        effects: &[
            TRANSACTION_POOLER,
            TLS,
            (
                "database.connect_timeout",
                "20s",
                "a database that is scaled to zero wakes up first",
            ),
        ],
        notes: &[UNLISTENABLE, "channel_binding = \"require\" is offered"],
    },
    Rule {
        provider: "Neon",
        hosts: &[Name("*.neon.tech")],
        port: None,
        tls: Some(VerifyFull),
        effects: &[
            NO_POOLER,
            TLS,
            (
                "database.connect_timeout",
                "20s",
                "a database that is scaled to zero wakes up first",
            ),
        ],
        notes: &["channel_binding = \"require\" is offered"],
    },
    Rule {
        provider: "Supabase",
        hosts: &[Name("*.pooler.supabase.com"), Name("db.*.supabase.co")],
        port: Some(6543),
        tls: Some(VerifyFull),
        effects: &[TRANSACTION_POOLER, TLS],
        notes: &[
            UNLISTENABLE,
            "verify-full needs Supabase's own authority in tls_root_certificate",
        ],
    },
    Rule {
        provider: "Supabase",
        hosts: &[Name("*.pooler.supabase.com")],
        port: None,
        tls: Some(VerifyFull),
        effects: &[SESSION_POOLER, TLS],
        notes: &["verify-full needs Supabase's own authority in tls_root_certificate"],
    },
    Rule {
        provider: "Supabase",
        hosts: &[Name("db.*.supabase.co")],
        port: None,
        tls: Some(VerifyFull),
        effects: &[NO_POOLER, TLS],
        notes: &[
            "the direct host has an address of IPv6 only",
            "verify-full needs Supabase's own authority in tls_root_certificate",
        ],
    },
    Rule {
        provider: "AWS RDS Proxy",
        hosts: &[
            Name("*.proxy-*.rds.amazonaws.com"),
            Name("*.proxy-*.rds.amazonaws.com.cn"),
        ],
        port: None,
        tls: Some(VerifyFull),
        effects: &[SESSION_POOLER, TLS],
        notes: &["settings of a session pin a connection of the server to ours"],
    },
    Rule {
        provider: "AWS Aurora (readers)",
        hosts: &[
            Name("*.cluster-ro-*.rds.amazonaws.com"),
            Name("*.cluster-ro-*.rds.amazonaws.com.cn"),
        ],
        port: None,
        tls: Some(VerifyFull),
        effects: &[NO_POOLER, TLS],
        notes: &[
            "verify-full needs the CA bundle of the region in tls_root_certificate",
            RESOLVED_ANEW,
        ],
    },
    Rule {
        provider: "AWS Aurora (writer)",
        hosts: &[
            Name("*.cluster-*.rds.amazonaws.com"),
            Name("*.cluster-*.rds.amazonaws.com.cn"),
        ],
        port: None,
        tls: Some(VerifyFull),
        effects: &[
            NO_POOLER,
            TLS,
            (
                "database.target_session_attrs",
                "read-write",
                "for some seconds after a failover the name leads to the old writer, which takes no writes",
            ),
        ],
        notes: &[
            "verify-full needs the CA bundle of the region in tls_root_certificate",
            RESOLVED_ANEW,
        ],
    },
    Rule {
        provider: "AWS RDS",
        hosts: &[Name("*.rds.amazonaws.com"), Name("*.rds.amazonaws.com.cn")],
        port: None,
        tls: Some(VerifyFull),
        effects: &[NO_POOLER, TLS],
        notes: &[
            "verify-full needs the CA bundle of the region in tls_root_certificate",
            "a token of IAM holds for 15 minutes: give it by a password provider, or in password_file",
        ],
    },
    Rule {
        provider: "Google Cloud SQL",
        hosts: &[Name("/cloudsql/*")],
        port: None,
        tls: None,
        effects: &[NO_POOLER],
        notes: &["the auth proxy encrypts"],
    },
    Rule {
        provider: "Azure",
        hosts: &[Name("*.postgres.database.azure.com")],
        port: Some(6432),
        tls: Some(VerifyFull),
        effects: &[TRANSACTION_POOLER, TLS],
        notes: &[
            UNLISTENABLE,
            "its PgBouncer has max_prepared_statements 0 unless that is set",
        ],
    },
    Rule {
        provider: "Azure",
        hosts: &[Name("*.postgres.database.azure.com")],
        port: None,
        tls: Some(VerifyFull),
        effects: &[NO_POOLER, TLS],
        notes: &["after a failover, connecting again may take up to a minute"],
    },
    Rule {
        provider: "Heroku",
        hosts: &[Name("ec2-*.amazonaws.com")],
        port: None,
        tls: Some(Require),
        effects: &[NO_POOLER, TLS],
        notes: &[
            "the certificate is self-signed: in prod set tls = \"require\", which verifies nobody",
            "the URL of the pooler is in DATABASE_CONNECTION_POOL_URL; set database.pooler with it",
        ],
    },
    Rule {
        provider: "Render",
        hosts: &[Name("dpg-*.render.com")],
        port: None,
        tls: Some(Require),
        effects: &[NO_POOLER, TLS],
        notes: &["the number of connections depends on the memory of the plan"],
    },
    Rule {
        provider: "Render (private network)",
        hosts: &[Name("dpg-*-a")],
        port: None,
        tls: None,
        effects: &[NO_POOLER],
        notes: &["the number of connections depends on the memory of the plan"],
    },
    Rule {
        provider: "Railway (private network)",
        hosts: &[Name("*.railway.internal")],
        port: None,
        tls: None,
        effects: &[],
        notes: &[
            "a PgBouncer of the project is not told from a server: set database.pooler for it",
        ],
    },
    Rule {
        provider: "Railway",
        hosts: &[Name("*.proxy.rlwy.net")],
        port: None,
        tls: Some(Require),
        effects: &[TLS],
        notes: &[
            "the certificate is likely self-signed: in prod set tls = \"require\", which verifies nobody",
            "a PgBouncer of the project is not told from a server: set database.pooler for it",
        ],
    },
    Rule {
        provider: "Fly",
        hosts: &[Name("pgbouncer.*.flympg.net")],
        port: None,
        tls: None,
        effects: &[
            SESSION_POOLER,
            (
                "pool.recycle",
                "600s",
                "the proxy in front ends old connections",
            ),
            (
                "pool.idle_timeout",
                "300s",
                "the proxy in front ends idle connections",
            ),
        ],
        notes: &[],
    },
    Rule {
        provider: "Fly",
        hosts: &[Name("direct.*.flympg.net")],
        port: None,
        tls: None,
        effects: &[
            NO_POOLER,
            (
                "pool.recycle",
                "600s",
                "the proxy in front ends old connections",
            ),
            (
                "pool.idle_timeout",
                "300s",
                "the proxy in front ends idle connections",
            ),
        ],
        notes: &[],
    },
    Rule {
        provider: "DigitalOcean",
        hosts: &[Name("*.db.ondigitalocean.com")],
        port: Some(25061),
        tls: Some(Require),
        effects: &[TRANSACTION_POOLER, TLS],
        notes: &[UNLISTENABLE, OTHER_MODE],
    },
    Rule {
        provider: "DigitalOcean",
        hosts: &[Name("*.db.ondigitalocean.com")],
        port: None,
        tls: Some(Require),
        effects: &[NO_POOLER, TLS],
        notes: &["there are about 25 connections for each GB of memory"],
    },
    Rule {
        provider: "Aiven",
        hosts: &[Name("*.aivencloud.com")],
        port: None,
        tls: Some(Require),
        effects: &[TLS],
        notes: &[
            RESOLVED_ANEW,
            "a pool has a port of its own: set database.pooler for it",
        ],
    },
    Rule {
        provider: "Timescale",
        hosts: &[Name("*.tsdb.cloud.timescale.com")],
        port: None,
        tls: Some(Require),
        effects: &[TLS],
        notes: &["a pool has a port of its own: set database.pooler for it"],
    },
    Rule {
        provider: "CockroachDB",
        hosts: &[Name("*.cockroachlabs.cloud")],
        port: None,
        tls: Some(VerifyFull),
        effects: &[
            NO_POOLER,
            TLS,
            (
                "pool.recycle",
                "15m",
                "connections of 5 to 30 minutes follow nodes that come and go",
            ),
        ],
        notes: &["serialization failures (40001) are normal: let transactions be retried"],
    },
    Rule {
        provider: "Crunchy Bridge",
        hosts: &[Name("*.db.postgresbridge.com")],
        port: Some(5431),
        tls: Some(Require),
        effects: &[TRANSACTION_POOLER, TLS],
        notes: &[UNLISTENABLE, OTHER_MODE],
    },
    Rule {
        provider: "Crunchy Bridge",
        hosts: &[Name("*.db.postgresbridge.com")],
        port: None,
        tls: Some(Require),
        effects: &[NO_POOLER, TLS],
        notes: &[],
    },
    Rule {
        provider: "local",
        hosts: &[Private],
        port: None,
        tls: None,
        effects: &[],
        notes: &[],
    },
    Rule {
        // A port proves little, so it changes nothing.
        provider: "YugabyteDB",
        hosts: &[Any],
        port: Some(5433),
        tls: Some(VerifyFull),
        effects: &[],
        notes: &["known by its port alone; verify-full is advised"],
    },
];
