//! What happened lately, in words: the last 200 events.

use std::collections::VecDeque;

use chrono::{DateTime, TimeDelta, Utc};
use larder_database::CacheEvent;
use larder_health::{Status, Transition};
use serde::Serialize;

use crate::sampler::Reading;

/// What happened lately, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Events {
    last: VecDeque<Event>,
    next: u64,
    /// The transitions of health up to here are told.
    health_until: Option<DateTime<Utc>>,
}

/// Something that happened.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Event {
    pub(crate) id: u64,
    pub(crate) at: DateTime<Utc>,
    pub(crate) level: Level,
    /// What it is about, in a word.
    pub(crate) subject: &'static str,
    pub(crate) text: String,
    /// How many of the kind came one after the other.
    pub(crate) count: u64,
}

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    Good,
    Info,
    Warning,
    Error,
}

impl Events {
    const KEPT: usize = 200;
    /// What comes again within this time of the one before is the same event, once more.
    const TOGETHER: TimeDelta = TimeDelta::seconds(15);

    /// The latest first, so many at most.
    pub(crate) fn latest(&self, limit: usize) -> Vec<Event> {
        let mut latest: Vec<Event> = self.last.iter().cloned().collect();
        latest.sort_by_key(|event| std::cmp::Reverse((event.at, event.id)));
        latest.truncate(limit);
        latest
    }

    /// Notes something. The text of the last of several of a kind stays.
    pub(crate) fn note(&mut self, level: Level, subject: &'static str, text: String, count: u64) {
        self.note_at(Utc::now(), level, subject, text, count);
    }

    fn note_at(
        &mut self,
        at: DateTime<Utc>,
        level: Level,
        subject: &'static str,
        text: String,
        count: u64,
    ) {
        let lately = self.last.iter_mut().rev().take(8);
        let mut same = lately.filter(|event| event.subject == subject && event.text == text);
        if let Some(event) = same.next().filter(|event| at - event.at < Self::TOGETHER) {
            event.count += count;
            event.at = at;
            return;
        }
        if self.last.len() == Self::KEPT {
            self.last.pop_front();
        }
        self.next += 1;
        self.last.push_back(Event {
            id: self.next,
            at,
            level,
            subject,
            text,
            count,
        });
    }

    /// Those changes of health that were not there the last time.
    pub(crate) fn note_health(&mut self, transitions: &[Transition]) {
        let until = self.health_until;
        let new = transitions
            .iter()
            .filter(|transition| until.is_none_or(|until| transition.at > until));
        for transition in new {
            self.health_until = Some(transition.at);
            let level = match transition.to {
                Status::Healthy => Level::Good,
                Status::Degraded => Level::Warning,
                Status::Unhealthy | Status::Critical => Level::Error,
                Status::Unknown => Level::Info,
            };
            let mut text = match transition.from {
                Status::Unknown => format!("{} at the first check", transition.to),
                from => format!("{from} to {}", transition.to),
            };
            if let Some((first, others)) = transition.reasons.split_first() {
                text += &format!(": {}", shortened(first));
                if !others.is_empty() {
                    text += &format!(" (and {} more)", others.len());
                }
            }
            self.note_at(transition.at, level, "health", text, 1);
        }
    }

    /// What is worth a word in the counters.
    pub(crate) fn note_readings(&mut self, before: &Reading, now: &Reading) {
        let grown = |now: u64, before: u64| now.saturating_sub(before);
        let connects = grown(now.connections.errors, before.connections.errors);
        if connects > 0 {
            let error = now.pool.last_connect_error.as_ref();
            let text = match error {
                Some(error) => format!("failed to {error}"),
                None => "failed to connect".to_owned(),
            };
            self.note(Level::Error, "connection", text, connects);
        }
        let kinds = [
            (
                grown(now.connections.timeouts, before.connections.timeouts),
                Level::Error,
                "a caller waited for a connection until its time was up",
            ),
            (
                grown(now.pool.shed, before.pool.shed),
                Level::Error,
                "a caller was sent away: the pool is overloaded",
            ),
            (
                grown(now.pool.turned_away, before.pool.turned_away),
                Level::Error,
                "a caller was refused: as many wait as may",
            ),
            (
                grown(now.pool.held_long, before.pool.held_long),
                Level::Warning,
                "a connection was held for long",
            ),
            (
                grown(now.pool.invalidated, before.pool.invalidated),
                Level::Info,
                "a connection was thrown away: it could not be used again",
            ),
        ];
        for (count, level, text) in kinds {
            if count > 0 {
                self.note(level, "pool", text.to_owned(), count);
            }
        }
        let failed = grown(now.queries.failed, before.queries.failed);
        if failed > 0 {
            let text = "a statement failed".to_owned();
            self.note(Level::Warning, "statement", text, failed);
        }
        let slow = grown(now.queries.slow, before.queries.slow);
        if slow > 0 {
            let text = "a statement was slow".to_owned();
            self.note(Level::Warning, "statement", text, slow);
        }
    }

    /// What the cache tells. Invalidations by writes are not here: the chart counts them.
    pub(crate) fn note_cache(&mut self, event: &CacheEvent) {
        let Some((level, text)) = in_words(event) else {
            return;
        };
        self.note(level, "cache", text, 1);
    }
}

/// As much of a reason as fits an event; the report has it whole.
fn shortened(reason: &str) -> String {
    const LONGEST: usize = 160;
    match reason.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", reason[..end].trim_end()),
        None => reason.to_owned(),
    }
}

fn in_words(event: &CacheEvent) -> Option<(Level, String)> {
    use CacheEvent as Cache;

    let (level, text) = match event {
        Cache::Invalidated {
            cause,
            everything,
            pattern,
            ..
        } => {
            let what = match (cause.as_str(), pattern) {
                ("schema", _) => "the schema changed: what it touches was invalidated".to_owned(),
                _ if *everything => "everything was invalidated".to_owned(),
                ("tag", _) => "results with a tag were invalidated".to_owned(),
                ("service", _) => "results of a service were invalidated".to_owned(),
                (_, Some(pattern)) => format!("results named {pattern} were invalidated"),
                _ => return None,
            };
            (Level::Info, what)
        }
        Cache::SwitchedOff { target } => (
            Level::Warning,
            format!("caching was switched off for {target}"),
        ),
        Cache::SwitchedOn { target } => (
            Level::Good,
            format!("caching was switched on again for {target}"),
        ),
        Cache::LeaseLost => (
            Level::Warning,
            "the log of invalidations cannot be read: nothing is served from the cache".to_owned(),
        ),
        Cache::LeaseRegained => (
            Level::Good,
            "the log of invalidations is read again: the cache serves".to_owned(),
        ),
        Cache::HistoryChanged => (
            Level::Warning,
            "the database has another history than before: nothing kept from before is used"
                .to_owned(),
        ),
        Cache::LogGap => (
            Level::Warning,
            "more was pruned from the log than had been read: nothing kept from before is used"
                .to_owned(),
        ),
        Cache::RedisAvailable => (Level::Good, "Redis answers".to_owned()),
        Cache::RedisUnavailable => (
            Level::Warning,
            "Redis does not answer: the database is asked instead".to_owned(),
        ),
        Cache::TableHot { table } => (
            Level::Info,
            format!("table {table} is written so often that its reads are not kept"),
        ),
        Cache::TableCooled { table } => (
            Level::Info,
            format!("reads of table {table} are kept again"),
        ),
        Cache::ShadowViolation { name, .. } => (
            Level::Error,
            format!("a result of {name} was served that is not what the database returns"),
        ),
        Cache::WarmingFailed { name, error } => (
            Level::Warning,
            format!("warming by {name} failed to {error}"),
        ),
        Cache::Warmed { done, failed, .. } => (
            Level::Info,
            format!("the cache was warmed: {done} reads done, {failed} failed"),
        ),
        _ => return None,
    };
    Some((level, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_again_at_once_is_counted_and_later_is_another() {
        let mut events = Events::default();
        let noon = "2026-01-01T12:00:00Z".parse::<DateTime<Utc>>().unwrap();
        for second in [0, 5, 18, 60] {
            let at = noon + TimeDelta::seconds(second);
            events.note_at(at, Level::Warning, "statement", "slow".to_owned(), 2);
        }
        let counts: Vec<_> = events.latest(9).iter().map(|event| event.count).collect();
        assert_eq!(counts, [2, 6]);
    }

    #[test]
    fn only_the_last_are_kept() {
        let mut events = Events::default();
        for number in 0..1_000 {
            events.note(Level::Info, "cache", format!("{number}"), 1);
        }
        assert_eq!(events.last.len(), 200);
        assert_eq!(events.latest(1)[0].text, "999");
        assert_eq!(events.latest(1)[0].id, 1_000);
    }
}
