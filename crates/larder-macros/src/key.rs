//! What tells the calls of a decorated function apart.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{Ident, Member, Token};

use crate::arguments::{Argument, Arguments, Holder};
use crate::faults::Faults;

/// An argument, or a field of one: `restaurant`, `self.region`.
pub(crate) struct Part {
    pub(crate) root: Ident,
    fields: Vec<Member>,
}

impl Part {
    /// As it stands in a list or in a tag.
    pub(crate) fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let root = input.call(Ident::parse_any)?;
        let mut fields = Vec::new();
        while input.parse::<Option<Token![.]>>()?.is_some() {
            fields.push(input.parse()?);
        }
        if !input.is_empty() && !input.peek(Token![,]) {
            let text = "this is not an argument or a field of one, like `id` or `self.region`";
            return Err(input.error(text));
        }
        Ok(Self { root, fields })
    }

    pub(crate) fn expression(&self) -> TokenStream {
        let Self { root, fields } = self;
        quote!(#root #(.#fields)*)
    }

    /// Tells the call of it. The error for a type without `Hash` points at it.
    pub(crate) fn told(&self, arguments: &Arguments) -> TokenStream {
        let value = self.expression();
        let span = Span::mixed_site().located_at(self.root.span());
        let told = quote_spanned!(span=> .argument(&#value));
        let argument = arguments.find(&self.root);
        // Values of different types may be hashed alike, and then their results must not be mixed.
        match argument {
            Some(argument) if argument.is_impl && self.fields.is_empty() => quote_spanned! {span=>
                #told .argument(::core::any::type_name_of_val(&#value))
            },
            _ => told,
        }
    }
}

/// What `key(..)` and `skip(..)` say.
pub(crate) struct Choice {
    pub(crate) key: Option<Vec<Part>>,
    pub(crate) skip: Vec<Ident>,
}

impl Choice {
    /// The calls that tell the builder all parts of the key.
    pub(crate) fn told(
        &self,
        arguments: &Arguments,
        holder: Option<&Holder>,
        faults: &mut Faults,
    ) -> TokenStream {
        self.check(arguments, faults);
        let parts = match &self.key {
            Some(parts) => parts.iter().map(|part| part.told(arguments)).collect(),
            None => self.all(arguments, holder, faults),
        };
        let is_told = |name: &&Ident| !self.skips(name);
        let types = arguments.types.iter().filter(is_told).map(|name| {
            let span = Span::mixed_site().located_at(name.span());
            quote_spanned!(span=> .argument(::core::any::type_name::<#name>()))
        });
        let constants = arguments.constants.iter().filter(is_told).map(|name| {
            let span = Span::mixed_site().located_at(name.span());
            quote_spanned!(span=> .argument(&#name))
        });
        quote!(#parts #(#types)* #(#constants)*)
    }

    pub(crate) fn skips(&self, name: &Ident) -> bool {
        self.skip.iter().any(|skipped| skipped == name)
    }

    fn check(&self, arguments: &Arguments, faults: &mut Faults) {
        for name in &self.skip {
            let generic = arguments.types.iter().chain(&arguments.constants);
            if !generic.into_iter().any(|own| own == name) {
                faults.keep(arguments.check(name));
            }
        }
        for part in self.key.iter().flatten() {
            faults.keep(arguments.check(&part.root));
            if self.skips(&part.root) {
                let text = format!(
                    "`{}` is in the key and is skipped: say one of them",
                    part.root
                );
                faults.add(syn::Error::new(part.root.span(), text));
            }
        }
    }

    /// Every argument but the holder and what is skipped.
    fn all(
        &self,
        arguments: &Arguments,
        holder: Option<&Holder>,
        faults: &mut Faults,
    ) -> TokenStream {
        let mut told = TokenStream::new();
        // Its fault is told already, and the first argument may be what was meant.
        let Some(holder) = holder else {
            return told;
        };
        let holder = holder.name.as_ref();
        for argument in &arguments.all {
            if holder.is_some_and(|holder| argument.names.contains(holder)) {
                continue;
            }
            match self.part(argument) {
                Ok(Some(part)) => told.extend(part.told(arguments)),
                Ok(None) => {}
                Err(fault) => faults.add(fault),
            }
        }
        told
    }

    fn part(&self, argument: &Argument) -> syn::Result<Option<Part>> {
        if argument.names.iter().all(|name| self.skips(name)) {
            // Also `_`, which the body cannot see.
            return Ok(None);
        }
        match argument.names.as_slice() {
            [name] if !argument.is_pattern => Ok(Some(Part {
                root: name.clone(),
                fields: Vec::new(),
            })),
            _ => Err(syn::Error::new(
                argument.span,
                "a pattern is no part of a key: name the argument and take it apart in the body, \
                 or name what tells results apart with `key(..)` or what does not with `skip(..)`",
            )),
        }
    }
}
