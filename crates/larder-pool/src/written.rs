//! What was written: the statements, the values that name their rows, and notes.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use larder_sql::StatementProfile;

/// What somebody noted in a transaction, for those who hear of its commit.
pub(crate) type Note = Arc<dyn Any + Send + Sync>;

/// A value that was bound to a statement and is not NULL, in the server's binary form.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BoundKey {
    /// The object id of its type, as it was sent.
    pub type_oid: u32,
    /// The value, as it was sent.
    pub value: Box<[u8]>,
}

impl BoundKey {
    /// A value of this type.
    pub fn new(type_oid: u32, value: impl Into<Box<[u8]>>) -> Self {
        Self {
            type_oid,
            value: value.into(),
        }
    }
}

/// Without the value, which may be anybody's.
impl fmt::Debug for BoundKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("BoundKey")
            .field("type_oid", &self.type_oid)
            .finish_non_exhaustive()
    }
}

/// The values that [`PoolObserver::key_parameters`](crate::PoolObserver::key_parameters) asked
/// for, of all runs of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenKeys {
    parameters: Arc<[u16]>,
    values: Vec<BoundKey>,
}

impl WrittenKeys {
    /// More different values than this are not kept.
    const MOST: usize = 128;

    /// The parameters that were asked for, counted from 0.
    pub fn parameters(&self) -> &[u16] {
        &self.parameters
    }

    /// The values that were bound to any of them in any run, each once.
    pub fn values(&self) -> &[BoundKey] {
        &self.values
    }

    /// `None` where these are too many values.
    pub(crate) fn new(parameters: Arc<[u16]>, values: Vec<BoundKey>) -> Option<Self> {
        let none = Self {
            parameters,
            values: Vec::new(),
        };
        none.with(values)
    }

    /// With these values too; `None` where that makes too many.
    fn with(mut self, values: Vec<BoundKey>) -> Option<Self> {
        for value in values {
            if self.values.contains(&value) {
                continue;
            }
            if self.values.len() == Self::MOST {
                return None;
            }
            self.values.push(value);
        }
        Some(self)
    }

    /// Those of both; `None` where they are of other parameters, or too many.
    fn and(self, other: Self) -> Option<Self> {
        // What the parameters stand for may have changed in between.
        if self.parameters != other.parameters {
            return None;
        }
        self.with(other.values)
    }
}

/// A statement that wrote, or may have written.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Written {
    /// What it does.
    pub profile: Arc<StatementProfile>,
    /// The values that name its rows, of all its runs. `None` where they were not asked for, and
    /// where those of one run are not known: NULL is among them, the type of one is not known
    /// yet, no values were bound, or they are too many.
    pub keys: Option<WrittenKeys>,
}

/// What was written, or may have been.
#[derive(Debug, Clone, Default)]
pub struct Effects {
    written: Vec<Written>,
    unclear: bool,
    notes: Vec<Note>,
}

impl Effects {
    /// More different statements than this count as writing everything.
    const MOST: usize = 128;

    /// The statements, each once, with the values that name their rows.
    pub fn written(&self) -> &[Written] {
        &self.written
    }

    /// What the statements do, each once.
    pub fn statements(&self) -> impl Iterator<Item = &Arc<StatementProfile>> {
        self.written.iter().map(|written| &written.profile)
    }

    /// What was noted by [`Pool::note_in_transaction`](crate::Pool::note_in_transaction), in its
    /// order.
    pub fn notes(&self) -> &[Arc<dyn Any + Send + Sync>] {
        &self.notes
    }

    /// Whether the names in the statements may mean other tables than usual, or the statements
    /// were too many to keep: then it is not known what was written.
    pub fn is_unclear(&self) -> bool {
        self.unclear
    }

    /// Whether nothing was written, and nothing noted.
    pub fn is_empty(&self) -> bool {
        self.written.is_empty() && !self.unclear && self.notes.is_empty()
    }

    pub(crate) fn of(written: Written, unclear: bool) -> Self {
        Self {
            written: vec![written],
            unclear,
            notes: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, written: Written, unclear: bool) {
        self.unclear |= unclear;
        let mut known = self.written.iter_mut().rev();
        // The same statement comes in a row; its profile is the same one.
        if let Some(known) = known.find(|known| Arc::ptr_eq(&known.profile, &written.profile)) {
            let keys = known.keys.take().zip(written.keys);
            known.keys = keys.and_then(|(before, now)| before.and(now));
        } else if self.written.len() < Self::MOST {
            self.written.push(written);
        } else {
            self.unclear = true;
        }
    }

    pub(crate) fn add_notes(&mut self, notes: Vec<Note>) {
        self.notes.extend(notes);
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.unclear |= other.unclear;
        for written in other.written {
            self.add(written, false);
        }
        self.notes.extend(other.notes);
    }
}
