//! A statement that is sent while a call runs: what it makes the call depend on.

use std::borrow::Cow;
use std::sync::Arc;

use larder_cache::Dependency;
use larder_pool::{BeginningStatement, BoundKey, PoolObserver};
use larder_sql::SessionEffect;
use larder_sql::catalog::{RowAccess, RowWrite, TableId, WriteSet};

use super::call_scope::{BESIDE_ITS_WRITES, IN_ANOTHER_SCOPE};
use super::{CallKind, CallScope};
use crate::coherence::{
    Watcher, new_rows_touched, read_dependencies, row_dependencies, row_touched,
    written_dependencies,
};

type Judged = Result<(), Cow<'static, str>>;

impl CallScope {
    /// Takes note of a statement that is about to be sent for the call.
    pub(crate) fn note(&self, watcher: &Watcher, statement: &BeginningStatement<'_>) {
        if let Err(reason) = self.judge(watcher, statement) {
            self.refuse(reason);
        }
    }

    fn judge(&self, watcher: &Watcher, statement: &BeginningStatement<'_>) -> Judged {
        self.judge_connection(watcher, statement)?;
        let writes = watcher.may_write(statement.profile);
        if self.kind == CallKind::Read {
            if watcher.session_effect(statement.profile) != SessionEffect::None {
                let text = &statement.profile.normalised;
                return Err(format!("it changes the settings of its session: {text}").into());
            }
            if writes {
                let text = &statement.profile.normalised;
                return Err(format!("it may write: {text}").into());
            }
        }
        if let Some(transaction) = statement.transaction
            && !self.lock().open_transactions.contains(&transaction)
        {
            // What it has written before is not committed, and its snapshot may be an old one.
            return Err("it runs inside a transaction that was open before".into());
        }
        if writes {
            self.write(statement)
        } else {
            self.read(watcher, statement)
        }
    }

    fn judge_connection(&self, watcher: &Watcher, statement: &BeginningStatement<'_>) -> Judged {
        if !self.is_for(&watcher.picture) {
            return Err("it reads from another database".into());
        }
        if !self.picture.is_current(self.state.generation) {
            return Err("definitions have changed while it ran".into());
        }
        let of_history = watcher
            .begun()
            .is_none_or(|begun| statement.opened_at >= begun);
        if statement.is_standby || !of_history {
            return Err("it reads from a server that may be behind".into());
        }
        if let Some(settings) = statement.transaction_settings
            && !self.is_in(settings)
        {
            return Err(IN_ANOTHER_SCOPE.into());
        }
        let is_as_usual = statement.session_effect == SessionEffect::None
            && !statement.is_unclear()
            && *statement.settings == self.state.settings;
        if !is_as_usual {
            return Err("it reads in a session with other settings than usual".into());
        }
        Ok(())
    }

    fn read(&self, watcher: &Watcher, statement: &BeginningStatement<'_>) -> Judged {
        let profile = statement.profile;
        // On nobody's behalf it may run in a call that is made on somebody's.
        let scope = statement
            .transaction_settings
            .and(self.request_scope.as_ref());
        let scope = scope.map(|scope| &scope.reads);
        let reads = match self.state.catalog.reads_in(profile, scope) {
            Ok(reads) => reads,
            Err(reason) => return Err(format!("{reason}: {}", profile.normalised).into()),
        };
        if !reads.volatile.is_empty() {
            if !self.allow_volatile {
                let text = &profile.normalised;
                return Err(format!("its result changes by itself: {text}").into());
            }
            self.moves();
        }
        let row = self.state.row_read(profile).and_then(|access| {
            let keys = statement.keys(&access.parameters)?;
            let dependencies = row_dependencies(&access, values(&keys))?;
            Some((access, dependencies))
        });
        let (access, dependencies) = match row {
            Some((access, dependencies)) => (Some(access), dependencies),
            None => (None, read_dependencies(&reads.tables)),
        };
        let is_hot = watcher.heat.is_hot(dependencies.iter().copied());
        let mut found = self.lock();
        // In the transaction that writes it sees what was written.
        let mut writing = found.writing_transactions.iter();
        let is_beside = writing.any(|writing| statement.transaction != Some(*writing))
            || found.writing_statements > 0;
        found.read.extend(dependencies);
        if let Some(access) = access {
            let new_rows = Dependency::new_rows(access.table.0);
            if access.non_empty_proves_row {
                // Whether it finds the row is known when it has ended.
                found.unproved.push((Arc::clone(profile), new_rows));
            } else {
                found.read.insert(new_rows);
            }
        }
        let relations = reads.tables.iter().chain(&reads.views);
        found.relations.extend(relations);
        drop(found);
        if is_beside {
            return Err(BESIDE_ITS_WRITES.into());
        }
        if is_hot {
            return Err("a table that it reads is written too often for that".into());
        }
        Ok(())
    }

    /// What a call returns that writes depends on what it has written.
    fn write(&self, statement: &BeginningStatement<'_>) -> Judged {
        let profile = statement.profile;
        if statement.transaction.is_none() {
            self.lock().writing_statements += 1;
        }
        let tables = match self.state.writes(profile) {
            WriteSet::Nothing => return Ok(()),
            WriteSet::Everything(reason) => return Err(reason.to_string().into()),
            WriteSet::Tables(tables) => tables,
        };
        if !profile.reads.is_empty() {
            let text = &profile.normalised;
            return Err(format!("it reads tables by the statement that writes: {text}").into());
        }
        let (touched, dependencies) = match self.state.row_write(profile) {
            Some(RowWrite::Rows(access)) => self
                .rows(&access, statement, &tables)
                .unwrap_or_else(|| whole(&tables)),
            Some(RowWrite::NewRows(table)) => {
                let others = tables.iter().copied().filter(|other| *other != table);
                let touched = new_rows_touched(table).into_iter();
                let touched = touched.chain(written_dependencies(others));
                (touched.collect(), read_dependencies(&tables))
            }
            None => whole(&tables),
        };
        let mut found = self.lock();
        if found.has_read_any(&touched) {
            return Err("it writes what it has read before".into());
        }
        found.writing_transactions.extend(statement.transaction);
        found.touched.extend(touched);
        found.written.extend(dependencies);
        Ok(())
    }

    /// What a write touches that names its rows, and what a result of it depends on.
    fn rows(
        &self,
        access: &RowAccess,
        statement: &BeginningStatement<'_>,
        tables: &[TableId],
    ) -> Option<(Vec<Dependency>, Vec<Dependency>)> {
        let keys = statement.keys(&access.parameters)?;
        let others = tables
            .iter()
            .copied()
            .filter(|other| *other != access.table);
        let mut touched = row_touched(access, values(&keys))?;
        touched.extend(written_dependencies(others.clone()));
        let mut dependencies = row_dependencies(access, values(&keys))?;
        // An update that finds no row returns nothing.
        dependencies.push(Dependency::new_rows(access.table.0));
        dependencies.extend(read_dependencies(&others.collect::<Vec<_>>()));
        Some((touched, dependencies))
    }
}

fn whole(tables: &[TableId]) -> (Vec<Dependency>, Vec<Dependency>) {
    let touched = written_dependencies(tables.iter().copied()).collect();
    (touched, read_dependencies(tables))
}

fn values(keys: &[BoundKey]) -> impl Iterator<Item = (u32, &[u8])> {
    keys.iter().map(|key| (key.type_oid, &*key.value))
}
