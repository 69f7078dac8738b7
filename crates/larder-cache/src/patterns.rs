//! Invalidation by the names of entries.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use crate::versions::{Version, Versions};

/// The patterns that were invalidated, each with the number of its last invalidation. An entry
/// is compared with the newer ones when it is about to be served, so invalidating touches no
/// entry.
#[derive(Default)]
pub(crate) struct Patterns {
    /// The number of the newest invalidation. Written under the lock of `list`.
    latest: AtomicU64,
    list: RwLock<HashMap<Box<str>, u64>>,
}

/// Up to which number an entry's name was found unaffected.
pub(crate) struct Checked(AtomicU64);

impl Checked {
    /// An entry whose load began with `as_of`: nothing earlier concerns it.
    pub(crate) fn new(as_of: Version) -> Self {
        Self(AtomicU64::new(as_of.number()))
    }
}

impl Patterns {
    /// How many different patterns are remembered. One more invalidates everything and
    /// begins anew.
    const MOST: usize = 256;

    /// Makes everything loaded so far whose name matches `pattern` wrong. Gives how many numbers
    /// of the sequence it took: 1.
    pub(crate) fn invalidate(&self, pattern: &str, versions: &Versions) -> u64 {
        let mut list = self.list.write().unwrap_or_else(PoisonError::into_inner);
        if pattern == "*" || list.len() >= Self::MOST && !list.contains_key(pattern) {
            // In this order: whoever misses a pattern in the list finds everything
            // invalidated, provided that it asks for that afterwards.
            let numbers = versions.invalidate_everything();
            list.clear();
            return numbers;
        }
        // The number is taken under the lock: once an entry is noted as checked up to a
        // number, no smaller one may come into the list.
        versions.at_next_number(|number| {
            list.insert(pattern.into(), number);
            self.latest.store(number, Ordering::Release);
        });
        1
    }

    /// Whether no pattern was invalidated after `as_of`.
    pub(crate) fn none_since(&self, as_of: Version) -> bool {
        self.latest.load(Ordering::Acquire) <= as_of.number()
    }

    /// Whether no pattern newer than `checked` matches `name`.
    ///
    /// Must be asked before [`Versions::are_current`], see [`Patterns::invalidate`].
    pub(crate) fn spare(&self, name: &str, checked: &Checked) -> bool {
        self.latest.load(Ordering::Acquire) <= checked.0.load(Ordering::Relaxed)
            || self.spare_newer(name, checked)
    }

    #[cold]
    fn spare_newer(&self, name: &str, checked: &Checked) -> bool {
        let list = self.list.read().unwrap_or_else(PoisonError::into_inner);
        let latest = self.latest.load(Ordering::Relaxed);
        let since = checked.0.load(Ordering::Relaxed);
        let spared = !list
            .iter()
            .any(|(pattern, number)| *number > since && matches(pattern, name));
        if spared {
            checked.0.fetch_max(latest, Ordering::Relaxed);
        }
        spared
    }
}

/// Whether `name` matches `pattern`, in which `*` stands for any text and everything else for
/// itself.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
    let Some(mut name) = name
        .strip_prefix(start)
        .and_then(|name| name.strip_suffix(end))
    else {
        return false;
    };
    // The first place of a part leaves the most room for the others.
    middle.split('*').all(|part| match name.find(part) {
        Some(at) => {
            name = &name[at + part.len()..];
            true
        }
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text_and_the_rest_for_itself() {
        for (pattern, name) in [
            ("restaurants:*", "restaurants:nearby:1"),
            ("restaurants:*", "restaurants:"),
            ("*:nearby:*", "restaurants:nearby:1"),
            ("a*b*c", "abbbc"),
            ("a*b*c", "a-b-c-c"),
            ("**", ""),
            ("a**b", "ab"),
            ("*a*a*", "aa"),
            ("[x]?", "[x]?"),
            ("é*ü", "é—ü"),
            ("", ""),
        ] {
            assert!(matches(pattern, name), "{pattern} should match {name}");
        }
        for (pattern, name) in [
            ("restaurants:*", "restaurant:1"),
            ("restaurants:*", "my:restaurants:1"),
            ("*a*a*", "a"),
            ("ab*ba", "aba"),
            ("a*b*c", "acb"),
            ("[x]?", "x1"),
            ("", "a"),
            ("a", "ab"),
        ] {
            assert!(!matches(pattern, name), "{pattern} should not match {name}");
        }
    }

    #[test]
    fn one_pattern_too_many_invalidates_everything() {
        let (patterns, versions) = (Patterns::default(), Versions::new());
        let slots = versions.slots(&[]);
        let as_of = versions.now();
        for n in 0..Patterns::MOST {
            patterns.invalidate(&format!("a:{n}"), &versions);
        }
        patterns.invalidate("a:0", &versions);
        let checked = Checked::new(as_of);
        assert!(patterns.spare("b", &checked) && versions.are_current(&slots, as_of));
        patterns.invalidate("a:new", &versions);
        assert!(!versions.are_current(&slots, as_of));
        assert!(versions.are_current(&slots, versions.now()));
    }

    #[test]
    fn an_entry_is_compared_with_newer_patterns_only() {
        let (patterns, versions) = (Patterns::default(), Versions::new());
        let before = Checked::new(versions.now());
        patterns.invalidate("a*", &versions);
        let after = Checked::new(versions.now());
        assert!(!patterns.spare("a", &before));
        assert!(
            !patterns.spare("a", &before),
            "asking again changes nothing"
        );
        assert!(patterns.spare("a", &after));
        assert!(patterns.spare("b", &before));
        patterns.invalidate("a*", &versions);
        assert!(!patterns.spare("a", &after), "the same pattern once more");
    }
}
