//! A tag's text, with arguments in braces: `"menu:{restaurant}"`, `"{id:04}"`, `"{self.region}"`.

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::{Ident, LitStr};

use crate::arguments::Arguments;
use crate::faults::Faults;
use crate::key::Part;

/// A text for `format!`, taken from a tag.
struct Format {
    text: String,
    /// Fields of arguments, which `format!` does not take inside of its text.
    fields: Vec<Part>,
    /// The arguments that are in it.
    names: Vec<Ident>,
}

/// The calls that tell the builder its tags. An argument that is `skipped` cannot be in one.
pub(crate) fn told(
    tags: &[LitStr],
    arguments: &Arguments,
    skipped: &[Ident],
    faults: &mut Faults,
) -> TokenStream {
    let mut told = TokenStream::new();
    for tag in tags {
        let Some(format) = faults.keep(parse(tag, arguments)) else {
            continue;
        };
        if let Some(name) = format.names.iter().find(|name| skipped.contains(name)) {
            let text = format!(
                "`{name}` is skipped, so one entry serves calls with any of it, and its tags \
                 cannot name it: leave it out of the tag, or put it into the key"
            );
            faults.add(syn::Error::new(tag.span(), text));
        }
        let text = LitStr::new(&format.text, tag.span());
        let fields = format.fields.iter().map(Part::expression);
        let span = Span::mixed_site().located_at(tag.span());
        told.extend(
            if format.names.is_empty() && !format.text.contains(['{', '}']) {
                quote_spanned!(span=> .tag(::std::string::String::from(#text)))
            } else {
                quote_spanned!(span=> .tag(::std::format!(#text #(, #fields)*)))
            },
        );
    }
    told
}

fn parse(tag: &LitStr, arguments: &Arguments) -> syn::Result<Format> {
    let written = tag.value();
    let mut format = Format {
        text: String::new(),
        fields: Vec::new(),
        names: Vec::new(),
    };
    let mut rest = written.as_str();
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        format.text.push_str(before);
        if from.starts_with("{{") || from.starts_with("}}") {
            format.text.push_str(&from[..2]);
            rest = &from[2..];
            continue;
        }
        let Some((inside, after)) = from[1..].split_once('}').filter(|_| from.starts_with('{'))
        else {
            let text = "a brace in this tag has no partner; a brace itself is written twice";
            return Err(syn::Error::new(tag.span(), text));
        };
        let (name, shape) = match inside.find(':') {
            Some(colon) => inside.split_at(colon),
            None => (inside, ""),
        };
        format.add(name.trim(), shape, tag, arguments)?;
        rest = after;
    }
    format.text.push_str(rest);
    Ok(format)
}

impl Format {
    fn add(
        &mut self,
        name: &str,
        shape: &str,
        tag: &LitStr,
        arguments: &Arguments,
    ) -> syn::Result<()> {
        if name.chars().all(|letter| letter.is_ascii_digit()) {
            let text = "a tag takes arguments by their names, like `{id}`";
            return Err(syn::Error::new(tag.span(), text));
        }
        let root = name.split('.').next().unwrap_or(name).trim();
        match arguments.find_text(root) {
            Some(argument) => self.names.push(argument.clone()),
            // A constant, which the compiler knows.
            None if name.starts_with(|first: char| first.is_ascii_uppercase()) => {}
            None => return Err(arguments.unknown(root, tag.span())),
        }
        if name.contains('.') {
            let field = LitStr::new(name, tag.span()).parse_with(Part::parse)?;
            self.text
                .push_str(&format!("{{{}{shape}}}", self.fields.len()));
            self.fields.push(field);
        } else {
            self.text.push_str(&format!("{{{name}{shape}}}"));
        }
        Ok(())
    }
}
