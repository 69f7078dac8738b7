//! The text of a statement. Where it follows from the type of its query it is written once.

use std::any::TypeId;
use std::ops::Deref;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use diesel::QueryResult;
use larder_sql::{StatementProfile, classify};
use rustc_hash::FxHashMap;

/// The texts of static queries. A program has as many as its code has queries, so none goes.
static WRITTEN: RwLock<Option<FxHashMap<TypeId, &'static Written>>> = RwLock::new(None);

/// The text of a statement.
#[derive(Debug, Clone)]
pub(crate) enum SqlText {
    /// As it follows from the type of its query.
    Static(&'static Written),
    /// As it was put together.
    Owned(String),
}

/// The text of a static query, and what it does once somebody has asked for that.
#[derive(Debug)]
pub(crate) struct Written {
    text: Box<str>,
    profile: OnceLock<Arc<StatementProfile>>,
}

impl Written {
    /// What the text does. It is read once.
    pub(super) fn profile(&self) -> &Arc<StatementProfile> {
        let read = || Arc::new(classify(&self.text));
        self.profile.get_or_init(read)
    }
}

impl SqlText {
    /// The text of a static query. Putting it together costs more than all else that a point read
    /// does on this side of the wire, so that is done once for each type.
    pub(super) fn of_type(
        id: TypeId,
        write: impl FnOnce() -> QueryResult<String>,
    ) -> QueryResult<Self> {
        if let Some(text) = known(id) {
            return Ok(Self::Static(text));
        }
        let text = write()?;
        let mut written = WRITTEN.write().unwrap_or_else(PoisonError::into_inner);
        // Whoever wrote it at the same time wrote the same.
        let text = *written
            .get_or_insert_default()
            .entry(id)
            .or_insert_with(|| {
                Box::leak(Box::new(Written {
                    text: text.into_boxed_str(),
                    profile: OnceLock::new(),
                }))
            });
        Ok(Self::Static(text))
    }

    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Static(written) => &written.text,
            Self::Owned(text) => text,
        }
    }
}

impl Default for SqlText {
    fn default() -> Self {
        Self::Owned(String::new())
    }
}

fn known(id: TypeId) -> Option<&'static Written> {
    let written = WRITTEN.read().unwrap_or_else(PoisonError::into_inner);
    written.as_ref()?.get(&id).copied()
}

impl Deref for SqlText {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl From<String> for SqlText {
    fn from(text: String) -> Self {
        Self::Owned(text)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

    use super::*;

    #[test]
    fn a_type_is_written_once() {
        struct Query;
        let id = TypeId::of::<Query>();
        let write = |text: &'static str| SqlText::of_type(id, || Ok(text.to_owned()));
        let first = write("SELECT 1").unwrap();
        let again = SqlText::of_type(id, || unreachable!("it is known")).unwrap();
        assert_eq!(first.as_str(), "SELECT 1");
        assert!(std::ptr::eq(first.as_str(), again.as_str()));
        let profile = |text| match text {
            SqlText::Static(written) => written.profile(),
            SqlText::Owned(text) => unreachable!("{text} follows from its type"),
        };
        assert!(Arc::ptr_eq(profile(first), profile(again)));
    }

    #[test]
    fn what_cannot_be_written_is_not_kept() {
        struct Query;
        let id = TypeId::of::<Query>();
        let failed = SqlText::of_type(id, || Err(diesel::result::Error::RollbackTransaction));
        assert!(failed.is_err());
        let written = SqlText::of_type(id, || Ok("SELECT 2".to_owned())).unwrap();
        assert_eq!(&*written, "SELECT 2");
    }
}
