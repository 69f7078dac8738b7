//! What a profile insists on, and what values demand of each other.
//!
//! A rule never changes a value behind the user's back: it adds an entry on top of the layers,
//! with a source that names the rule, or a fault, or a notice.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::admin_token::AdminToken;
use crate::config::Notice;
use crate::database_url::DatabaseUrl;
use crate::definition::Unit;
use crate::fault::{Fault, FaultKind};
use crate::layers::{Entry, Layers};
use crate::parse::{HostPort, TlsMode};
use crate::profile::Profile;
use crate::redact::repeat;
use crate::sections::definition;
use crate::source::Source;
use crate::value::SettingValue;
use crate::webhook::{SecretText, WebhookUrl};

/// The smallest pool that prod runs with.
const PROD_FLOOR: [(&str, u32); 2] = [("pool.size", 15), ("pool.overflow", 25)];

/// Parameters of the database's URL that are settings, and the unit of a number in them.
const URL_PARAMETERS: [(&str, &str, Unit); 11] = [
    ("sslmode", "database.tls", Unit::Plain),
    ("sslrootcert", "database.tls_root_certificate", Unit::Plain),
    ("sslcert", "database.tls_certificate", Unit::Plain),
    ("sslkey", "database.tls_key", Unit::Plain),
    ("channel_binding", "database.channel_binding", Unit::Plain),
    (
        "target_session_attrs",
        "database.target_session_attrs",
        Unit::Plain,
    ),
    ("connect_timeout", "database.connect_timeout", Unit::Seconds),
    ("application_name", "database.application_name", Unit::Plain),
    ("keepalives_idle", "database.keepalive_idle", Unit::Seconds),
    (
        "keepalives_interval",
        "database.keepalive_interval",
        Unit::Seconds,
    ),
    ("keepalives_count", "database.keepalive_count", Unit::Plain),
];

/// Takes the parameters that are settings out of the URL in effect and makes them entries of the
/// layer that the URL came from. So a rule about TLS cannot be got round by `?sslmode=disable`,
/// and `config show` tells what holds.
pub(crate) fn lift_url_parameters(layers: Layers) -> Layers {
    let url = layers.value::<Option<DatabaseUrl>>("database.url");
    let (Some((Some(url), source)), Some(position)) = (url, layers.position("database.url")) else {
        return layers;
    };
    let lifted: Vec<Entry> = URL_PARAMETERS
        .iter()
        .filter_map(|(parameter, key, unit)| {
            let text = url.parameter(parameter)?;
            let source = Source::UrlParameter {
                parameter,
                url: Box::new(source.clone()),
            };
            Some(Entry::textual(definition(key)?, text, source, *unit))
        })
        .collect();
    let names = URL_PARAMETERS.map(|(parameter, _, _)| parameter);
    let stripped = url.without_parameters(&names);
    let mut entries = layers.into_entries();
    if let Some(entry) = entries.get_mut(position) {
        entry.value = stripped.expose().into();
        entries.splice(position + 1..position + 1, lifted);
    }
    Layers::merge(entries)
}

/// What is known when the rules are applied.
pub(crate) struct Circumstances {
    pub(crate) profile: Profile,
    pub(crate) embedded_available: bool,
    /// Whether a value that is missing may stand in a file that could not be read.
    pub(crate) file_is_readable: bool,
    /// Settings that have a fault already and need no second one.
    pub(crate) faulty: BTreeSet<&'static str>,
}

/// Applies every rule: gives the layers with what the rules set on top, and the notices.
pub(crate) fn apply(
    layers: Layers,
    circumstances: &Circumstances,
    faults: &mut Vec<Fault>,
) -> (Layers, Vec<Notice>) {
    let mut verdict = Verdict::default();
    verdict.database_exists(&layers, circumstances);
    verdict.system_authorities_need_the_name(&layers);
    verdict.ttl_of_zero_is_no_cache(&layers);
    verdict.polls_keep_the_promise(&layers);
    verdict.one_kind_of_redis(&layers);
    verdict.exposed_pages_need_a_token(&layers, circumstances);
    verdict.actions_need_a_token(&layers, circumstances);
    verdict.alerts_are_signed(&layers);
    if circumstances.profile == Profile::Prod {
        verdict.prod_uses_tls(&layers);
        verdict.prod_has_a_large_pool(&layers);
    }
    faults.append(&mut verdict.faults);
    let mut entries = layers.into_entries();
    entries.append(&mut verdict.entries);
    (Layers::merge(entries), verdict.notices)
}

/// What the rules came to.
#[derive(Default)]
struct Verdict {
    entries: Vec<Entry>,
    faults: Vec<Fault>,
    notices: Vec<Notice>,
}

impl Verdict {
    fn notice(&mut self, key: &'static str, message: String) {
        self.notices.push(Notice { key, message });
    }

    /// Whoever gets an alert should know from whom it is.
    fn alerts_are_signed(&mut self, layers: &Layers) {
        let webhook = layers.value::<Option<WebhookUrl>>("health.alert_webhook");
        let secret = layers.value::<Option<SecretText>>("health.alert_secret");
        let is_signed = matches!(secret, Some((Some(_), _)));
        if matches!(webhook, Some((Some(_), _))) && !is_signed {
            let message = "alerts are posted without a signature: set health.alert_secret, and \
                           let the receiver check it";
            self.notice("health.alert_webhook", message.to_owned());
        }
    }

    /// A server, or in dev and test the embedded database.
    fn database_exists(&mut self, layers: &Layers, circumstances: &Circumstances) {
        let given = layers
            .winner("database.url")
            .is_some_and(|entry| entry.value != SettingValue::Unset);
        let unclear =
            !circumstances.file_is_readable || circumstances.faulty.contains("database.url");
        if given || unclear {
            return;
        }
        let profile = circumstances.profile;
        let may_be_embedded = matches!(profile, Profile::Dev | Profile::Test);
        if may_be_embedded && circumstances.embedded_available {
            let message = "no URL is set: the embedded database is used; it serves one connection \
                           at a time, so pool.size and pool.overflow do not apply";
            self.notice("database.url", message.to_owned());
            return;
        }
        let (problem, cure) = match may_be_embedded {
            true => (
                "is not set, and the embedded database is not built in",
                "set DATABASE_URL, or build with the feature `embedded`",
            ),
            false => (
                "is not set, and this profile does not run without it",
                "set DATABASE_URL to postgres://user:password@host:5432/database",
            ),
        };
        self.faults.push(Fault {
            kind: FaultKind::Missing,
            key: "database.url".to_owned(),
            value: None,
            source: Source::Profile(profile),
            problem: problem.to_owned(),
            cure: cure.to_owned(),
        });
    }

    /// Keeping a result for no time is not keeping it.
    fn ttl_of_zero_is_no_cache(&mut self, layers: &Layers) {
        let Some((Duration::ZERO, ttl_source)) = layers.value::<Duration>("cache.ttl") else {
            return;
        };
        let Some((true, enabled_source)) = layers.value::<bool>("cache.enabled") else {
            return;
        };
        if enabled_source.is_explicit() {
            let message = format!(
                "{enabled_source} turns the cache on, but the TTL of zero from {ttl_source} turns it off"
            );
            self.notice("cache.enabled", message);
        }
        if let Some(row) = definition("cache.enabled") {
            self.entries
                .push(Entry::typed(row, false.into(), ttl_source));
        }
    }

    /// A poll that is late or fails once must not end the service of all results.
    fn polls_keep_the_promise(&mut self, layers: &Layers) {
        let (Some((poll, source)), Some((staleness, _))) = (
            layers.value::<Duration>("cache.poll_interval"),
            layers.value::<Duration>("cache.max_staleness"),
        ) else {
            return;
        };
        if poll <= staleness / 2 {
            return;
        }
        let text = |duration: Duration| SettingValue::from(duration).to_string();
        self.faults.push(Fault {
            kind: FaultKind::Conflict,
            key: "cache.poll_interval".to_owned(),
            value: repeat(&poll.into(), false),
            source,
            problem: format!(
                "is more than half of cache.max_staleness, which is {}",
                text(staleness)
            ),
            cure: format!(
                "write at most \"{}\", or set cache.max_staleness to at least \"{}\"",
                text(staleness / 2),
                text(poll * 2)
            ),
        });
    }

    /// Sentinels and a cluster are different ways to find a server.
    fn one_kind_of_redis(&mut self, layers: &Layers) {
        let hosts = |key| {
            layers
                .value::<Vec<HostPort>>(key)
                .filter(|(hosts, _)| !hosts.is_empty())
        };
        if let (Some(_), Some((_, source))) =
            (hosts("redis.sentinel_hosts"), hosts("redis.cluster_hosts"))
        {
            self.faults.push(Fault {
                kind: FaultKind::Conflict,
                key: "redis.cluster_hosts".to_owned(),
                value: None,
                source,
                problem: "is set together with redis.sentinel_hosts".to_owned(),
                cure: "keep the one that describes your Redis".to_owned(),
            });
        }
    }

    /// Whoever reaches the pages from another machine has to show something.
    fn exposed_pages_need_a_token(&mut self, layers: &Layers, circumstances: &Circumstances) {
        let enabled = layers.value::<bool>("admin.enabled");
        let address = layers.value::<SocketAddr>("admin.address");
        let (Some((true, _)), Some((address, source))) = (enabled, address) else {
            return;
        };
        if address.ip().is_loopback() || may_have_token(layers, circumstances) {
            return;
        }
        self.faults.push(Fault {
            kind: FaultKind::Conflict,
            key: "admin.token".to_owned(),
            value: None,
            source,
            problem: format!(
                "is not set, and admin.address {address} can be reached from other machines"
            ),
            cure: "set LARDER_ADMIN__TOKEN to what `openssl rand -hex 32` makes, or set \
                   admin.address to 127.0.0.1:7432"
                .to_owned(),
        });
    }

    /// Where it is about real data, whoever acts from the pages has to show something. This holds
    /// also where they are mounted by the service.
    fn actions_need_a_token(&mut self, layers: &Layers, circumstances: &Circumstances) {
        let Some((true, source)) = layers.value::<bool>("admin.actions") else {
            return;
        };
        if matches!(circumstances.profile, Profile::Dev | Profile::Test)
            || may_have_token(layers, circumstances)
        {
            return;
        }
        self.faults.push(Fault {
            kind: FaultKind::Conflict,
            key: "admin.actions".to_owned(),
            value: repeat(&true.into(), false),
            source,
            problem: format!(
                "is on in {} without admin.token: everybody on this machine could act",
                circumstances.profile
            ),
            cure: "set LARDER_ADMIN__TOKEN to what `openssl rand -hex 32` makes, or set \
                   admin.actions to false"
                .to_owned(),
        });
    }

    /// Everybody can get a certificate from the system's authorities, so only the name makes it
    /// the server's. As in libpq, who says `system` and nothing of the mode gets verify-full.
    fn system_authorities_need_the_name(&mut self, layers: &Layers) {
        let root = layers.value::<Option<PathBuf>>("database.tls_root_certificate");
        let Some((Some(root), root_source)) = root else {
            return;
        };
        let Some((mode, source)) = layers.value::<TlsMode>("database.tls") else {
            return;
        };
        if root.as_os_str() != "system" || mode == TlsMode::VerifyFull {
            return;
        }
        if source.is_explicit() {
            self.faults.push(Fault {
                kind: FaultKind::Conflict,
                key: "database.tls".to_owned(),
                value: repeat(&mode.name().into(), false),
                source,
                problem: format!("is too weak for the system's authorities ({root_source})"),
                cure: "write verify-full".to_owned(),
            });
        } else if let Some(row) = definition("database.tls") {
            let value = TlsMode::VerifyFull.name().into();
            self.entries.push(Entry::typed(row, value, root_source));
        }
    }

    /// prod uses TLS; less than full verification is said at each start.
    fn prod_uses_tls(&mut self, layers: &Layers) {
        let Some((mode, source)) = layers.value::<TlsMode>("database.tls") else {
            return;
        };
        if mode < TlsMode::Require {
            self.faults.push(Fault {
                kind: FaultKind::Forbidden,
                key: "database.tls".to_owned(),
                value: repeat(&mode.name().into(), false),
                source,
                problem: "is not allowed in prod: the connection could be unencrypted".to_owned(),
                cure: "write verify-full, or at least require".to_owned(),
            });
        } else if mode < TlsMode::VerifyFull {
            let message = format!(
                "lowered from verify-full to {mode} by {source}: the server's identity is not verified"
            );
            self.notice("database.tls", message);
        }
    }

    /// A small pool in prod is raised, and said.
    fn prod_has_a_large_pool(&mut self, layers: &Layers) {
        for (key, floor) in PROD_FLOOR {
            let Some((asked, overruled)) =
                layers.value::<u32>(key).filter(|(asked, _)| *asked < floor)
            else {
                continue;
            };
            let message = format!(
                "raised from {asked} ({overruled}) to {floor}, the least that prod runs with"
            );
            self.notice(key, message);
            if let Some(row) = definition(key) {
                let source = Source::Enforced {
                    profile: Profile::Prod,
                    overruled: Box::new(overruled),
                };
                self.entries.push(Entry::typed(row, floor.into(), source));
            }
        }
    }
}

/// Whether a token is set, or might be: a fault of its own is not told twice.
fn may_have_token(layers: &Layers, circumstances: &Circumstances) -> bool {
    let token = layers.value::<Option<AdminToken>>("admin.token");
    token.is_some_and(|(token, _)| token.is_some())
        || !circumstances.file_is_readable
        || circumstances.faulty.contains("admin.token")
}
