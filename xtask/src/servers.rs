//! The servers that tests and benches run against: the user's own, those that stay, or
//! private ones that are started for the run and stopped after it.

use std::process::Command;

use crate::console::say;
use crate::error::Result;
use crate::install;
use crate::instances::Instances;
use crate::service::{Installation, Service};
use crate::services;

/// The servers that a program will use, before they are started.
pub(crate) struct Servers {
    /// Variables for the program that name servers of the user's own.
    own: Vec<(&'static str, String)>,
    /// What `services up` started.
    staying: Option<Instances>,
    /// What has to be started for this run.
    wanted: Vec<(&'static dyn Service, Installation)>,
}

impl Servers {
    /// Finds a server for each of these services: the user's own, what `services up`
    /// started, or what is installed. `may_install` installs what is missing.
    pub(crate) fn find(services: &[&'static dyn Service], may_install: bool) -> Result<Self> {
        Self::find_beside(services, may_install, own_server)
    }

    /// The same for a bench: unlike a test run, it takes the server that tests would be told of.
    /// Whoever exports it has started it for such runs.
    pub(crate) fn find_for_bench(services: &[&'static dyn Service]) -> Result<Self> {
        let own = |service: &dyn Service| given(service).or_else(|| own_server(service));
        Self::find_beside(services, true, own)
    }

    fn find_beside(
        services: &[&'static dyn Service],
        may_install: bool,
        own_server: impl Fn(&dyn Service) -> Option<String>,
    ) -> Result<Self> {
        let mut own = Vec::new();
        let mut needed = Vec::new();
        for &service in services {
            match own_server(service) {
                Some(url) => own.push((service.test_variable(), url)),
                None => needed.push(service),
            }
        }
        if needed.is_empty() {
            return Ok(Self {
                own,
                staying: None,
                wanted: Vec::new(),
            });
        }
        // What stands in front of a server of the user's own cannot be one of those that stay.
        let leads_to_own = needed.iter().any(|service| {
            let behind = service.in_front_of().map(|behind| behind.test_variable());
            own.iter().any(|(name, _)| Some(*name) == behind)
        });
        if let Some(set) = services::running().filter(|_| !leads_to_own) {
            say("using the servers of `cargo xtask services up`");
            return Ok(Self {
                own,
                staying: Some(set),
                wanted: Vec::new(),
            });
        }
        let installations = install::ensure(&needed, may_install)?;
        for (service, installation) in needed.iter().zip(&installations) {
            say(&format!(
                "found {} {} in {}",
                service.title(),
                installation.version,
                installation.programs.display()
            ));
        }
        Ok(Self {
            own,
            staying: None,
            wanted: needed.into_iter().zip(installations).collect(),
        })
    }

    /// The server that tests would be told of, or one that nobody else uses. Says whether it is
    /// the latter.
    pub(crate) fn given_or_private(service: &'static dyn Service) -> Result<(Self, bool)> {
        if let Some(url) = given(service) {
            let given = Self {
                own: vec![(service.test_variable(), url)],
                staying: None,
                wanted: Vec::new(),
            };
            return Ok((given, false));
        }
        let installations = install::ensure(&[service], true)?;
        let private = Self {
            own: Vec::new(),
            staying: None,
            wanted: [service].into_iter().zip(installations).collect(),
        };
        Ok((private, true))
    }

    /// Starts what does not run yet.
    pub(crate) fn start(self) -> Result<RunningServers> {
        let set = match self.staying {
            Some(set) => Some(set),
            None if self.wanted.is_empty() => None,
            None => Some(Instances::start_for_run_beside(&self.wanted, &self.own)?),
        };
        let mut variables = self.own;
        for instance in set.iter().flat_map(|set| set.list()) {
            let service = instance.service()?;
            let named = variables
                .iter()
                .any(|(name, _)| *name == service.test_variable());
            if let (false, Some(endpoint)) = (named, &instance.endpoint) {
                say(&services::describe(instance));
                variables.push((service.test_variable(), endpoint.url.clone()));
            }
        }
        Ok(RunningServers {
            variables,
            _set: set,
        })
    }
}

/// The URL of the server that tests would be told of.
fn given(service: &dyn Service) -> Option<String> {
    let url = std::env::var(service.test_variable()).ok()?;
    if url.trim().is_empty() {
        return None;
    }
    say_place(service, service.test_variable(), &url);
    Some(url)
}

/// The URL of the user's own server. `memory://` has always meant no Redis, and
/// tests need one.
fn own_server(service: &dyn Service) -> Option<String> {
    let url = std::env::var(service.user_variable()).ok()?;
    if url.trim().is_empty() || url.starts_with("memory:") {
        return None;
    }
    say_place(service, service.user_variable(), &url);
    Some(url)
}

fn say_place(service: &dyn Service, variable: &str, url: &str) {
    say(&format!(
        "{}: the server of {variable} at {}",
        service.title(),
        place(url)
    ));
}

/// The part of a URL that holds no secret: host and port. Where a secret may have
/// slipped behind them, nothing.
fn place(url: &str) -> &str {
    let hidden = "(hidden)";
    let Some((_, rest)) = url.split_once("://") else {
        return hidden;
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..end].rsplit_once('@') {
        Some((_, place)) => place,
        None if rest.contains('@') => hidden,
        None => &rest[..end],
    }
}

/// Servers that answer. They are stopped when this is dropped, unless they are
/// the user's own or were started to stay.
pub(crate) struct RunningServers {
    variables: Vec<(&'static str, String)>,
    _set: Option<Instances>,
}

impl RunningServers {
    /// Tells a program where they are.
    pub(crate) fn tell(&self, command: &mut Command) {
        command.envs(self.variables.iter().map(|(name, url)| (name, url)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_a_server_holds_no_secret() {
        for url in [
            "postgres://me:se%40cret@db.example:5432/app?password=secret",
            "postgres://me:se@cret@db.example:5432/app",
            "postgres://db.example:5432",
            "redis://:secret@db.example:5432/0",
        ] {
            assert_eq!(place(url), "db.example:5432", "{url}");
        }
        for url in [
            "host=db password=secret",
            "postgres://me:se/cret@db.example/app",
        ] {
            assert_eq!(place(url), "(hidden)", "{url}");
        }
    }
}
