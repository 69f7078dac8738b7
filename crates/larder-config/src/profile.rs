//! The four profiles, their names and the spellings that are accepted for them.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// Where a service runs. The profile alone decides every default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// A developer's machine: small pool, queries are logged, the embedded database if no URL is given.
    Dev,
    /// A rehearsal of production, with a smaller pool and TLS without verification of the server.
    Staging,
    /// Production: needs a URL, verifies the server's certificate, keeps a large pool.
    Prod,
    /// Automated tests: no cache, no metrics, short intervals.
    Test,
}

impl Profile {
    /// Every profile, in the order in which documentation lists them.
    pub const ALL: [Profile; 4] = [Profile::Dev, Profile::Staging, Profile::Prod, Profile::Test];

    /// What a message offers to a user whose profile was not understood.
    pub(crate) const ACCEPTED: &str =
        "dev (or development), staging, prod (or production), test (or testing)";

    /// The short name, as `larder.toml` and messages use it.
    pub fn name(self) -> &'static str {
        match self {
            Profile::Dev => "dev",
            Profile::Staging => "staging",
            Profile::Prod => "prod",
            Profile::Test => "test",
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The text names no profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("recognise the profile; accepted are {}", Profile::ACCEPTED)]
#[non_exhaustive]
pub struct UnknownProfile;

impl FromStr for Profile {
    type Err = UnknownProfile;

    /// Reads a profile's short name or its long spelling, in upper or lower case.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim().to_ascii_lowercase().as_str() {
            "dev" | "development" => Ok(Profile::Dev),
            "staging" => Ok(Profile::Staging),
            "prod" | "production" => Ok(Profile::Prod),
            "test" | "testing" => Ok(Profile::Test),
            _ => Err(UnknownProfile),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_spellings_in_any_case_are_accepted() {
        for (text, profile) in [
            ("dev", Profile::Dev),
            ("Development", Profile::Dev),
            ("STAGING", Profile::Staging),
            ("prod", Profile::Prod),
            ("production", Profile::Prod),
            (" test ", Profile::Test),
            ("TESTING", Profile::Test),
        ] {
            assert_eq!(text.parse(), Ok(profile), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_what_is_accepted() {
        let refused = "live".parse::<Profile>().unwrap_err();
        for profile in Profile::ALL {
            assert!(refused.to_string().contains(profile.name()));
        }
    }
}
