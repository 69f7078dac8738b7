//! Names as SQL writes them.

/// The words that mean something else where a name stands unquoted, as `pg_get_keywords()` has
/// them, up to PostgreSQL 18.
const KEYWORDS: &str = include_str!("identifier/keywords.txt");

/// A name, quoted where it has to be: where it is not all lower case, or is a word of SQL.
pub(crate) fn quoted(name: &str) -> String {
    let mut letters = name.chars();
    let begins = letters
        .next()
        .is_some_and(|first| first.is_ascii_lowercase() || first == '_');
    let is_plain = begins && letters.all(|letter| matches!(letter, 'a'..='z' | '0'..='9' | '_'));
    let is_word = KEYWORDS.split_whitespace().any(|word| word == name);
    match is_plain && !is_word {
        true => name.to_owned(),
        false => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

/// A table in its schema, where that is known.
pub(crate) fn qualified(schema: Option<&str>, name: &str) -> String {
    match schema {
        Some(schema) => format!("{}.{}", quoted(schema), quoted(name)),
        None => quoted(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_where_they_have_to_be() {
        assert_eq!(quoted("orders"), "orders");
        assert_eq!(quoted("Orders"), "\"Orders\"");
        assert_eq!(quoted("user"), "\"user\"");
        assert_eq!(quoted("public"), "public");
        assert_eq!(quoted("order"), "\"order\"");
        assert_eq!(quoted("2nd"), "\"2nd\"");
        assert_eq!(quoted("a\"b"), "\"a\"\"b\"");
        assert_eq!(qualified(Some("shop"), "o'neil"), "shop.\"o'neil\"");
        assert_eq!(qualified(None, ""), "\"\"");
    }
}
