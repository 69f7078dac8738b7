//! What a user is called and reached by: each a text that keeps its rules once it exists.

use crate::error::{Error, InvalidInput, Result};

use super::check_text;
use super::text::text_input;

text_input! {
    /// A user's name in the system: 1 to 100 characters, without NUL and without white space
    /// around it. Upper and lower case differ.
    Username
}

text_input! {
    /// The address of a user's mail: at most 254 characters in the form name@host, without white
    /// space. Whether mail arrives there, only a delivered mail can show.
    ///
    /// The database takes two addresses for the same if they differ in upper and lower case only.
    Email
}

text_input! {
    /// A user's name to show: 1 to 200 characters, without NUL and without white space around it.
    DisplayName
}

impl Username {
    /// Takes a name; white space around it is removed.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) where nothing else is left, it
    /// is longer than 100 characters, or it has a NUL.
    pub fn new(name: &str) -> Result<Self> {
        named("username", name, 100).map(Self)
    }
}

impl DisplayName {
    /// Takes a name; white space around it is removed.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) where nothing else is left, it
    /// is longer than 200 characters, or it has a NUL.
    pub fn new(name: &str) -> Result<Self> {
        named("display_name", name, 200).map(Self)
    }
}

impl Email {
    /// Takes an address; white space around it is removed.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) where it is longer than 254
    /// characters, has a NUL, or is not one part, an `@` and another part without white space.
    pub fn new(address: &str) -> Result<Self> {
        let address = address.trim();
        check_text("email", address, 254)?;
        if !has_form_of_address(address) {
            let fault = InvalidInput::new("email", address, "must have the form name@host");
            return Err(fault.into());
        }
        Ok(Self(address.to_owned()))
    }
}

fn named(input: &'static str, name: &str, max_chars: usize) -> Result<String> {
    let name = name.trim();
    if name.is_empty() {
        return Err(InvalidInput::new(input, "", "must not be empty").into());
    }
    check_text(input, name, max_chars)?;
    Ok(name.to_owned())
}

/// Whether a text looks like an address. Only a delivered mail can prove that it is one.
fn has_form_of_address(text: &str) -> bool {
    !text.contains(char::is_whitespace)
        && text
            .rsplit_once('@')
            .is_some_and(|(name, host)| !name.is_empty() && !host.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_around_a_text_is_removed() {
        assert_eq!(Username::new(" reader\n").unwrap().as_str(), "reader");
        assert_eq!(Email::new(" a@b ").unwrap().as_str(), "a@b");
        let name = DisplayName::new(" The Reader ").unwrap();
        assert_eq!(name.to_string(), "The Reader");
    }

    #[test]
    fn every_rule_is_kept() {
        for bad in ["", " \t", "a\0", &"é".repeat(101)] {
            assert!(Username::new(bad).is_err(), "{bad:?}");
        }
        for bad in ["", "a\0b", &"é".repeat(201)] {
            assert!(DisplayName::new(bad).is_err(), "{bad:?}");
        }
        Username::new(&"é".repeat(100)).unwrap();
        DisplayName::new(&"é".repeat(200)).unwrap();

        let long = format!("{}@example.com", "a".repeat(243));
        for bad in ["", "nowhere", "@b", "a@", "a b@c", "a\0@b", &long] {
            assert!(Email::new(bad).is_err(), "{bad:?}");
        }
        Email::new(&long[1..]).unwrap();
    }

    #[test]
    fn json_is_checked_too() {
        let email: Email = serde_json::from_str("\" a@b \"").unwrap();
        assert_eq!(serde_json::to_string(&email).unwrap(), "\"a@b\"");
        let error = serde_json::from_str::<Email>("\"nowhere\"").unwrap_err();
        assert!(error.to_string().contains("name@host"), "{error}");
    }
}
