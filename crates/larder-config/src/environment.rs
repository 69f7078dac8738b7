//! The two layers that come from environment variables: the predecessor's names, and
//! `LARDER_<SECTION>__<KEY>`.

use std::collections::BTreeMap;
use std::ffi::OsString;

use crate::definition::Unit;
use crate::fault::{Fault, FaultKind};
use crate::layers::Entry;
use crate::redact::{HIDDEN, text_or_hidden};
use crate::redis_url::RedisUrl;
use crate::sections::{definition, definitions};
use crate::source::Source;
use crate::suggest::nearest;

const PREFIX: &str = "LARDER_";
/// Where tests find their servers: read by `larder-testing`, and no setting.
const TEST_PREFIX: &str = "LARDER_TEST_";

/// The variable that names the profile.
pub(crate) const PROFILE: &str = "LARDER_PROFILE";
/// The predecessor's variable that names the profile.
pub(crate) const LEGACY_PROFILE: &str = "FLASK_ENV";
/// The variable that names the configuration file.
pub(crate) const CONFIG: &str = "LARDER_CONFIG";

/// The variables of one process, or those that a test made up. No `Debug`: some are secrets.
#[derive(Clone, Default)]
pub(crate) struct Environment {
    variables: BTreeMap<String, String>,
    undecodable: Vec<String>,
}

impl Environment {
    /// The variables of this process.
    pub(crate) fn of_process() -> Self {
        let mut environment = Environment::default();
        for (name, value) in std::env::vars_os() {
            let Some(name) = utf8(name) else { continue };
            match utf8(value) {
                Some(value) => {
                    environment.variables.insert(name, value);
                }
                None => environment.undecodable.push(name),
            }
        }
        environment
    }

    /// Variables that were handed over.
    pub(crate) fn of(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Environment {
            variables: variables.into_iter().collect(),
            undecodable: Vec::new(),
        }
    }

    /// The value of a variable; one that is set to nothing counts as not set.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let value = self.variables.get(name)?;
        (!value.trim().is_empty()).then_some(value.as_str())
    }

    /// What the predecessor's variables set. `DATABASE_URL` comes last, so that what its
    /// parameters say of TLS wins over `PGSSLMODE`, as it does in libpq.
    pub(crate) fn legacy_entries(&self, faults: &mut Vec<Fault>) -> Vec<Entry> {
        let mut entries = Vec::new();
        for definition in definitions() {
            for variable in definition.variables {
                if let Some(text) = self.get(variable.name) {
                    let source = Source::Variable(variable.name.into());
                    entries.push(Entry::textual(definition, text, source, variable.unit));
                }
            }
        }
        entries.extend(self.composed_redis_url(faults));
        entries.sort_by_key(|entry| entry.definition.key == "database.url");
        entries
    }

    /// What `LARDER_<SECTION>__<KEY>` sets.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let entries = definitions().filter_map(|definition| {
            let name = definition.variable();
            let text = self.get(&name)?;
            let source = Source::Variable(name.clone().into());
            Some(Entry::textual(definition, text, source, Unit::Plain))
        });
        entries.collect()
    }

    /// Variables that begin with `LARDER_` and mean nothing, and variables of Larder that are
    /// not text.
    pub(crate) fn unknown_variables(&self) -> Vec<Fault> {
        let known: Vec<String> = definitions()
            .map(|definition| definition.variable())
            .chain([PROFILE.to_owned(), CONFIG.to_owned()])
            .collect();
        let unknown = self
            .variables
            .iter()
            .filter(|(name, value)| {
                name.starts_with(PREFIX)
                    && !name.starts_with(TEST_PREFIX)
                    && !known.contains(name)
                    && !is_service_link(name, value)
            })
            .map(|(name, _)| unknown_variable(name, &known));
        let undecodable = self
            .undecodable
            .iter()
            .filter(|name| known.contains(name) || is_legacy(name))
            .map(|name| Fault {
                kind: FaultKind::WrongType,
                key: name.clone(),
                value: Some(HIDDEN.to_owned()),
                source: Source::Variable(name.clone().into()),
                problem: "is not UTF-8".to_owned(),
                cure: "write it in UTF-8".to_owned(),
            });
        unknown.chain(undecodable).collect()
    }

    /// `REDIS_HOST`, `REDIS_PORT`, `REDIS_PASSWORD` and `REDIS_DB` as one URL, where there is no
    /// `REDIS_URL`.
    fn composed_redis_url(&self, faults: &mut Vec<Fault>) -> Option<Entry> {
        if self.get("REDIS_URL").is_some() {
            return None;
        }
        let part = |name: &'static str| {
            self.get(name)
                .filter(|value| !is_service_link(name, value))
                .map(|value| (name, value.trim()))
        };
        let host = part("REDIS_HOST");
        let port = part("REDIS_PORT");
        let password = self
            .get("REDIS_PASSWORD")
            .map(|value| ("REDIS_PASSWORD", value));
        let database = part("REDIS_DB");
        let names: Vec<&'static str> = [host, port, password, database]
            .into_iter()
            .flatten()
            .map(|(name, _)| name)
            .collect();
        if names.is_empty() {
            return None;
        }
        let before = faults.len();
        if let Some(port) = port.filter(|(_, text)| !text.parse().is_ok_and(|port: u16| port > 0)) {
            faults.push(bad_redis_part(
                port,
                "is not a port",
                "write a port from 1 to 65535",
            ));
        }
        if let Some(database) = database.filter(|(_, text)| text.parse::<u16>().is_err()) {
            faults.push(bad_redis_part(
                database,
                "is not the number of a Redis database",
                "write a whole number, at least 0",
            ));
        }
        if faults.len() > before {
            return None;
        }
        let text = RedisUrl::compose(
            host.map_or("localhost", |(_, text)| text),
            port.map_or("6379", |(_, text)| text),
            password.map(|(_, text)| text),
            database.map_or("0", |(_, text)| text),
        );
        let definition = definition("redis.url")?;
        Some(Entry::textual(
            definition,
            &text,
            Source::Variables(names),
            Unit::Plain,
        ))
    }
}

fn utf8(text: OsString) -> Option<String> {
    text.into_string().ok()
}

fn is_legacy(name: &str) -> bool {
    let parts = [
        "REDIS_HOST",
        "REDIS_PORT",
        "REDIS_PASSWORD",
        "REDIS_DB",
        LEGACY_PROFILE,
    ];
    parts.contains(&name)
        || definitions()
            .flat_map(|definition| definition.variables)
            .any(|variable| variable.name == name)
}

/// Whether Kubernetes sets the variable for a service of this name: a service `larder` yields
/// `LARDER_SERVICE_HOST` and `LARDER_PORT=tcp://...`, a service `redis` yields `REDIS_PORT`.
fn is_service_link(name: &str, value: &str) -> bool {
    let is_address = value.starts_with("tcp://") || value.starts_with("udp://");
    name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_")
        || (name.ends_with("_PORT") && is_address)
        || name.contains("_TCP") && name.contains("_PORT_")
        || name.contains("_UDP") && name.contains("_PORT_")
}

fn unknown_variable(name: &str, known: &[String]) -> Fault {
    let unprefixed = |name: &'_ str| name.strip_prefix(PREFIX).unwrap_or(name).to_owned();
    let candidates: Vec<String> = known.iter().map(|name| unprefixed(name)).collect();
    let near = nearest(&unprefixed(name), candidates.iter().map(String::as_str));
    let cure = match near {
        Some(near) => format!("did you mean `{PREFIX}{near}`?"),
        None => format!(
            "remove it, or write {PREFIX}<SECTION>__<KEY>, such as LARDER_POOL__SIZE, with two \
             underscores"
        ),
    };
    Fault {
        kind: FaultKind::UnknownVariable,
        key: name.escape_debug().to_string(),
        value: None,
        source: Source::Variable(name.to_owned().into()),
        problem: "is not a variable of Larder".to_owned(),
        cure,
    }
}

fn bad_redis_part((name, text): (&'static str, &str), problem: &str, cure: &str) -> Fault {
    Fault {
        kind: FaultKind::WrongType,
        key: "redis.url".to_owned(),
        value: Some(text_or_hidden(text)),
        source: Source::Variable(name.into()),
        problem: problem.to_owned(),
        cure: cure.to_owned(),
    }
}
