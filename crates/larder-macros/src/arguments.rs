//! The arguments of a decorated function, and which of them has the cache.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Expr, FnArg, GenericParam, Ident, Pat, Signature};

use crate::function;

/// One argument.
pub(crate) struct Argument {
    /// What it is called, or what its pattern takes out of it; nothing if it is `_`.
    pub(crate) names: Vec<Ident>,
    /// Whether it is a pattern that takes it apart.
    pub(crate) is_pattern: bool,
    /// Whether its type is an `impl Trait`.
    pub(crate) is_impl: bool,
    pub(crate) span: Span,
}

/// All arguments, and the generic parameters, which are arguments as well.
pub(crate) struct Arguments {
    pub(crate) all: Vec<Argument>,
    pub(crate) types: Vec<Ident>,
    pub(crate) constants: Vec<Ident>,
}

impl Arguments {
    pub(crate) fn of(signature: &Signature) -> Self {
        let mut types = Vec::new();
        let mut constants = Vec::new();
        for parameter in &signature.generics.params {
            match parameter {
                GenericParam::Type(parameter) => types.push(parameter.ident.clone()),
                GenericParam::Const(parameter) => constants.push(parameter.ident.clone()),
                GenericParam::Lifetime(_) => {}
            }
        }
        Self {
            all: signature.inputs.iter().map(Argument::of).collect(),
            types,
            constants,
        }
    }

    /// The argument that goes by this name, or is taken apart into it.
    pub(crate) fn find(&self, name: &Ident) -> Option<&Argument> {
        let is_meant = |argument: &&Argument| argument.names.iter().any(|own| own == name);
        self.all.iter().find(is_meant)
    }

    /// That there is such an argument.
    pub(crate) fn check(&self, name: &Ident) -> syn::Result<()> {
        match self.find(name) {
            Some(_) => Ok(()),
            None => Err(self.unknown(&name.to_string(), name.span())),
        }
    }

    /// Whether an argument's name, as it stands in a text, is known.
    pub(crate) fn find_text(&self, name: &str) -> Option<&Ident> {
        let mut names = self.all.iter().flat_map(|argument| &argument.names);
        names.find(|own| own.unraw() == name)
    }

    /// The error for a name that no argument has.
    pub(crate) fn unknown(&self, name: &str, span: Span) -> syn::Error {
        let names = self.all.iter().flat_map(|argument| &argument.names);
        let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
        let text = match names.as_slice() {
            [] => format!("there is no argument `{name}`, the function takes none"),
            [only] => format!("there is no argument `{name}`, there is only {only}"),
            names => format!(
                "there is no argument `{name}`, the arguments are {}",
                names.join(", ")
            ),
        };
        syn::Error::new(span, text)
    }
}

impl Argument {
    fn of(argument: &FnArg) -> Self {
        let argument = match argument {
            FnArg::Receiver(receiver) => {
                return Self {
                    names: vec![Ident::new("self", receiver.self_token.span)],
                    is_pattern: false,
                    is_impl: false,
                    span: receiver.self_token.span,
                };
            }
            FnArg::Typed(argument) => argument,
        };
        let mut names = Vec::new();
        names_of(&argument.pat, &mut names);
        let kind = &argument.ty;
        Self {
            names,
            is_pattern: !matches!(&*argument.pat, Pat::Wild(_))
                && !matches!(&*argument.pat, Pat::Ident(name) if name.subpat.is_none()),
            is_impl: function::mentions_impl(quote!(#kind)),
            span: argument.pat.span(),
        }
    }
}

/// What a pattern binds.
fn names_of(pattern: &Pat, names: &mut Vec<Ident>) {
    match pattern {
        Pat::Ident(name) => {
            names.push(name.ident.clone());
            if let Some((_, inner)) = &name.subpat {
                names_of(inner, names);
            }
        }
        Pat::Or(cases) => cases.cases.iter().take(1).for_each(|p| names_of(p, names)),
        Pat::Paren(inner) => names_of(&inner.pat, names),
        Pat::Reference(inner) => names_of(&inner.pat, names),
        Pat::Slice(slice) => slice.elems.iter().for_each(|p| names_of(p, names)),
        Pat::Struct(value) => value.fields.iter().for_each(|f| names_of(&f.pat, names)),
        Pat::Tuple(tuple) => tuple.elems.iter().for_each(|p| names_of(p, names)),
        Pat::TupleStruct(value) => value.elems.iter().for_each(|p| names_of(p, names)),
        Pat::Type(inner) => names_of(&inner.pat, names),
        _ => {}
    }
}

/// The value that has the cache: what `on` says, or the first argument.
pub(crate) struct Holder {
    /// Ready to call a method of.
    pub(crate) expression: TokenStream,
    pub(crate) span: Span,
    /// The argument that it is, or that it is taken from.
    pub(crate) name: Option<Ident>,
}

impl Holder {
    pub(crate) fn of(on: Option<&Expr>, signature: &Signature) -> syn::Result<Self> {
        if let Some(on) = on {
            // In parentheses, as what is written may be `&self.database`. They stand where it
            // stands, but are not taken for the user's, who would be told that they are too many.
            let span = Span::mixed_site().located_at(on.span());
            return Ok(Self {
                expression: quote_spanned!(span=> (#on)),
                span,
                name: holder_of(on).cloned(),
            });
        }
        let missing = |span| {
            let text = "its cache is that of a database or a service: take `self` or one of them \
                as first argument, or say which with `on = ..`";
            syn::Error::new(span, text)
        };
        let first = signature.inputs.first().map(Argument::of);
        let first = first.ok_or_else(|| missing(signature.ident.span()))?;
        match first.names.as_slice() {
            [name] if !first.is_pattern => Ok(Self {
                expression: quote!(#name),
                span: Span::mixed_site().located_at(name.span()),
                name: Some(name.clone()),
            }),
            _ => Err(missing(first.span)),
        }
    }
}

/// The argument that an expression stands for: `db` of `&db`, and `self` of whatever is taken from
/// it. A part of another argument is not that argument: the rest of it may tell results apart.
fn holder_of(expression: &Expr) -> Option<&Ident> {
    match expression {
        Expr::Path(path) => path.path.get_ident(),
        Expr::Reference(reference) => holder_of(&reference.expr),
        Expr::Unary(unary) => holder_of(&unary.expr),
        Expr::Paren(inner) => holder_of(&inner.expr),
        Expr::Group(inner) => holder_of(&inner.expr),
        _ => root(expression).filter(|name| *name == "self"),
    }
}

/// The name that an expression begins with: `state` of `&state.database`.
fn root(expression: &Expr) -> Option<&Ident> {
    match expression {
        Expr::Path(path) => path.path.get_ident(),
        Expr::Field(field) => root(&field.base),
        Expr::Index(index) => root(&index.expr),
        Expr::MethodCall(call) => root(&call.receiver),
        Expr::Reference(reference) => root(&reference.expr),
        Expr::Unary(unary) => root(&unary.expr),
        Expr::Paren(inner) => root(&inner.expr),
        Expr::Group(inner) => root(&inner.expr),
        _ => None,
    }
}
