//! What can go wrong with a command of `larder cache`.

use std::path::PathBuf;

use crate::exit::Exit;

/// Its text reads after "failed to".
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Settings(#[from] larder_config::Error),

    #[error(
        "find a database: no URL is set, and the embedded database has no other processes to keep in step with; set DATABASE_URL to postgres://user:password@host:5432/database"
    )]
    NoUrl,

    #[error(transparent)]
    Database(#[from] larder_database::Error),

    #[error("read what the database says: {0}")]
    Answer(#[from] serde_json::Error),

    #[error("start: {0}")]
    Runtime(std::io::Error),

    #[error(
        "find the table {written}: there is none of this name; {}", near.as_ref().map_or_else(|| "write it as in SQL, with its schema where needed".to_owned(), |near| format!("did you mean `{near}`?"))
    )]
    UnknownTable {
        written: String,
        near: Option<String>,
    },

    #[error("track {name}: it is {what}")]
    NotTrackable { name: String, what: &'static str },

    #[error("write the migration {}: {error}", path.display())]
    Folder {
        path: PathBuf,
        error: std::io::Error,
    },
}

impl Error {
    /// Whether it is the command line or the configuration that is not right.
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Settings(_)
            | Self::NoUrl
            | Self::UnknownTable { .. }
            | Self::NotTrackable { .. } => Exit::Misconfigured,
            _ => Exit::Failed,
        }
    }
}
