//! Where a value came from.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

use serde::{Serialize, Serializer};

use crate::profile::Profile;

/// Where a value, or a fault, came from. Its `Display` is what a user reads.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// Nothing was said, so the profile's own value holds.
    Profile(Profile),
    /// What the provider of the database is known to need.
    Provider {
        /// The provider, such as `Neon`.
        provider: &'static str,
        /// What of host and port says that it is this one.
        rule: String,
    },
    /// A configuration file.
    File {
        /// The path as it was given.
        path: PathBuf,
        /// The section, such as `default` or `prod`, where one is known.
        section: Option<String>,
        /// The line, counted from 1, where one is known.
        line: Option<usize>,
    },
    /// An environment variable.
    Variable(Cow<'static, str>),
    /// Several environment variables that make one value together.
    Variables(Vec<&'static str>),
    /// A parameter of a URL that came from somewhere itself.
    UrlParameter {
        /// The parameter, such as `sslmode`.
        parameter: &'static str,
        /// Where the URL came from.
        url: Box<Source>,
    },
    /// [`ConfigLoader`](crate::ConfigLoader).
    Code,
    /// A rule of the profile stands above what was asked for.
    Enforced {
        /// The profile whose rule it is.
        profile: Profile,
        /// Where the overruled value came from.
        overruled: Box<Source>,
    },
}

impl Source {
    /// Whether a user said so, rather than a built-in profile or what is known of a provider.
    pub fn is_explicit(&self) -> bool {
        !matches!(self, Source::Profile(_) | Source::Provider { .. })
    }

    /// Where faults of this source stand in a report: a file's by line, then those of variables,
    /// then those of code, then what a profile misses.
    pub(crate) fn place_in_report(&self) -> (u8, usize) {
        match self {
            Source::File { line, .. } => (0, line.unwrap_or(0)),
            Source::Variable(_) | Source::Variables(_) | Source::UrlParameter { .. } => (1, 0),
            Source::Code => (2, 0),
            Source::Profile(_) | Source::Provider { .. } | Source::Enforced { .. } => (3, 0),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Profile(profile) => write!(f, "built-in profile {profile}"),
            Source::Provider { provider, rule } => {
                write!(f, "provider {provider}, known by {rule}")
            }
            Source::File {
                path,
                section,
                line,
            } => {
                write!(f, "{}", path.display())?;
                if let Some(section) = section {
                    write!(f, ", section [{}]", section.escape_debug())?;
                }
                if let Some(line) = line {
                    write!(f, ", line {line}")?;
                }
                Ok(())
            }
            Source::Variable(name) => write!(f, "environment variable {}", name.escape_debug()),
            Source::Variables(names) => write!(f, "environment variables {}", names.join(", ")),
            Source::UrlParameter { parameter, url } => {
                write!(f, "{parameter} in the URL of {url}")
            }
            Source::Code => f.write_str("code"),
            Source::Enforced { profile, overruled } => {
                write!(f, "enforced by profile {profile} over {overruled}")
            }
        }
    }
}

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
