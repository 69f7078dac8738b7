//! What of a value that was written may be repeated in a message.

use crate::value::SettingValue;

/// How many characters of a value a message repeats.
const LONGEST: usize = 60;

/// What stands where a value cannot be shown.
pub(crate) const HIDDEN: &str = "(hidden)";

/// The value as a message may repeat it: with control characters escaped, cut where it is long,
/// and hidden where its key is secret or where the text could hold credentials although its key
/// is not meant to.
pub(crate) fn repeat(value: &SettingValue, secret: bool) -> Option<String> {
    match value {
        SettingValue::Unset => None,
        SettingValue::Flag(_) | SettingValue::Integer(_) | SettingValue::Number(_) if !secret => {
            Some(value.to_string())
        }
        SettingValue::Text(text) if !secret => Some(text_or_hidden(text)),
        SettingValue::List(items) if !secret => {
            let items: Vec<_> = items
                .iter()
                .filter_map(|item| repeat(item, secret))
                .collect();
            Some(format!("[{}]", items.join(", ")))
        }
        _ => Some(HIDDEN.to_owned()),
    }
}

/// The text in quotes, or a mark that it was hidden.
pub(crate) fn text_or_hidden(text: &str) -> String {
    if may_hold_credentials(text) {
        return HIDDEN.to_owned();
    }
    if text.chars().count() > LONGEST {
        let start: String = text.chars().take(LONGEST).collect();
        return format!("{start:?}...");
    }
    format!("{text:?}")
}

/// Whether the text looks like a URL, an address with a user, or `password=...`: somebody may
/// have put it under the wrong key.
pub(crate) fn may_hold_credentials(text: &str) -> bool {
    text.contains("://") || text.contains('@') || names_a_secret(text)
}

/// Whether a name says that what belongs to it is secret.
pub(crate) fn names_a_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["password", "passwd", "pwd", "secret", "token"]
        .iter()
        .any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_hold_a_password_is_hidden_under_any_key() {
        for text in [
            "postgres://u:hunter2@h/db",
            "u:hunter2@h",
            "host=h password=hunter2",
        ] {
            assert_eq!(
                repeat(&text.into(), false).as_deref(),
                Some(HIDDEN),
                "{text}"
            );
        }
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal_and_long_text_is_cut() {
        assert_eq!(text_or_hidden("a\u{1b}[2Jb"), r#""a\u{1b}[2Jb""#);
        assert!(text_or_hidden(&"x".repeat(500)).len() < 80);
    }
}
