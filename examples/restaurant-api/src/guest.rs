//! A user to write reviews as, since this API has no log-in.

use larder::Larder;
use larder::services::users::{NewUser, PasswordHash, User};
use larder::services::{ErrorKind, Result};

const EMAIL: &str = "guest@example.com";

/// The user `guest`, created where it is not there yet. Nobody can log in as it.
///
/// # Errors
///
/// If the database cannot be reached, or another user is called `guest`.
///
/// # Cancel safety
///
/// Dropped, the user may be there or not; calling it again is right in both cases.
pub async fn guest(larder: &Larder) -> Result<User> {
    let users = larder.users();
    if let Some(found) = users.by_email(EMAIL).await? {
        return Ok(found.user);
    }
    // No password has this hash.
    let new = NewUser::new("guest", EMAIL, PasswordHash::new("!")?)?;
    match users.create(new).await {
        // Another process has created it just now.
        Err(error) if error.kind() == ErrorKind::Conflict => match users.by_email(EMAIL).await? {
            Some(found) => Ok(found.user),
            None => Err(error),
        },
        created => created,
    }
}
