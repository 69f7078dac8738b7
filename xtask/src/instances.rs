//! Servers that are started together and stopped together.
//!
//! A set of servers has a home: a directory with a state file that says what
//! there is to stop, written before anything starts. The home of a run is
//! `target/services/run-<process>`, and its lock is held as long as the run
//! lives. The lock goes with the process, however that ends; so a home whose
//! lock is free was left behind, and the next run stops what is in it.

use std::fs::{self, File, TryLockError};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, chown};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::account::{self, Account};
use crate::console::say;
use crate::error::{Error, Result};
use crate::interrupts;
use crate::process;
use crate::service::{Installation, Instance, Service};
use crate::workspace;

const STATE: &str = "state.json";
const LOCK: &str = "lock";
const LOGS: &str = "logs";
const RUN_PREFIX: &str = "run-";

/// A set of servers. What it started is stopped when it is dropped.
#[derive(Debug)]
pub(crate) struct Instances {
    home: PathBuf,
    /// Held for as long as a run lives; none for servers that stay.
    lock: Option<File>,
    list: Vec<Instance>,
    stop_on_drop: bool,
}

impl Instances {
    /// Starts servers for this run alone.
    pub(crate) fn start_for_run(wanted: &[(&'static dyn Service, Installation)]) -> Result<Self> {
        Self::start_for_run_beside(wanted, &[])
    }

    /// The same beside servers that run already, of which the variables tell: one of these may
    /// stand in front of one of those.
    pub(crate) fn start_for_run_beside(
        wanted: &[(&'static dyn Service, Installation)],
        running: &[(&'static str, String)],
    ) -> Result<Self> {
        let services = workspace::services_directory();
        let global = lock_all(&services)?;
        sweep(&services);
        let home = services.join(format!("{RUN_PREFIX}{}", std::process::id()));
        create_private(&home)?;
        let lock = open_lock(&home)?;
        lock.lock()
            .map_err(|source| Error::caused(format!("lock {}", home.display()), source))?;
        drop(global);
        let mut set = Self {
            home,
            lock: Some(lock),
            list: Vec::new(),
            stop_on_drop: true,
        };
        set.start(wanted, running)?;
        Ok(set)
    }

    /// Starts servers that stay until [`down`](Self::down) is called on them, by
    /// this or another process.
    pub(crate) fn start_to_stay(wanted: &[(&'static dyn Service, Installation)]) -> Result<Self> {
        let home = workspace::services_directory();
        let _global = lock_all(&home)?;
        sweep(&home);
        if let Some(mut old) = Self::staying() {
            old.stop();
        }
        let mut set = Self {
            home,
            lock: None,
            list: Vec::new(),
            stop_on_drop: true,
        };
        set.start(wanted, &[])?;
        set.stop_on_drop = false;
        Ok(set)
    }

    /// The servers that were started to stay, whether they still run or not.
    pub(crate) fn staying() -> Option<Self> {
        let home = workspace::services_directory();
        let list = read_state(&home)?;
        Some(Self {
            home,
            lock: None,
            list,
            stop_on_drop: false,
        })
    }

    /// Stops what killed runs left behind.
    pub(crate) fn sweep() -> Result<()> {
        let home = workspace::services_directory();
        let _global = lock_all(&home)?;
        sweep(&home);
        Ok(())
    }

    /// Stops servers that were started to stay, and what killed runs left behind.
    pub(crate) fn down() -> Result<bool> {
        let home = workspace::services_directory();
        let _global = lock_all(&home)?;
        let swept = sweep(&home);
        let Some(mut set) = Self::staying() else {
            return Ok(swept);
        };
        if set.stop() {
            Ok(true)
        } else {
            Err(Error::step("stop every server; see above"))
        }
    }

    /// Its directory, which goes away with it.
    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    /// The servers.
    pub(crate) fn list(&self) -> &[Instance] {
        &self.list
    }

    fn start(
        &mut self,
        wanted: &[(&'static dyn Service, Installation)],
        running: &[(&'static str, String)],
    ) -> Result<()> {
        for (service, installation) in wanted {
            interrupts::check()?;
            let directory = self.data_directory(*service)?;
            self.list.push(Instance {
                service: service.name().to_owned(),
                installation: installation.clone(),
                directory: directory.clone(),
                endpoint: None,
            });
            self.write_state()?;
            let behind = service
                .in_front_of()
                .and_then(|behind| self.url_of(behind, running));
            let endpoint = service.start(installation, &directory, behind.as_deref())?;
            if let Some(instance) = self.list.last_mut() {
                instance.endpoint = Some(endpoint);
            }
            self.write_state()?;
        }
        Ok(())
    }

    /// Where a service is, among these servers or those that run already.
    fn url_of(&self, service: &dyn Service, running: &[(&'static str, String)]) -> Option<String> {
        let own = running
            .iter()
            .find(|(name, _)| *name == service.test_variable());
        let started = self.list.iter().find(|it| it.service == service.name());
        own.map(|(_, url)| url.clone())
            .or_else(|| Some(started?.endpoint.as_ref()?.url.clone()))
    }

    /// An empty directory that the account of the service can reach and own.
    fn data_directory(&self, service: &dyn Service) -> Result<PathBuf> {
        let directory = self.home.join(service.name());
        create_private(&directory)?;
        let Some(account) = service.account()? else {
            return Ok(directory);
        };
        chown(&directory, Some(account.user), Some(account.group))
            .map_err(|source| Error::caused(format!("own {}", directory.display()), source))?;
        if account::can_write(&directory, &account) {
            return Ok(directory);
        }
        let elsewhere = temporary_directory(service, &account)?;
        say(&format!(
            "{} runs as {}, who cannot reach {}: its data is in {}",
            service.title(),
            account.name,
            self.home.display(),
            elsewhere.display()
        ));
        Ok(elsewhere)
    }

    /// Stops everything and deletes its data; what fails is said. Returns whether
    /// all went well.
    pub(crate) fn stop(&mut self) -> bool {
        self.stop_on_drop = false;
        let logs = workspace::services_directory().join(LOGS);
        while let Some(instance) = self.list.pop() {
            if let Err(error) = stop_one(&instance, &logs) {
                // The state file keeps what could not be stopped, for another try.
                say(&error.message());
                self.list.push(instance);
                return false;
            }
            // Empty where the data had to be elsewhere.
            let _ = fs::remove_dir(self.home.join(&instance.service));
        }
        let _ = fs::remove_file(self.home.join(STATE));
        if self.lock.is_some() {
            let _ = fs::remove_dir_all(&self.home);
        }
        true
    }

    fn write_state(&self) -> Result<()> {
        let path = self.home.join(STATE);
        let list: Vec<Value> = self.list.iter().map(Instance::to_json).collect();
        let text = format!("{:#}\n", json!({ "services": list }));
        // Renamed into place, so that no reader sees half of it.
        let new = self.home.join(format!("{STATE}.new"));
        let written = private_file(&new)
            .and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()))
            .and_then(|()| fs::rename(&new, &path));
        written.map_err(|source| Error::caused(format!("write {}", path.display()), source))
    }
}

impl Drop for Instances {
    fn drop(&mut self) {
        if self.stop_on_drop {
            self.stop();
        }
    }
}

fn stop_one(instance: &Instance, logs: &Path) -> Result<()> {
    let service = instance.service()?;
    service.stop(instance)?;
    // The log of the last server outlives its data: it may explain a failed test.
    if fs::create_dir_all(logs).is_ok() {
        let _ = fs::copy(
            instance.directory.join(service.log()),
            logs.join(service.log()),
        );
    }
    match fs::remove_dir_all(&instance.directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            let what = format!("delete {}", instance.directory.display());
            Err(Error::caused(what, error))
        }
        _ => Ok(()),
    }
}

/// Stops what runs left behind that were killed. Returns whether there was any.
fn sweep(services: &Path) -> bool {
    let Ok(entries) = fs::read_dir(services) else {
        return false;
    };
    let mut any = false;
    for home in entries.flatten().map(|entry| entry.path()) {
        let name = home
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        if !name.is_some_and(|name| name.starts_with(RUN_PREFIX)) {
            continue;
        }
        let lock = match open_lock(&home) {
            Ok(lock) => lock,
            Err(_) => continue,
        };
        if let Err(TryLockError::WouldBlock) = lock.try_lock() {
            continue;
        }
        let list = read_state(&home).unwrap_or_default();
        for instance in &list {
            let process = instance
                .service()
                .ok()
                .and_then(|it| it.process(&instance.directory));
            if let Some(process) = process {
                let name = &instance.service;
                say(&format!(
                    "stopping {name} (process {process}), left behind by a killed run"
                ));
            }
        }
        any = true;
        Instances {
            home,
            lock: Some(lock),
            list,
            stop_on_drop: false,
        }
        .stop();
    }
    any
}

/// Guards the moments in which homes are made and swept.
fn lock_all(services: &Path) -> Result<File> {
    fs::create_dir_all(services)
        .map_err(|source| Error::caused(format!("create {}", services.display()), source))?;
    let lock = open_lock(services)?;
    lock.lock()
        .map_err(|source| Error::caused(format!("lock {}", services.display()), source))?;
    Ok(lock)
}

fn open_lock(home: &Path) -> Result<File> {
    let path = home.join(LOCK);
    let opened = fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path);
    opened.map_err(|source| Error::caused(format!("open {}", path.display()), source))
}

fn read_state(home: &Path) -> Option<Vec<Instance>> {
    let text = fs::read_to_string(home.join(STATE)).ok()?;
    let state: Value = serde_json::from_str(&text).ok()?;
    state
        .get("services")?
        .as_array()?
        .iter()
        .map(Instance::from_json)
        .collect()
}

/// State files hold passwords: only the owner reads them.
fn private_file(path: &Path) -> std::io::Result<File> {
    fs::OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(path)
}

/// Makes an empty directory; what an earlier one left there goes away.
fn create_private(path: &Path) -> Result<()> {
    let failed = |source| Error::caused(format!("create {}", path.display()), source);
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    // Others may pass through, as an unprivileged account has to, but not look.
    fs::DirBuilder::new()
        .mode(0o711)
        .create(path)
        .map_err(failed)
}

/// A new directory of the account's own where everybody can get to.
fn temporary_directory(service: &dyn Service, account: &Account) -> Result<PathBuf> {
    let mut last = None;
    for parent in ["/var/tmp", "/tmp"] {
        let pattern = format!("{parent}/larder-{}.XXXXXXXX", service.name());
        match process::capture(account::command("mktemp", Some(account)).args(["-d", &pattern])) {
            Ok(path) => return Ok(PathBuf::from(path.trim())),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| Error::step("make a temporary directory")))
}
