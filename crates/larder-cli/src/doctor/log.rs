//! The log of invalidations, the rights on it, and the tables that are tracked: what
//! `larder cache doctor` looks at.

use larder_config::{CacheMode, Config};
use larder_database::Database;

use super::check::{Outcome, Verdict};
use crate::cache::doctor::{Finding, examine_log};

/// More checks that were made with this one, by their names.
type Others = Vec<(&'static str, Vec<Verdict>)>;

/// Looks at the log where the settings need one.
pub(super) async fn check(database: &Database, config: &Config) -> Outcome<Others> {
    let why = match (config.cache.enabled, config.cache.mode) {
        (false, _) => "the cache is off",
        (_, CacheMode::Local) => "cache.mode is local: nobody else writes",
        _ => "",
    };
    if !why.is_empty() {
        let rights = vec![("rights", vec![Verdict::skipped(why)])];
        return Outcome::found(vec![Verdict::skipped(why)], rights);
    }
    let mut findings = Vec::new();
    let present = match examine_log(database, &mut findings).await {
        Ok(present) => present,
        Err(error) => {
            let seen = format!("failed to {error}");
            let cure = "run `larder cache doctor`, which looks at nothing else";
            return Outcome::missing(Verdict::failure(seen, cure));
        }
    };
    let of = |name: &str, fine: &str| match present || name == "log" {
        true => verdicts(&findings, name, fine, config.cache.install_log),
        false => vec![Verdict::skipped("needs log")],
    };
    let others = vec![
        ("rights", of("rights", "the role has all that it needs")),
        (
            "warm",
            of("warm", "the role can be asked to warm its cache"),
        ),
        (
            "tables",
            of("tables", "every trigger of the log is in order"),
        ),
    ];
    Outcome::found(
        of("log", "it is there, of the version that is known"),
        others,
    )
}

fn verdicts(findings: &[Finding], name: &str, fine: &str, installs: bool) -> Vec<Verdict> {
    let found = findings.iter().filter(|finding| finding.check == name);
    let found: Vec<Verdict> = found
        .map(|finding| match name {
            // A service makes it at its start, if its role may.
            "log" if installs => Verdict::warning(&finding.problem, &finding.cure),
            "warm" => Verdict::warning(&finding.problem, &finding.cure),
            _ => Verdict::failure(&finding.problem, &finding.cure),
        })
        .collect();
    match found.is_empty() {
        true => vec![Verdict::ok(fine)],
        false => found,
    }
}
