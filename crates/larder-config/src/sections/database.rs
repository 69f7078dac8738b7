//! The sections `[database]` and `[embedded]`: reaching the database.

use std::path::PathBuf;
use std::time::Duration;

use crate::database_url::DatabaseUrl;
use crate::definition::Default::{ByProfile, Everywhere};
use crate::definition::{Range, Variable, section};
use crate::parse::{ChannelBinding, IsolationLevel, PoolerMode, TargetSessionAttrs, TlsMode};

/// The longest time that PostgreSQL's own timeouts hold: 2^31 - 1 milliseconds.
const LONGEST_SERVER_TIMEOUT: f64 = 2_147_483.647;

section! {
    /// How the server is reached, and what every connection to it is set to.
    "database" => DatabaseConfig {
        /// The server to use. Without it dev and test use the embedded database where it is built in; staging and prod do not start.
        url: Option<DatabaseUrl> {
            variables: &[Variable::plain("DATABASE_URL")],
            secret: true,
        }
        /// A file with the password, read anew at each connect, so that a password that is rotated or a token that expires needs no restart. It stands above a password in the URL; one line break at its end does not count.
        password_file: Option<PathBuf> {}
        /// What stands between the service and the server. auto takes it from host and port where they tell the provider, and means none otherwise. Behind a pooler in transaction mode nothing of a session lasts, so sessions are used without settings and statements without names.
        pooler: PoolerMode {
            default: Everywhere("auto"),
        }
        /// Which servers may be used, where the URL names several hosts: each is asked after logging in, and one that does not fit is passed over.
        target_session_attrs: TargetSessionAttrs {
            default: Everywhere("any"),
            variables: &[Variable::plain("PGTARGETSESSIONATTRS")],
        }
        /// How long one attempt to connect may take, with TLS and authentication. Several hosts share it. Too short fails on servers that wake up first; too long delays the report of a server that is gone.
        connect_timeout: Duration {
            default: Everywhere("10s"),
            range: Range::of(1.0, f64::INFINITY),
            variables: &[Variable::seconds("DB_CONNECT_TIMEOUT")],
        }
        /// How long the server may work on one statement before it cancels it. Protects the pool from a runaway query; a long report needs its own limit.
        statement_timeout: Duration {
            default: Everywhere("60s"),
            range: Range::of(1.0, LONGEST_SERVER_TIMEOUT),
            variables: &[
                Variable::milliseconds("PG_STATEMENT_TIMEOUT"),
                Variable::milliseconds("DB_STATEMENT_TIMEOUT"),
            ],
        }
        /// How long a transaction may sit without a statement before the server ends its connection. Frees locks held by a caller that hangs; the caller gets an error at its next statement.
        idle_in_transaction_timeout: Duration {
            default: Everywhere("300s"),
            range: Range::of(1.0, LONGEST_SERVER_TIMEOUT),
            variables: &[
                Variable::milliseconds("PG_IDLE_TX_TIMEOUT"),
                Variable::milliseconds("DB_IDLE_TIMEOUT"),
            ],
        }
        /// The isolation of transactions that do not choose one. Anything above read-committed makes serialization failures part of normal operation, so writes need a retry.
        isolation_level: IsolationLevel {
            default: Everywhere("read-committed"),
            variables: &[Variable::plain("DB_ISOLATION_LEVEL")],
        }
        /// How much TLS a connection needs. Below verify-full somebody in between can pose as the server. prod never goes below require, and says so at each start when it is below verify-full.
        tls: TlsMode {
            default: ByProfile { dev: "prefer", staging: "require", prod: "verify-full", test: "prefer" },
            variables: &[Variable::plain("PGSSLMODE")],
        }
        /// The file of certificate authorities to trust, in PEM form, or system for the system's, which demands verify-full. Without it the system's authorities are trusted; managed databases with an authority of their own need it for verify-ca and verify-full.
        tls_root_certificate: Option<PathBuf> {
            variables: &[Variable::plain("PGSSLROOTCERT")],
        }
        /// The file with the certificate that is shown to a server that asks for one, in PEM form, followed by those that signed it. It needs tls_key.
        tls_certificate: Option<PathBuf> {
            variables: &[Variable::plain("PGSSLCERT")],
        }
        /// The file with the private key of tls_certificate, in PEM form and not encrypted. On Unix nobody but its owner may be able to read it.
        tls_key: Option<PathBuf> {
            variables: &[Variable::plain("PGSSLKEY")],
        }
        /// Whether logging in by password proves that nobody sits in between, even where no certificate is verified. require fails on servers and poolers that cannot do it.
        channel_binding: ChannelBinding {
            default: Everywhere("prefer"),
            variables: &[Variable::plain("PGCHANNELBINDING")],
        }
        /// How long a connection is silent before TCP asks whether the other side is still there. Longer than a firewall's patience means connections that die unnoticed.
        keepalive_idle: Duration {
            default: Everywhere("30s"),
            range: Range::of(1.0, 32_767.0),
            variables: &[Variable::seconds("PG_KEEPALIVES_IDLE")],
        }
        /// How long TCP waits between two such questions.
        keepalive_interval: Duration {
            default: Everywhere("10s"),
            range: Range::of(1.0, 32_767.0),
            variables: &[Variable::seconds("PG_KEEPALIVES_INTERVAL")],
        }
        /// How many unanswered questions make a connection dead. A dead server is noticed after idle + interval * count.
        keepalive_count: u32 {
            default: Everywhere("3"),
            range: Range::of(1.0, 127.0),
            variables: &[Variable::plain("PG_KEEPALIVES_COUNT")],
        }
        /// How connections are spread over several hosts: random draws their order anew at each connect. Without it, and with anything else, the first host that answers is used.
        load_balance_strategy: Option<String> {
            variables: &[Variable::plain("DB_LOAD_BALANCE_STRATEGY")],
        }
        /// The name under which the server lists this service's connections, as in pg_stat_activity. PostgreSQL keeps its first 63 bytes.
        application_name: String {
            default: Everywhere("larder"),
        }
        /// The setting that a scope sets to its tenant, and that policies of row-level security read with current_setting. Its name has a dot in it.
        tenant_setting: String {
            default: Everywhere("app.tenant"),
        }
    }
}

section! {
    /// The PostgreSQL inside the program, used in dev and test when no URL is given.
    "embedded" => EmbeddedConfig {
        /// Where its data stays between runs. Without it the data is temporary and gone when the program ends. One directory serves one process at a time.
        directory: Option<PathBuf> {}
        /// How long it may take to start. The first start on a machine unpacks files and is the slowest.
        start_timeout: Duration {
            default: Everywhere("30s"),
            range: Range::of(1.0, f64::INFINITY),
        }
        /// How long a connect to it may take. It serves one connection, so a second one would wait for ever without this.
        connect_timeout: Duration {
            default: Everywhere("10s"),
            range: Range::of(1.0, f64::INFINITY),
        }
    }
}
