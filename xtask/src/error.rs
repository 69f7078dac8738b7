//! Why a task ended, and the exit code that says so.

use std::error::Error as StdError;
use std::fmt::Display;

/// The result of a step of a task.
pub(crate) type Result<T> = std::result::Result<T, Error>;

/// Why a task ended. Texts are fragments that read after "failed to".
#[derive(Debug)]
pub(crate) enum Error {
    /// The command line is wrong.
    Usage(String),
    /// Something must be installed first; the text says what and how.
    Missing(String),
    /// Ctrl-C, or a request to end.
    Interrupted,
    /// A program that does the work (cargo, the test runner) ended with this
    /// code and has said why.
    Program { name: String, code: u8 },
    /// A check found something; the report is printed already.
    Check(String),
    /// A step of xtask itself failed.
    Step {
        what: String,
        source: Option<Box<dyn StdError + Send + Sync>>,
    },
}

impl Error {
    /// A failed step without a cause of its own.
    pub(crate) fn step(what: impl Into<String>) -> Self {
        Self::Step {
            what: what.into(),
            source: None,
        }
    }

    /// A failed step with its cause.
    pub(crate) fn caused(
        what: impl Into<String>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self::Step {
            what: what.into(),
            source: Some(source.into()),
        }
    }

    /// The exit code of xtask; `cargo xtask --help` lists them.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Check(_) | Self::Step { .. } => 1,
            Self::Usage(_) => 2,
            Self::Missing(_) => 3,
            Self::Interrupted => 130,
            Self::Program { code, .. } => *code,
        }
    }

    /// What the user reads, causes included.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Usage(what) => format!("{what}\ntry: cargo xtask --help"),
            Self::Missing(what) => what.clone(),
            Self::Interrupted => "interrupted".to_owned(),
            Self::Program { name, code } => format!("{name} ended with exit code {code}"),
            Self::Check(what) => what.clone(),
            Self::Step { what, source } => {
                let mut text = format!("failed to {what}");
                let mut cause = source.as_deref().map(|error| error as &dyn StdError);
                while let Some(error) = cause {
                    append(&mut text, error);
                    cause = error.source();
                }
                text
            }
        }
    }
}

fn append(text: &mut String, cause: &dyn Display) {
    text.push_str(": ");
    text.push_str(&cause.to_string());
}
