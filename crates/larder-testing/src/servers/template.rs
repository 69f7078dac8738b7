//! The data directory that each PostgreSQL starts with a copy of: making one takes a second, and
//! copying it a tenth of that.

use std::fs::{self, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::account::Account;
use super::home::{Directory, Home};
use crate::Error;

/// For databases that are thrown away. Small segments are quick to copy. Only a password opens the
/// door, also to other users of this machine: a superuser of PostgreSQL can run programs.
const ARGUMENTS: [&str; 6] = [
    "--username=postgres",
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale=C",
    "--wal-segsize=1",
    "--no-sync",
];

/// The file with the password of the superuser.
const PASSWORD: &str = "password";

/// Makes a data directory `data` in a directory. Gives the password of the superuser.
pub(super) fn copy_into(
    home: &Home,
    directory: &Directory,
    programs: &Path,
    account: Account,
) -> Result<String, Error> {
    let template = template(home, programs, account)?;
    let password = fs::read_to_string(template.join(PASSWORD));
    let password = password.map_err(|error| {
        failed(
            &format!("read the password of {}", template.display()),
            error,
        )
    })?;
    let mut copy = account.command(Path::new("cp"));
    copy.arg("-R")
        .arg(template.join("data"))
        .arg(directory.path());
    run(copy)?;
    Ok(password.trim().to_owned())
}

/// The template of this version; made if it is not there.
fn template(home: &Home, programs: &Path, account: Account) -> Result<PathBuf, Error> {
    let version = run({
        let mut command = account.command(&programs.join("postgres"));
        command.arg("--version");
        command
    })?;
    let mut hasher = DefaultHasher::new();
    (&version, programs, ARGUMENTS).hash(&mut hasher);
    let template = home
        .path()
        .join(format!("postgres-{:016x}", hasher.finish()));
    let lock = home
        .lock()
        .map_err(|error| failed("lock the template of PostgreSQL", error))?;
    if !template.exists() {
        let draft = home.path().join("draft");
        make(&draft, programs, account)?;
        // What bears the name is complete.
        fs::rename(&draft, &template)
            .map_err(|error| failed("name the template of PostgreSQL", error))?;
    }
    drop(lock);
    Ok(template)
}

fn make(draft: &Path, programs: &Path, account: Account) -> Result<(), Error> {
    let made = || -> std::io::Result<()> {
        if draft.exists() {
            fs::remove_dir_all(draft)?;
        }
        fs::create_dir(draft)?;
        account.own(draft)?;
        let password = draft.join(PASSWORD);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&password)?;
        writeln!(file, "{}", generated_password()?)?;
        account.own(&password)
    };
    made().map_err(|error| failed("make the template of PostgreSQL", error))?;
    let mut command = account.command(&programs.join("initdb"));
    command
        .args(ARGUMENTS)
        .arg(format!("--pwfile={}", draft.join(PASSWORD).display()))
        .arg("-D")
        .arg(draft.join("data"));
    run(command).map(|_| ())
}

fn generated_password() -> std::io::Result<String> {
    let mut bytes = [0; 16];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Runs a program to its end and gives what it says.
fn run(mut command: Command) -> Result<String, Error> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .map_err(|error| failed(&format!("run {name}"), error))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Error::server(format!(
        "start a PostgreSQL for the test: {name} ended with {}:\n{said}",
        output.status
    )))
}

fn failed(what: &str, error: std::io::Error) -> Error {
    Error::server(format!("{what}: {error}"))
}
