//! Statements with `:name` parameters that are bound, never spliced.

use std::collections::{BTreeSet, HashMap};

use crate::error::Error;
use crate::lexer::{Lexer, Token, TokenKind, continues_word};
use crate::parameters::ParameterFaults;
use crate::position::Position;

#[cfg(test)]
mod tests;

/// A statement whose `:name` parameters have become `$1`, `$2`, ...
///
/// A value never becomes part of the text: it is bound to its number by the
/// protocol. The same name has the same number wherever it stands; numbers
/// follow the order in which the names first appear. Apart from the parameters
/// the text stays as it is, quotes, comments and line ends included.
///
/// ```
/// use larder_sql::NamedStatement;
///
/// let statement = NamedStatement::parse(
///     "select name, ':no' from restaurants where city = :city or :city::text is null limit :n",
/// )?;
/// assert_eq!(
///     statement.sql(),
///     "select name, ':no' from restaurants where city = $1 or $1::text is null limit $2",
/// );
/// assert_eq!(statement.names(), ["city", "n"]);
/// # Ok::<(), larder_sql::Error>(())
/// ```
///
/// # What is a parameter
///
/// A name is written as an unquoted identifier is (letters, `_`, non-ASCII
/// characters; then digits and `$` too) and is taken as written: `:City` and
/// `:city` are two. A colon directly before a name makes a parameter, except
///
/// - inside quotes of any sort, dollar quotes and comments;
/// - in `::` and `:=`. `a:::b` is the cast `::` and then `:b`;
/// - **inside the square brackets of a subscript**, where a colon separates
///   the bounds of an array slice: `a[1:n]`, `a[:n]`, `a[ :n ]`, `a[lower:upper]`
///   all speak of columns. Parentheses bring parameters back: `a[(:i)]`,
///   `a[1:(:n)]`, `a[f(:x)]`.
///
/// The brackets of an array constructor are not a subscript: in
/// `array[:a, :b]` and `array[[:a, :b], [:c, :d]]` all four are parameters.
/// A bracket belongs to a constructor if it follows the keyword `ARRAY` (and
/// not a column, as in `t.array[:n]` or `"array"[:n]`), or if it begins an
/// element of a constructor. Every other bracket is a subscript.
///
/// No operator of PostgreSQL contains a colon, so `a=:b`, `a<:b`, `a||:b` and
/// `a->:b` each have the parameter `b`. Where a parameter directly follows a
/// word, as in `limit:n`, a space is put between them.
///
/// Every other colon is left alone, such as those of `json_object('a': 1)`.
/// There a name needs a space to be a column: `json_object('a': b)`; without
/// it, it is a parameter. A quote directly after a colon (`:'x'`, `:"x"`, the
/// way of `psql`) is an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedStatement {
    sql: String,
    names: Vec<String>,
    /// Names after a colon in a subscript: not parameters, but perhaps meant as such.
    slice_bounds: BTreeSet<String>,
}

impl NamedStatement {
    /// Finds the parameters of `text` and numbers them.
    ///
    /// A text without named parameters stays as it is, and may have positional ones.
    ///
    /// # Errors
    ///
    /// When a string, a comment or a quoted identifier has no end, when a quote
    /// directly follows a colon, and when `:name` and `$1` are mixed; each with
    /// its line and column.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut rewriter = Rewriter::new(text);
        while let Some(token) = rewriter.lexer.next() {
            rewriter.token(token?)?;
        }
        Ok(Self {
            sql: rewriter.sql,
            names: rewriter.names.into_iter().map(str::to_owned).collect(),
            slice_bounds: rewriter.slice_bounds,
        })
    }

    /// The text with `$1`, `$2`, ... in place of the names: what the server gets.
    #[must_use]
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// The names of the parameters, without colons; the first is `$1`.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// For each of [`names`](Self::names), the index of its value among those given.
    ///
    /// `given` are the names of the values, without colons, in the order in
    /// which the values are at hand.
    ///
    /// ```
    /// use larder_sql::NamedStatement;
    ///
    /// let statement = NamedStatement::parse("select :a, :b, :a")?;
    /// assert_eq!(statement.bind_order(["b", "a"])?, [1, 0]);
    ///
    /// let error = statement.bind_order(["b", "aa", "b"]).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "bind the parameters: missing `a`; unused `aa` (did you mean `a`?); given twice: `b`",
    /// );
    /// # Ok::<(), larder_sql::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When a parameter has no value, a value has no parameter, or a name is
    /// given twice: all such faults at once.
    pub fn bind_order<'g>(
        &self,
        given: impl IntoIterator<Item = &'g str>,
    ) -> Result<Vec<usize>, Error> {
        let mut index_of = HashMap::new();
        let mut distinct = Vec::new();
        let mut repeated = Vec::new();
        for (index, name) in given.into_iter().enumerate() {
            match index_of.insert(name, (index, false)) {
                None => distinct.push(name),
                Some((_, reported)) => {
                    if !reported {
                        repeated.push(name);
                    }
                    index_of.insert(name, (index, true));
                }
            }
        }
        let order: Vec<usize> = self
            .names
            .iter()
            .filter_map(|name| index_of.get(name.as_str()).map(|&(index, _)| index))
            .collect();
        // Names and given names are each distinct: as many of either as
        // there are matches means that both are the same set.
        if order.len() == self.names.len() && order.len() == distinct.len() && repeated.is_empty() {
            return Ok(order);
        }
        Err(Error::Parameters(ParameterFaults::new(
            &self.names,
            &self.slice_bounds,
            &distinct,
            &repeated,
        )))
    }
}

/// What an open bracket or parenthesis encloses.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Enclosure {
    Parentheses,
    /// `a[..]`: colons separate bounds.
    Subscript,
    /// `array[..]`, or `[..]` as an element of one.
    ArrayConstructor,
}

/// The state of one pass over a text.
struct Rewriter<'a> {
    text: &'a str,
    lexer: Lexer<'a>,
    sql: String,
    names: Vec<&'a str>,
    numbers: HashMap<&'a str, usize>,
    slice_bounds: BTreeSet<String>,
    first_named: Option<Token<'a>>,
    first_positional: Option<Token<'a>>,
    enclosures: Vec<Enclosure>,
    /// Whether a bracket that comes next would be an array constructor's.
    constructor_may_open: bool,
    after_dot: bool,
}

impl<'a> Rewriter<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            text,
            lexer: Lexer::new(text),
            sql: String::with_capacity(text.len()),
            names: Vec::new(),
            numbers: HashMap::new(),
            slice_bounds: BTreeSet::new(),
            first_named: None,
            first_positional: None,
            enclosures: Vec::new(),
            constructor_may_open: false,
            after_dot: false,
        }
    }

    fn token(&mut self, token: Token<'a>) -> Result<(), Error> {
        if token.kind == TokenKind::Colon && !self.is_in(Enclosure::Subscript) {
            return self.colon(token);
        }
        self.sql.push_str(token.text);
        match token.kind {
            TokenKind::Colon => self.note_slice_bound(),
            TokenKind::Positional => {
                self.first_positional.get_or_insert(token);
                self.refuse_mixture()?;
            }
            _ => {}
        }
        if token.is_significant() {
            self.follow(token);
        }
        Ok(())
    }

    /// A colon outside subscripts: the start of a parameter if a name follows.
    fn colon(&mut self, colon: Token<'a>) -> Result<(), Error> {
        if self.lexer.rest().starts_with(['\'', '"']) {
            return Err(Error::QuotedParameter {
                position: Position::of(colon.start, self.text),
            });
        }
        match self.lexer.next_word() {
            Some(name) => {
                self.first_named.get_or_insert(name);
                self.refuse_mixture()?;
                self.parameter(name.text);
            }
            None => self.sql.push_str(colon.text),
        }
        self.follow(colon);
        Ok(())
    }

    fn parameter(&mut self, name: &'a str) {
        let number = *self.numbers.entry(name).or_insert_with(|| {
            self.names.push(name);
            self.names.len()
        });
        // Directly after a word, `$1` would become part of it; after a dollar
        // sign it would begin a dollar quote.
        if self.sql.bytes().next_back().is_some_and(continues_word) {
            self.sql.push(' ');
        }
        self.sql.push('$');
        self.sql.push_str(&number.to_string());
    }

    /// Remembers the name after a slice's colon, for the case that it was meant as a parameter.
    fn note_slice_bound(&mut self) {
        if let Some(name) = self.lexer.clone().next_word() {
            self.slice_bounds.insert(name.text.to_owned());
        }
    }

    fn refuse_mixture(&self) -> Result<(), Error> {
        let (Some(named), Some(positional)) = (self.first_named, self.first_positional) else {
            return Ok(());
        };
        Err(Error::MixedParameters {
            positional: positional.text.to_owned(),
            position: Position::of(positional.start, self.text),
            named: named.text.to_owned(),
            // The name's token begins after its colon.
            named_position: Position::of(named.start - 1, self.text),
        })
    }

    /// Keeps track of brackets and parentheses.
    ///
    /// One that closes nothing, or something else, is left to the server to refuse.
    fn follow(&mut self, token: Token<'a>) {
        let constructor_may_open = self.constructor_may_open;
        self.constructor_may_open = match token.kind {
            TokenKind::Word => token.is_keyword("array") && !self.after_dot,
            TokenKind::Comma => self.is_in(Enclosure::ArrayConstructor),
            TokenKind::LeftBracket => constructor_may_open,
            _ => false,
        };
        self.after_dot = token.kind == TokenKind::Dot;
        match token.kind {
            TokenKind::LeftParenthesis => self.enclosures.push(Enclosure::Parentheses),
            TokenKind::LeftBracket if constructor_may_open => {
                self.enclosures.push(Enclosure::ArrayConstructor);
            }
            TokenKind::LeftBracket => self.enclosures.push(Enclosure::Subscript),
            TokenKind::RightParenthesis => {
                self.enclosures
                    .pop_if(|open| *open == Enclosure::Parentheses);
            }
            TokenKind::RightBracket => {
                self.enclosures
                    .pop_if(|open| *open != Enclosure::Parentheses);
            }
            _ => {}
        }
    }

    fn is_in(&self, enclosure: Enclosure) -> bool {
        self.enclosures.last() == Some(&enclosure)
    }
}
