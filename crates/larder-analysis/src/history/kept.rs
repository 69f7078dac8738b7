//! Several readings, in a file of one line of JSON each.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use chrono::Duration;

use super::Counters;

/// Readings, the oldest first: as many as it takes to compare with the same hour a week before.
///
/// # Examples
///
/// ```
/// # fn example(counters: larder_analysis::Counters) -> Result<(), larder_analysis::HistoryError> {
/// let mut history = larder_analysis::History::load("readings.jsonl")?;
/// history.push(counters);
/// history.save("readings.jsonl")?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    readings: Vec<Counters>,
}

/// Readings cannot be read or kept. Its text reads after "failed to".
#[derive(Debug, thiserror::Error)]
#[error("{action} the readings in {}: {reason}", path.display())]
pub struct HistoryError {
    action: &'static str,
    path: PathBuf,
    reason: String,
}

impl History {
    /// Eight days, and as many readings as one every ten minutes makes.
    const LONGEST: i64 = 8;
    const MOST: usize = 1_200;

    /// Reads a file; one that is not there has no readings.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or is not a file of readings.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, HistoryError> {
        let path = path.as_ref();
        let failed = |reason: String| HistoryError {
            action: "read",
            path: path.to_owned(),
            reason,
        };
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(failed(error.to_string())),
        };
        let lines = text.lines().enumerate();
        let readings = lines
            .filter(|(_, line)| !line.trim().is_empty())
            .map(|(number, line)| {
                let reading = serde_json::from_str(line);
                reading.map_err(|error| {
                    failed(format!(
                        "line {} is no reading ({error}); it has to be a file that this command has written",
                        number + 1
                    ))
                })
            });
        Ok(Self {
            readings: readings.collect::<Result<_, _>>()?,
        })
    }

    /// Writes the file anew, all of it or nothing: a reader finds the old one or the new one.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), HistoryError> {
        let path = path.as_ref();
        self.write(path).map_err(|error| HistoryError {
            action: "keep",
            path: path.to_owned(),
            reason: error.to_string(),
        })
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.new", std::process::id()));
        let new = path.with_file_name(name);
        let written = fs::File::create(&new).and_then(|mut file| {
            for reading in &self.readings {
                let line = serde_json::to_string(reading).map_err(io::Error::other)?;
                writeln!(file, "{line}")?;
            }
            file.sync_all()
        });
        let done = written.and_then(|()| fs::rename(&new, path));
        if done.is_err() {
            let _ = fs::remove_file(&new);
        }
        done
    }

    /// Adds a reading, and lets go of those that are too old to be compared with.
    pub fn push(&mut self, counters: Counters) {
        let oldest = counters.at - Duration::days(Self::LONGEST);
        self.readings.push(counters);
        self.readings.sort_by_key(|reading| reading.at);
        self.readings.retain(|reading| reading.at >= oldest);
        let many = self.readings.len().saturating_sub(Self::MOST);
        self.readings.drain(..many);
    }

    /// The readings, the oldest first.
    #[must_use]
    pub fn readings(&self) -> &[Counters] {
        &self.readings
    }
}
