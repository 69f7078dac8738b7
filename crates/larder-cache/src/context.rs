//! What decides a result beside the statement and its binds.

use crate::key::{Key, KeyBuilder};

/// Where and for whom a statement runs, as far as it changes results.
///
/// Its [`seed`](KeyContext::seed) begins every key that is made in it, so that two contexts
/// never share a result. Made once and kept: a seed costs a hash of all its texts.
///
/// ```
/// use larder_cache::{KeyBuilder, KeyContext};
///
/// let mut context = KeyContext {
///     database: "7301948327462:shop".to_owned(),
///     namespace: String::new(),
///     settings: vec![("TimeZone".to_owned(), "UTC".to_owned())],
///     scope: vec![("tenant".to_owned(), "1".to_owned())],
/// };
/// let of_one = context.seed();
/// context.scope[0].1 = "2".to_owned();
/// assert_ne!(of_one, context.seed());
/// let key = KeyBuilder::with_seed(of_one).finish();
/// # let _ = key;
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KeyContext {
    /// The identity of the database: what tells it from any other that this cache may be used
    /// with. A part of it that outsiders do not know (a random id) keeps them from choosing
    /// binds that collide with another one's key.
    pub database: String,
    /// Keeps programs on the same database apart.
    pub namespace: String,
    /// The settings of the session that change results: time zone, date style, search path,
    /// role and their like, by name. Another order gives another key.
    pub settings: Vec<(String, String)>,
    /// What the caller adds: the tenant and its like, by name. Another order gives another key.
    pub scope: Vec<(String, String)>,
}

impl KeyContext {
    /// The first part of all keys in this context.
    #[must_use]
    pub fn seed(&self) -> Key {
        let mut builder = KeyBuilder::new();
        builder.text(&self.database).text(&self.namespace);
        for pairs in [&self.settings, &self.scope] {
            builder.u64(pairs.len() as u64);
            for (name, value) in pairs {
                builder.text(name).text(value);
            }
        }
        builder.finish()
    }
}
