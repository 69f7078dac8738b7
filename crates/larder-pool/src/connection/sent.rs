//! A statement as it was sent, for whoever looks at it when it has ended.

use std::fmt;
use std::sync::Arc;

use tokio_postgres::types::Type;

use super::binds::Bind;
use super::statement::Statement;

/// A statement as it was sent, with what was bound to it. `Debug` shows no value.
#[derive(Clone)]
pub struct SentStatement(Arc<dyn Carrier>);

/// What has a statement. It is shared as it is, so that nothing has to be copied while it runs.
pub(crate) trait Carrier: Send + Sync {
    fn statement(&self) -> &Statement;
}

impl Carrier for Statement {
    fn statement(&self) -> &Statement {
        self
    }
}

impl SentStatement {
    pub(crate) fn of(carrier: Arc<dyn Carrier>) -> Self {
        Self(carrier)
    }

    pub(crate) fn statement(&self) -> &Statement {
        self.0.statement()
    }

    /// Its text with `$1` and so on in place of what was bound. What the text itself has of values
    /// is in it.
    pub fn text(&self) -> &str {
        &self.statement().sql
    }

    /// What was bound to each parameter, in words: `int8, 8 bytes`, or with the value itself where
    /// that is asked for and its type is a common one. Long values are cut. There may be tens of
    /// thousands; each is put into words when it is asked for.
    pub fn parameters(&self, with_values: bool) -> impl ExactSizeIterator<Item = String> + '_ {
        let binds = &self.statement().binds;
        let pairs = binds.values.iter().zip(&binds.oids);
        pairs.map(move |(value, oid)| parameter(value, *oid, with_values))
    }

    /// How many bytes the bound values have together, in the server's form.
    pub fn bound_bytes(&self) -> usize {
        let values = self.statement().binds.values.iter();
        values.flat_map(|Bind(value)| value).map(Vec::len).sum()
    }
}

impl fmt::Debug for SentStatement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SentStatement")
            .field("parameters", &self.statement().binds.values.len())
            .finish_non_exhaustive()
    }
}

fn parameter(Bind(value): &Bind, oid: u32, with_value: bool) -> String {
    let type_ = Type::from_oid(oid);
    let name = match &type_ {
        Some(type_) => type_.name().to_owned(),
        None => format!("type {oid}"),
    };
    let Some(bytes) = value else {
        return format!("{name}, NULL");
    };
    let shown = type_.filter(|_| with_value);
    match shown.and_then(|type_| shown_value(&type_, bytes)) {
        Some(value) => format!("{name} {value}"),
        None => format!("{name}, {} bytes", bytes.len()),
    }
}

/// A value as it would be written in SQL, where its type is a common one.
fn shown_value(type_: &Type, bytes: &[u8]) -> Option<String> {
    Some(match *type_ {
        Type::BOOL => (bytes != [0]).to_string(),
        Type::INT2 => i16::from_be_bytes(bytes.try_into().ok()?).to_string(),
        Type::INT4 => i32::from_be_bytes(bytes.try_into().ok()?).to_string(),
        Type::INT8 => i64::from_be_bytes(bytes.try_into().ok()?).to_string(),
        Type::OID => u32::from_be_bytes(bytes.try_into().ok()?).to_string(),
        Type::FLOAT4 => f32::from_be_bytes(bytes.try_into().ok()?).to_string(),
        Type::FLOAT8 => f64::from_be_bytes(bytes.try_into().ok()?).to_string(),
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::JSON => quoted(bytes)?,
        // One byte tells the version.
        Type::JSONB => quoted(bytes.get(1..)?)?,
        _ => return None,
    })
}

fn quoted(bytes: &[u8]) -> Option<String> {
    const LONGEST: usize = 100;
    let text = std::str::from_utf8(bytes).ok()?;
    let cut: String = text.chars().take(LONGEST).collect();
    let rest = if cut.len() < text.len() { "..." } else { "" };
    Some(format!("'{}{rest}'", cut.replace('\'', "''")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(type_: &Type, bytes: &[u8], with_value: bool) -> String {
        parameter(&Bind(Some(bytes.to_vec())), type_.oid(), with_value)
    }

    #[test]
    fn bound_values_are_weighed_and_put_into_words_one_by_one() {
        let mut statement = Statement::nothing();
        for value in [Some(vec![0; 3]), None, Some(vec![0; 70_000])] {
            statement.binds.values.push(Bind(value));
            statement.binds.oids.push(Type::BYTEA.oid());
        }
        let sent = SentStatement::of(Arc::new(statement));
        assert_eq!(sent.bound_bytes(), 70_003);
        let mut parameters = sent.parameters(false);
        assert_eq!(parameters.len(), 3);
        assert_eq!(parameters.next().as_deref(), Some("bytea, 3 bytes"));
        assert_eq!(parameters.last().as_deref(), Some("bytea, 70000 bytes"));
    }

    #[test]
    fn without_values_only_type_and_length_are_told() {
        assert_eq!(
            shown(&Type::INT8, &7_i64.to_be_bytes(), false),
            "int8, 8 bytes"
        );
        assert_eq!(shown(&Type::TEXT, b"secret", false), "text, 6 bytes");
        assert_eq!(
            parameter(&Bind(None), Type::TEXT.oid(), false),
            "text, NULL"
        );
        assert_eq!(
            parameter(&Bind(Some(vec![1])), 99_999, false),
            "type 99999, 1 bytes"
        );
    }

    #[test]
    fn values_of_common_types_are_shown_where_that_is_asked_for() {
        for (type_, bytes, expected) in [
            (Type::BOOL, &[1_u8][..], "bool true"),
            (Type::INT2, &(-3_i16).to_be_bytes(), "int2 -3"),
            (Type::INT4, &70_000_i32.to_be_bytes(), "int4 70000"),
            (Type::INT8, &7_i64.to_be_bytes(), "int8 7"),
            (Type::FLOAT8, &1.5_f64.to_be_bytes(), "float8 1.5"),
            (Type::TEXT, b"o'neil", "text 'o''neil'"),
            (Type::JSONB, b"\x01{}", "jsonb '{}'"),
            // Not as many bytes as it should have.
            (Type::INT4, &[1], "int4, 1 bytes"),
            (Type::BYTEA, &[1, 2], "bytea, 2 bytes"),
        ] {
            assert_eq!(shown(&type_, bytes, true), expected);
        }
        let long = "x".repeat(1_000);
        assert!(shown(&Type::TEXT, long.as_bytes(), true).len() < 120);
    }
}
