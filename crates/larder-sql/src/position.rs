//! A place in the text of a statement, as a person counts.

use std::fmt;

/// A place in the text of a statement.
///
/// Lines end with `\n`; columns count characters, not bytes. Both begin at 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    line: usize,
    column: usize,
}

impl Position {
    /// The position of the byte `offset` in `text`; `offset` is a character boundary.
    pub(crate) fn of(offset: usize, text: &str) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }

    /// The line, counted from 1.
    #[must_use]
    pub fn line(self) -> usize {
        self.line
    }

    /// The column in characters, counted from 1.
    #[must_use]
    pub fn column(self) -> usize {
        self.column
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_count_newlines() {
        let text = "é\r\nüx";
        let shown = |offset| Position::of(offset, text).to_string();
        assert_eq!(shown(0), "line 1, column 1");
        assert_eq!(shown(2), "line 1, column 2");
        assert_eq!(shown(4), "line 2, column 1");
        assert_eq!(shown(6), "line 2, column 2");
        assert_eq!(shown(7), "line 2, column 3");
    }
}
