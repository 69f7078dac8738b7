//! What a term finds, in SQL, as expressions of Diesel over the table `restaurants`.

use diesel::QueryResult;
use diesel::expression::{ValidGrouping, is_aggregate};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Bool, Double, Float, Text};

use crate::inputs::SearchTerm;
use crate::schema::restaurants;

/// How a term is looked for.
#[derive(Debug)]
pub(super) struct Match {
    term: String,
    beginning: String,
    containing: String,
    /// Set where the term is too short for trigrams: its words with a `:*` each, as `to_tsquery`
    /// takes them.
    word_beginnings: Option<String>,
}

impl Match {
    /// None where there is nothing in the term that could be found.
    pub(super) fn of(term: &SearchTerm) -> Option<Self> {
        let longest = term.words().map(|word| word.chars().count()).max()?;
        let word_beginnings = (longest < 3).then(|| {
            // Only letters and digits are in a word, so there is nothing to escape.
            let words: Vec<String> = term.words().map(|word| format!("'{word}':*")).collect();
            words.join(" & ")
        });
        Some(Self {
            term: term.as_str().to_owned(),
            beginning: term.beginning_pattern(),
            containing: term.containing_pattern(),
            word_beginnings,
        })
    }

    /// Whether the term is long enough to resemble anything.
    pub(super) fn may_resemble(&self) -> bool {
        self.word_beginnings.is_none()
    }

    fn push_tsquery<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        match &self.word_beginnings {
            Some(words) => {
                out.push_sql("to_tsquery('pg_catalog.simple', ");
                out.push_bind_param::<Text, _>(words)?;
            }
            None => {
                out.push_sql("plainto_tsquery('pg_catalog.simple', ");
                out.push_bind_param::<Text, _>(&self.term)?;
            }
        }
        out.push_sql(")");
        Ok(())
    }
}

/// Whether a restaurant has the term.
#[derive(Debug, Clone, Copy)]
pub(super) struct HasTerm<'a>(pub(super) &'a Match);

/// How well it has it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rank<'a>(pub(super) &'a Match);

/// Whether a restaurant's name or cuisine looks like a term.
#[derive(Debug, Clone, Copy)]
pub(super) struct LooksLike<'a> {
    pub(super) term: &'a str,
    /// Whether the name as a whole may be compared too. That finds much, and costs as much.
    pub(super) loosely: bool,
}

/// How much, from 0 to 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resemblance<'a>(pub(super) &'a str);

impl QueryFragment<Pg> for HasTerm<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("(restaurants.search_document @@ ");
        self.0.push_tsquery(&mut out)?;
        if self.0.may_resemble() {
            for column in [
                " OR restaurants.name ILIKE ",
                " OR restaurants.cuisine ILIKE ",
            ] {
                out.push_sql(column);
                out.push_bind_param::<Text, _>(&self.0.containing)?;
            }
        }
        out.push_sql(")");
        Ok(())
    }
}

impl QueryFragment<Pg> for Rank<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        // A rank of ts_rank is below 1, so it decides within a class only.
        out.push_sql("(CASE WHEN lower(restaurants.name) = lower(");
        out.push_bind_param::<Text, _>(&self.0.term)?;
        out.push_sql(") THEN 3 WHEN restaurants.name ILIKE ");
        out.push_bind_param::<Text, _>(&self.0.beginning)?;
        out.push_sql(" THEN 2 WHEN restaurants.name ILIKE ");
        out.push_bind_param::<Text, _>(&self.0.containing)?;
        out.push_sql(" THEN 1 ELSE 0 END + ts_rank(restaurants.search_document, ");
        self.0.push_tsquery(&mut out)?;
        out.push_sql("))");
        Ok(())
    }
}

impl QueryFragment<Pg> for LooksLike<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let comparisons = [
            "(restaurants.name %> ",
            " OR restaurants.cuisine %> ",
            " OR restaurants.cuisine % ",
        ];
        let loose = self.loosely.then_some(" OR restaurants.name % ");
        for comparison in comparisons.into_iter().chain(loose) {
            out.push_sql(comparison);
            out.push_bind_param::<Text, _>(self.term)?;
        }
        out.push_sql(")");
        Ok(())
    }
}

impl QueryFragment<Pg> for Resemblance<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        // A cuisine that is null is left out by `greatest`.
        out.push_sql("greatest(word_similarity(");
        out.push_bind_param::<Text, _>(self.0)?;
        out.push_sql(", restaurants.name), word_similarity(");
        out.push_bind_param::<Text, _>(self.0)?;
        out.push_sql(", restaurants.cuisine), similarity(restaurants.name, ");
        out.push_bind_param::<Text, _>(self.0)?;
        out.push_sql("), similarity(restaurants.cuisine, ");
        out.push_bind_param::<Text, _>(self.0)?;
        out.push_sql("))");
        Ok(())
    }
}

macro_rules! expression_over_restaurants {
    ($($name:ident: $sql_type:ty;)+) => {$(
        impl Expression for $name<'_> {
            type SqlType = $sql_type;
        }

        impl AppearsOnTable<restaurants::table> for $name<'_> {}

        impl SelectableExpression<restaurants::table> for $name<'_> {}

        impl ValidGrouping<()> for $name<'_> {
            type IsAggregate = is_aggregate::No;
        }

        impl QueryId for $name<'_> {
            type QueryId = ();
            // The text depends on the length of the term.
            const HAS_STATIC_QUERY_ID: bool = false;
        }
    )+};
}

expression_over_restaurants! {
    HasTerm: Bool;
    Rank: Double;
    LooksLike: Bool;
    Resemblance: Float;
}
