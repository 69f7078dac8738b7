//! What can be wrong between the parameters of a statement and the values given for them.

use std::collections::{BTreeSet, HashSet};
use std::fmt;

#[cfg(test)]
mod tests;

/// All faults between the parameters that a statement names and those that were given.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParameterFaults {
    /// Parameters of the statement for which nothing was given.
    pub missing: Vec<String>,
    /// Names that were given and that the statement does not have.
    pub unused: Vec<UnusedParameter>,
    /// Names that were given more than once.
    pub repeated: Vec<String>,
}

/// A name that was given and that the statement does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnusedParameter {
    /// The name, as given.
    pub name: String,
    /// A missing parameter whose name is almost the same.
    pub did_you_mean: Option<String>,
    /// Whether the statement has the name after a colon inside a subscript,
    /// where it is the bound of an array slice and not a parameter.
    pub is_slice_bound: bool,
}

/// Far more than a statement that a person wrote needs. A generated one may name tens of
/// thousands of parameters, and its error must not take minutes.
const MOST_COMPARISONS: usize = 10_000;

impl ParameterFaults {
    /// Compares the `expected` names with the `given` ones, each a list without repetitions.
    pub(crate) fn new(
        expected: &[String],
        slice_bounds: &BTreeSet<String>,
        given: &[&str],
        repeated: &[&str],
    ) -> Self {
        let given_set: HashSet<&str> = given.iter().copied().collect();
        let expected_set: HashSet<&str> = expected.iter().map(String::as_str).collect();
        let missing: Vec<String> = expected
            .iter()
            .filter(|name| !given_set.contains(name.as_str()))
            .cloned()
            .collect();
        let unused: Vec<&str> = given
            .iter()
            .copied()
            .filter(|name| !expected_set.contains(name))
            .collect();
        let candidates = if missing.len().saturating_mul(unused.len()) <= MOST_COMPARISONS {
            missing.as_slice()
        } else {
            &[]
        };
        let unused = unused
            .into_iter()
            .map(|name| UnusedParameter {
                name: name.to_owned(),
                did_you_mean: closest(name, candidates),
                is_slice_bound: slice_bounds.contains(name),
            })
            .collect();
        Self {
            missing,
            unused,
            repeated: repeated.iter().map(|&name| name.to_owned()).collect(),
        }
    }
}

/// The candidate that `name` was probably meant to be.
fn closest(name: &str, candidates: &[String]) -> Option<String> {
    /// Comparing takes the product of both lengths, and no one mistypes a name as long as this.
    const LONGEST: usize = 128;

    let lowercase = name.to_lowercase();
    candidates
        .iter()
        .filter(|candidate| candidate.len() <= LONGEST && name.len() <= LONGEST)
        .map(|candidate| {
            let distance = strsim::damerau_levenshtein(&lowercase, &candidate.to_lowercase());
            (distance, candidate)
        })
        // One mistake in three characters, and always one.
        .filter(|(distance, candidate)| *distance <= (candidate.chars().count() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate.clone())
}

impl fmt::Display for ParameterFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        write_list(f, &mut separator, "missing ", &self.missing)?;
        write_list(f, &mut separator, "unused ", &self.unused)?;
        write_list(f, &mut separator, "given twice: ", &self.repeated)
    }
}

/// A name in the text of an error.
trait Item {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

impl Item for String {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{self}`")
    }
}

impl Item for UnusedParameter {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        write!(f, "`{name}`")?;
        if let Some(meant) = &self.did_you_mean {
            write!(f, " (did you mean `{meant}`?)")?;
        } else if self.is_slice_bound {
            write!(
                f,
                " (inside [ ] `:{name}` is the bound of an array slice: write `(:{name})` to bind it)"
            )?;
        }
        Ok(())
    }
}

fn write_list(
    f: &mut fmt::Formatter<'_>,
    separator: &mut &str,
    title: &str,
    items: &[impl Item],
) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index == 0 {
            write!(f, "{separator}{title}")?;
        } else {
            f.write_str(", ")?;
        }
        item.write(f)?;
        *separator = "; ";
    }
    Ok(())
}
