//! `cargo xtask services`: servers that stay between runs of the tests.

use serde_json::{Value, json};

use crate::console::{print, say};
use crate::error::Result;
use crate::install;
use crate::instances::Instances;
use crate::service::{self, Instance, Service};

/// Starts the servers, unless they run, and prints the variables that tests read.
pub(crate) fn up() -> Result<()> {
    if let Some(set) = running() {
        say("the services are up already");
        print_variables(&set);
        return Ok(());
    }
    let installations = install::ensure(&service::ALL, true)?;
    let wanted: Vec<_> = service::ALL.into_iter().zip(installations).collect();
    say("starting the services");
    let set = Instances::start_to_stay(&wanted)?;
    for instance in set.list() {
        say(&describe(instance));
    }
    say("they run until: cargo xtask services down");
    print_variables(&set);
    Ok(())
}

/// Stops the servers and deletes their data.
pub(crate) fn down() -> Result<()> {
    let stopped = Instances::down()?;
    say(if stopped {
        "the services are down"
    } else {
        "no services were up"
    });
    Ok(())
}

/// Prints which servers run, as a table or as JSON.
pub(crate) fn status(as_json: bool) -> Result<()> {
    let list = Instances::staying()
        .map(|set| set.list().to_vec())
        .unwrap_or_default();
    let rows: Vec<Row> = service::ALL
        .into_iter()
        .map(|service| Row::of(service, &list))
        .collect();
    if as_json {
        let services: Vec<Value> = rows.iter().map(Row::to_json).collect();
        let up = rows.iter().all(|row| row.up);
        print(&format!(
            "{:#}\n",
            json!({ "up": up, "services": services })
        ));
        return Ok(());
    }
    let mut text = format!(
        "{:<12}{:<8}{:<10}{:<8}{}\n",
        "service", "state", "version", "port", "url"
    );
    for row in &rows {
        let (version, port, url) = row.instance.as_ref().filter(|_| row.up).map_or_else(
            || ("-".to_owned(), "-".to_owned(), "-".to_owned()),
            |instance| {
                let endpoint = instance.endpoint.as_ref();
                (
                    instance.installation.version.clone(),
                    endpoint.map_or_else(String::new, |endpoint| endpoint.port.to_string()),
                    endpoint.map_or_else(String::new, |endpoint| endpoint.url.clone()),
                )
            },
        );
        let state = if row.up { "up" } else { "down" };
        text.push_str(&format!(
            "{:<12}{state:<8}{version:<10}{port:<8}{url}\n",
            row.service.title()
        ));
    }
    print(&text);
    Ok(())
}

/// The servers that were started to stay, if all of them answer.
pub(crate) fn running() -> Option<Instances> {
    let set = Instances::staying()?;
    let complete = service::ALL.iter().all(|service| {
        set.list()
            .iter()
            .any(|instance| instance.service == service.name() && is_up(instance))
    });
    complete.then_some(set)
}

/// One line about a server.
pub(crate) fn describe(instance: &Instance) -> String {
    let title = instance
        .service()
        .map_or(&*instance.service, |service| service.title());
    let port = instance
        .endpoint
        .as_ref()
        .map_or(0, |endpoint| endpoint.port);
    format!("{title} {} on port {port}", instance.installation.version)
}

fn is_up(instance: &Instance) -> bool {
    instance.service().is_ok_and(|service| {
        service.process(&instance.directory).is_some() && service.answers(instance)
    })
}

fn print_variables(set: &Instances) {
    for instance in set.list() {
        if let (Ok(service), Some(endpoint)) = (instance.service(), &instance.endpoint) {
            print(&format!(
                "export {}='{}'\n",
                service.test_variable(),
                endpoint.url
            ));
        }
    }
}

struct Row {
    service: &'static dyn Service,
    instance: Option<Instance>,
    up: bool,
}

impl Row {
    fn of(service: &'static dyn Service, list: &[Instance]) -> Self {
        let instance = list
            .iter()
            .find(|instance| instance.service == service.name())
            .cloned();
        let up = instance.as_ref().is_some_and(is_up);
        Self {
            service,
            instance,
            up,
        }
    }

    fn to_json(&self) -> Value {
        let instance = self.instance.as_ref().filter(|_| self.up);
        let endpoint = instance.and_then(|instance| instance.endpoint.as_ref());
        json!({
            "service": self.service.name(),
            "up": self.up,
            "version": instance.map(|instance| instance.installation.version.as_str()),
            "port": endpoint.map(|endpoint| endpoint.port),
            "process": instance.and_then(|instance| self.service.process(&instance.directory)),
            "variable": self.service.test_variable(),
            "url": endpoint.map(|endpoint| endpoint.url.as_str()),
        })
    }
}
