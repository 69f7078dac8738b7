//! What policies of row-level security read, beside the rows that they are about.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use super::builtin_functions::RESULT_SETTINGS;
use super::names::TableId;
use super::snapshot;
use crate::{Lexer, StatementProfile, Token, TokenKind, classify};

/// Under what a statement reads: what is set for its transaction, and so stands in the key of its
/// result.
///
/// ```
/// use larder_sql::catalog::ReadScope;
///
/// let scope = ReadScope::new(["app.tenant"]);
/// assert!(scope.sets("App.Tenant") && !scope.sets("app.user"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReadScope {
    settings: BTreeSet<Box<str>>,
}

impl ReadScope {
    /// A scope that sets these.
    pub fn new<'a>(settings: impl IntoIterator<Item = &'a str>) -> Self {
        let lower = |name: &str| name.to_ascii_lowercase().into_boxed_str();
        Self {
            settings: settings.into_iter().map(lower).collect(),
        }
    }

    /// Whether a setting is set. The case of its name does not count.
    #[must_use]
    pub fn sets(&self, setting: &str) -> bool {
        self.settings.contains(&*setting.to_ascii_lowercase())
    }

    /// Whether a setting is part of the key of a result.
    fn tells_apart(&self, setting: &str) -> bool {
        let mut always = RESULT_SETTINGS.iter();
        self.sets(setting) || always.any(|known| known.eq_ignore_ascii_case(setting))
    }
}

/// A policy that decides which rows of its table are seen.
#[derive(Debug)]
pub(super) struct Policy {
    pub(super) name: Box<str>,
    condition: Option<Box<str>>,
    /// What it reads beside its own table.
    pub(super) relations: Vec<TableId>,
    /// The user's functions that it calls.
    pub(super) functions: Vec<u32>,
    /// Made when it is asked for.
    understood: OnceLock<Result<Understood, Box<str>>>,
}

/// What the text of a policy says.
#[derive(Debug)]
pub(super) struct Understood {
    pub(super) profile: StatementProfile,
    /// The settings that it reads.
    pub(super) settings: Vec<Box<str>>,
}

impl Policy {
    pub(super) fn new(policy: snapshot::Policy) -> Self {
        Self {
            name: policy.name,
            condition: policy.condition,
            relations: policy.relations.into_iter().map(TableId).collect(),
            functions: policy.functions,
            understood: OnceLock::new(),
        }
    }

    /// What it does; `Err` with the reason if that is not known.
    pub(super) fn understood(&self) -> Result<&Understood, Box<str>> {
        let understood = self.understood.get_or_init(|| match &self.condition {
            Some(condition) => understand(condition),
            None => understand("true"),
        });
        understood.as_ref().map_err(Clone::clone)
    }
}

impl Understood {
    /// The first setting that the policy reads and that does not tell results of this scope from
    /// those of others.
    pub(super) fn missing(&self, scope: &ReadScope) -> Option<&str> {
        let mut settings = self.settings.iter();
        let missing = settings.find(|setting| !scope.tells_apart(setting));
        missing.map(|setting| &**setting)
    }
}

fn understand(condition: &str) -> Result<Understood, Box<str>> {
    let profile = classify(&format!("SELECT {condition}"));
    if let Some(reason) = profile.unknown_reason() {
        return Err(reason.to_string().into());
    }
    if !profile.is_plain_read() {
        return Err("it does more than read".into());
    }
    let Some(settings) = settings_in(condition) else {
        return Err("it reads a setting whose name is not written in it as a plain text".into());
    };
    Ok(Understood { profile, settings })
}

/// The name of the function that reads settings.
pub(super) const READS_SETTING: &str = "current_setting";

/// The settings that a text reads by name; `None` if it reads one by anything but a plain string.
fn settings_in(text: &str) -> Option<Vec<Box<str>>> {
    let tokens: Vec<Token<'_>> = Lexer::new(text)
        .collect::<Result<Vec<_>, _>>()
        .ok()?
        .into_iter()
        .filter(Token::is_significant)
        .collect();
    let mut settings = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        if !names_reader(token) {
            continue;
        }
        match tokens.get(at + 1..)? {
            [open, name, after @ ..]
                if open.kind == TokenKind::LeftParenthesis
                    && name.kind == TokenKind::String
                    && ends_argument(after) =>
            {
                settings.push(plain_string(name.text)?);
            }
            _ => return None,
        }
    }
    Some(settings)
}

/// Whatever has that name may be the function: the column of a table is refused with it.
fn names_reader(token: &Token<'_>) -> bool {
    match token.kind {
        TokenKind::Word => token.text.eq_ignore_ascii_case(READS_SETTING),
        TokenKind::QuotedIdentifier => token.text.contains(READS_SETTING),
        _ => false,
    }
}

/// The end of an argument, after the cast to `text` that PostgreSQL shows with it. What else comes
/// after it, such as `||`, would make it another name.
fn ends_argument(after: &[Token<'_>]) -> bool {
    let after = match after {
        [cast, to, rest @ ..] if cast.kind == TokenKind::Cast && to.is_keyword("text") => rest,
        after => after,
    };
    let next = after.first().map(|token| token.kind);
    matches!(next, Some(TokenKind::Comma | TokenKind::RightParenthesis))
}

/// What `'..'` stands for, if there is nothing special in it.
fn plain_string(text: &str) -> Option<Box<str>> {
    let inner = text.strip_prefix('\'')?.strip_suffix('\'')?;
    (!inner.contains(['\'', '\\'])).then(|| inner.into())
}
