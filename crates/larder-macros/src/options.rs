//! The options of an attribute: `name`, `name = value` or `name(values)`, divided by commas.

use proc_macro2::{Span, TokenStream};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Expr, ExprLit, Ident, Lit, LitStr, Token};

use crate::faults::Faults;

/// One option, as it is written.
pub(crate) struct Written {
    name: Ident,
    value: Value,
}

enum Value {
    Absent,
    Assigned(Box<Expr>),
    Listed(TokenStream),
}

/// Those of one attribute, each at most once.
pub(crate) struct Options(Vec<Written>);

impl Options {
    /// Takes apart what stands in the attribute's parentheses. `known` are the options it has.
    pub(crate) fn parse(
        attribute: &str,
        known: &[&str],
        written: TokenStream,
        faults: &mut Faults,
    ) -> Self {
        let parser = Punctuated::<Written, Token![,]>::parse_terminated_with;
        let written = faults.keep((|input: ParseStream<'_>| parser(input, one)).parse2(written));
        let mut options: Vec<Written> = Vec::new();
        for option in written.into_iter().flatten() {
            let name = option.name.to_string();
            if !known.contains(&name.as_str()) {
                let known = known.join("`, `");
                let text = format!("#[{attribute}] has no option `{name}`, it has `{known}`");
                faults.add(syn::Error::new(option.name.span(), text));
            } else if options.iter().any(|earlier| earlier.name == option.name) {
                let text = format!("`{name}` is said twice");
                faults.add(syn::Error::new(option.name.span(), text));
            } else {
                options.push(option);
            }
        }
        Self(options)
    }

    /// What is said of one option, or its fault.
    pub(crate) fn read<T>(
        &self,
        name: &str,
        faults: &mut Faults,
        read: impl FnOnce(&Written) -> syn::Result<T>,
    ) -> Option<T> {
        let option = self.0.iter().find(|option| option.name == name)?;
        faults.keep(read(option))
    }

    /// Whether something is switched on.
    pub(crate) fn flag(&self, name: &str, faults: &mut Faults) -> bool {
        self.read(name, faults, Written::flag).unwrap_or(false)
    }

    /// The members of a list; none if the option is not there.
    pub(crate) fn list<T>(
        &self,
        name: &str,
        faults: &mut Faults,
        example: &str,
        member: fn(ParseStream<'_>) -> syn::Result<T>,
    ) -> Vec<T> {
        self.read(name, faults, |option| option.list(example, member))
            .unwrap_or_default()
    }

    /// Where an option stands, if it is there.
    pub(crate) fn span(&self, name: &str) -> Option<Span> {
        let option = self.0.iter().find(|option| option.name == name)?;
        Some(option.name.span())
    }
}

fn one(input: ParseStream<'_>) -> syn::Result<Written> {
    let name = input.call(Ident::parse_any)?;
    let value = if input.peek(syn::token::Paren) {
        let listed;
        syn::parenthesized!(listed in input);
        Value::Listed(listed.parse()?)
    } else if input.parse::<Option<Token![=]>>()?.is_some() {
        Value::Assigned(input.parse()?)
    } else {
        Value::Absent
    };
    Ok(Written { name, value })
}

impl Written {
    fn fault(&self, form: &str) -> syn::Error {
        let name = &self.name;
        let short = match form {
            " = true" => format!("`{name}` or "),
            _ => String::new(),
        };
        let text = format!("`{name}` is written {short}`{name}{form}`");
        syn::Error::new(name.span(), text)
    }

    /// `name` or `name = true`.
    fn flag(&self) -> syn::Result<bool> {
        match &self.value {
            Value::Absent => Ok(true),
            Value::Assigned(value) => match &**value {
                Expr::Lit(ExprLit {
                    lit: Lit::Bool(value),
                    ..
                }) => Ok(value.value),
                _ => Err(self.fault(" = true")),
            },
            Value::Listed(_) => Err(self.fault(" = true")),
        }
    }

    /// `name = expression`.
    pub(crate) fn expression(&self) -> syn::Result<Expr> {
        match &self.value {
            Value::Assigned(value) => Ok((**value).clone()),
            _ => Err(self.fault(" = ..")),
        }
    }

    /// `name = expression`, or the expression in quotes.
    pub(crate) fn condition(&self) -> syn::Result<Expr> {
        match self.expression()? {
            Expr::Lit(ExprLit {
                lit: Lit::Str(text),
                ..
            }) => text.parse().map_err(|error| {
                let text = format!("this condition is no expression: {error}");
                syn::Error::new(error.span(), text)
            }),
            expression => Ok(expression),
        }
    }

    /// `name = "text"`.
    pub(crate) fn text(&self) -> syn::Result<LitStr> {
        match &self.value {
            Value::Assigned(value) => match &**value {
                Expr::Lit(ExprLit {
                    lit: Lit::Str(text),
                    ..
                }) => Ok(text.clone()),
                _ => Err(self.fault(" = \"..\"")),
            },
            _ => Err(self.fault(" = \"..\"")),
        }
    }

    /// `name = "10m"`, in nanoseconds.
    pub(crate) fn duration(&self) -> syn::Result<u64> {
        let text = self.text().map_err(|_| self.fault(" = \"10m\""))?;
        let written = text.value();
        let fault = |problem: &dyn std::fmt::Display| {
            let text = format!(
                "{written:?} is no duration: {problem}; durations are written \"10m\", \"1h 30m\" or \"500ms\""
            );
            syn::Error::new(text_span(&self.value), text)
        };
        let duration = humantime::parse_duration(&written).map_err(|error| fault(&error))?;
        u64::try_from(duration.as_nanos()).map_err(|_| fault(&"it is more than 584 years"))
    }

    /// `name(member, member)`, with at least one member.
    fn list<T>(
        &self,
        example: &str,
        member: fn(ParseStream<'_>) -> syn::Result<T>,
    ) -> syn::Result<Vec<T>> {
        let Value::Listed(listed) = &self.value else {
            return Err(self.fault(example));
        };
        let parser = Punctuated::<T, Token![,]>::parse_terminated_with;
        let members = (|input: ParseStream<'_>| parser(input, member)).parse2(listed.clone())?;
        if members.is_empty() {
            return Err(self.fault(example));
        }
        Ok(members.into_iter().collect())
    }
}

fn text_span(value: &Value) -> Span {
    match value {
        Value::Assigned(value) => syn::spanned::Spanned::span(value),
        Value::Absent | Value::Listed(_) => Span::call_site(),
    }
}

/// A text in a list.
pub(crate) fn text(input: ParseStream<'_>) -> syn::Result<LitStr> {
    let text: LitStr = input.parse()?;
    if text.value().is_empty() {
        return Err(syn::Error::new(text.span(), "this text is empty"));
    }
    Ok(text)
}

/// A name in a list, `self` too.
pub(crate) fn name(input: ParseStream<'_>) -> syn::Result<Ident> {
    input.call(Ident::parse_any)
}

/// That a name consists of what names of metrics may.
pub(crate) fn word(name: LitStr) -> syn::Result<LitStr> {
    let text = name.value();
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    if text.is_empty() || !text.chars().all(is_word) {
        let rule = "a name consists of letters, digits and underscores";
        return Err(syn::Error::new(name.span(), rule));
    }
    Ok(name)
}
