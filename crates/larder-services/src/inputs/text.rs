//! What every text must be before PostgreSQL can store it.

use crate::error::InvalidInput;

/// Refuses a text with a NUL, which PostgreSQL cannot store, and one of more than `max_chars`
/// characters.
pub(crate) fn check_text(
    input: &'static str,
    text: &str,
    max_chars: usize,
) -> Result<(), InvalidInput> {
    if text.contains('\0') {
        return Err(InvalidInput::new(
            input,
            text,
            "must not contain a NUL character",
        ));
    }
    // A text has at most as many characters as bytes, so most are not counted.
    if text.len() > max_chars {
        let chars = text.chars().count();
        if chars > max_chars {
            let rule = format!("must have at most {max_chars} characters, has {chars}");
            return Err(InvalidInput::new(input, text, rule));
        }
    }
    Ok(())
}
