//! "did you mean": the known name that is nearest to an unknown one.

/// How alike two names must be, from 0 to 1, before one is offered for the other.
const ALIKE: f64 = 0.6;

/// The candidate nearest to `written`, if one is near enough to be worth offering, for messages
/// about a name that does not exist.
pub fn nearest<'a>(
    written: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let written = written.to_ascii_lowercase();
    candidates
        .into_iter()
        .map(|candidate| {
            (
                likeness(&written, &candidate.to_ascii_lowercase()),
                candidate,
            )
        })
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, candidate)| candidate)
}

/// How alike two names are, from 0 to 1. A name that is a part of the other, as `timeout` is of
/// `acquire_timeout`, is alike even where the edit distance is large.
fn likeness(written: &str, candidate: &str) -> f64 {
    let distance = strsim::normalized_damerau_levenshtein(written, candidate);
    let is_part =
        written.len() >= 4 && (candidate.contains(written) || written.contains(candidate));
    if is_part {
        distance.max(ALIKE)
    } else {
        distance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_its_name() {
        let names = ["size", "overflow", "acquire_timeout"];
        assert_eq!(nearest("sise", names), Some("size"));
        assert_eq!(nearest("timeout", names), Some("acquire_timeout"));
        assert_eq!(nearest("OVERFLOW", names), Some("overflow"));
    }

    #[test]
    fn an_unrelated_name_gets_no_offer() {
        assert_eq!(nearest("colour", ["size", "overflow"]), None);
    }
}
