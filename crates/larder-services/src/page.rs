//! A part of a list, with the place where it goes on.

use std::sync::Arc;

use serde::Serialize;

use crate::inputs::Cursor;

/// A part of a list, with the place where it goes on.
///
/// To read a whole list, ask for what comes after `next` until there is none. Rows that are added
/// or removed meanwhile move nothing: no other row is left out or comes twice.
#[derive(Debug, PartialEq, Serialize)]
pub struct Page<T> {
    /// What is on it, in the order of the list.
    pub items: Arc<[T]>,
    /// After what to go on; none where this was the last page.
    pub next: Option<Cursor>,
}

impl<T> Clone for Page<T> {
    /// Shares the rows.
    fn clone(&self) -> Self {
        Self {
            items: Arc::clone(&self.items),
            next: self.next,
        }
    }
}

impl<T> Page<T> {
    /// A page of what was read of one row more than it holds at most, by which it knows whether
    /// there is more.
    pub(crate) fn of(mut rows: Vec<T>, limit: usize, place: impl Fn(&T) -> Cursor) -> Self {
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(place);
        let items = rows.into();
        Self { items, next }
    }
}
