//! Indexes that are proposed, and those among them that a longer one makes superfluous.
//!
//! Each statement asks for an index of its own. One on `(a)` finds nothing that one on `(a, b)` does
//! not find: whoever built both would be told to drop the first.

use std::cmp::Reverse;

use larder_database::Connection;

use super::candidate::Candidate;
use super::trial;
use crate::AnalysisFinding;
use crate::connection::Unanswered;

/// An index that is proposed: one, or one on each partition.
pub(super) struct Proposal {
    pub(super) group: Vec<Candidate>,
    pub(super) finding: AnalysisFinding,
    /// What it was proposed for, and what that costs now; `None` where it cannot be planned here.
    pub(super) statement: Option<(String, f64)>,
}

impl Proposal {
    fn keys(&self) -> usize {
        self.group.first().map_or(0, |one| one.keys.len())
    }

    fn begins(&self, longer: &Self) -> bool {
        let pair = self.group.first().zip(longer.group.first());
        pair.is_some_and(|(short, long)| short.begins(long))
    }
}

/// What is left to be built. A proposal goes where a longer one begins like it, and serves its
/// statement too: where `hypopg` is there, in this schema, that is tried out.
pub(super) async fn to_build(
    connection: &mut Connection,
    hypopg: Option<&str>,
    mut proposals: Vec<Proposal>,
) -> Result<Vec<AnalysisFinding>, Unanswered> {
    proposals.sort_by_key(|one| Reverse(one.keys()));
    let mut kept: Vec<Proposal> = Vec::new();
    for proposal in proposals {
        match serving(connection, hypopg, &proposal, &kept).await? {
            Some(longer) => {
                let also = proposal.finding.evidence.into_iter();
                let also = also.filter(|(name, _)| name == "statement");
                let also = also.map(|(_, text)| ("serves also".to_owned(), text));
                kept[longer].finding.evidence.extend(also);
            }
            None => kept.push(proposal),
        }
    }
    Ok(kept.into_iter().map(|one| one.finding).collect())
}

/// Which of these serves what a shorter one was proposed for.
async fn serving(
    connection: &mut Connection,
    hypopg: Option<&str>,
    short: &Proposal,
    kept: &[Proposal],
) -> Result<Option<usize>, Unanswered> {
    for (place, longer) in kept.iter().enumerate() {
        if !short.begins(longer) {
            continue;
        }
        let (Some(schema), Some((text, cost))) = (hypopg, &short.statement) else {
            return Ok(Some(place));
        };
        match trial::try_out(connection, schema, text, *cost, &longer.group).await {
            Ok(Some(_)) => return Ok(Some(place)),
            Ok(None) | Err(Unanswered::Refused(_)) => {}
            Err(lost) => return Err(lost),
        }
    }
    Ok(None)
}
