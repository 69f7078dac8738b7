//! One statement: what was said of it, and what it did.

use std::collections::BTreeMap;

use larder_sql::SessionEffect;

use super::Faults;
use super::corpus::Entry;
use super::deeds::{self, Before, Deeds, Definitions};
use super::opinion::Opinion;
use super::server::{Relation, Server};

/// Runs the statement of `entry` and compares what it did with what was said of it.
///
/// `base` is what there is before the statements that prepare nothing.
pub(super) async fn judge(server: &Server, base: &Before, entry: &Entry, faults: &mut Faults) {
    if entry.is_alone {
        server.execute(&entry.prepare).await;
    } else {
        server.begin(&entry.prepare).await;
    }
    let prepared;
    let before = if entry.prepare.is_empty() && !entry.is_alone {
        base
    } else {
        prepared = Before::of(server).await;
        &prepared
    };
    let opinion = Opinion::of(&entry.profile, &before.catalogs.undeclared);
    let declared = Opinion::of(&entry.profile, &before.catalogs.declared);
    judge_words(entry, &opinion, &declared, faults);
    if opinion.reads.is_ok() || declared.reads.is_ok() {
        let relations = deeds::relations_read(server, &entry.statement).await;
        judge_reads(entry, &opinion, "", &relations, faults);
        judge_reads(entry, &declared, ", with declarations,", &relations, faults);
    }
    let deeds = deeds::run(server, entry, before).await;
    if server.end().await && entry.profile.session_effect() == SessionEffect::None {
        faults.add(entry, "it left an advisory lock, which was not said");
    }
    match deeds {
        Err(refusal) => faults.add(entry, &format!("the server refused: {refusal}")),
        Ok(deeds) => {
            judge_writes(entry, &opinion, "", &deeds, faults);
            judge_writes(entry, &declared, ", with declarations,", &deeds, faults);
            judge_session(entry, before, &deeds, faults);
            judge_definitions(entry, before, &deeds, faults);
        }
    }
}

fn judge_words(entry: &Entry, opinion: &Opinion, declared: &Opinion, faults: &mut Faults) {
    for (arrow, expected, said) in [
        ("=>", &entry.expected, opinion.words()),
        ("->", &entry.expected_declared, declared.words()),
    ] {
        if said != expected {
            faults.add(
                entry,
                &format!("expected {arrow} {expected}\n    said     {arrow} {said}"),
            );
        }
    }
}

fn judge_writes(entry: &Entry, opinion: &Opinion, how: &str, deeds: &Deeds, faults: &mut Faults) {
    let unforeseen = deeds
        .written
        .iter()
        .filter(|(oid, _)| !opinion.writes_to(**oid));
    let unforeseen: Vec<&str> = unforeseen.map(|(_, name)| name.as_str()).collect();
    if !unforeseen.is_empty() {
        let (names, said) = (unforeseen.join(", "), opinion.words());
        faults.add(
            entry,
            &format!("the server wrote {names}, but{how} it was said: {said}"),
        );
    }
    if opinion.reads.is_ok() && !deeds.written.is_empty() {
        faults.add(
            entry,
            &format!("the server wrote, but{how} the result may be cached"),
        );
    }
}

fn judge_reads(
    entry: &Entry,
    opinion: &Opinion,
    how: &str,
    relations: &BTreeMap<u32, Relation>,
    faults: &mut Faults,
) {
    let Ok(reads) = &opinion.reads else { return };
    for relation in relations.values().filter(|relation| !relation.is_view) {
        // Who writes a partition or a child writes its parents.
        if !reads
            .tables
            .iter()
            .any(|table| relation.lineage.contains(&table.0))
        {
            let (name, said) = (&relation.name, opinion.words());
            faults.add(
                entry,
                &format!("the server read {name}, but{how} it was said: {said}"),
            );
        }
    }
}

/// What is left on the session must have been said by the text alone.
fn judge_session(entry: &Entry, before: &Before, deeds: &Deeds, faults: &mut Faults) {
    let said = entry.profile.session_effect();
    let (before, after) = (&before.session, &deeds.session);
    if before.names != after.names && said != SessionEffect::Names {
        let (before, after) = (&before.names, &after.names);
        let fault =
            format!("what names mean went from {before} to {after}, but it was said: {said:?}");
        faults.add(entry, &fault);
    }
    if before.rest != after.rest && said == SessionEffect::None {
        let (before, after) = (&before.rest, &after.rest);
        faults.add(
            entry,
            &format!("the session went from {before} to {after}, which was not said"),
        );
    }
}

/// Other definitions must have been announced, and the digest must tell them.
fn judge_definitions(entry: &Entry, before: &Before, deeds: &Deeds, faults: &mut Faults) {
    if deeds.definitions == Definitions::Same {
        return;
    }
    // The search path is among them.
    let said = before.catalogs.undeclared.may_change_schema(&entry.profile)
        || entry.profile.session_effect() == SessionEffect::Names;
    if !said {
        faults.add(
            entry,
            "what the catalog query gives changed, which was not said",
        );
    }
    if deeds.definitions == Definitions::ChangedUnseen {
        faults.add(
            entry,
            "what the catalog query gives changed, and its digest did not",
        );
    }
}
