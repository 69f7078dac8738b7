//! `#[operation("name")]`: puts the body of an async function into its service's operation.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{FnArg, ItemFn, LitStr, Pat, ReturnType, Signature, Type};

use crate::faults::Faults;
use crate::function;

/// How the attribute is written.
const FORM: &str = "the name of the operation is missing: #[operation(\"name\")]";

pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let function = match function::parse(&item, "operation") {
        Ok(function) => function,
        Err(refused) => return refused,
    };
    match check(arguments, &function.sig) {
        Ok(operation) => operation.wrap(&function),
        Err(error) => function::refused(error, &item),
    }
}

/// A function that can be an operation.
struct Operation {
    name: LitStr,
    /// The value that has the service: `self`, or the first argument.
    holder: Ident,
    returned: Type,
}

/// Looks at everything, so that all that is wrong is told at once.
fn check(arguments: TokenStream, signature: &Signature) -> syn::Result<Operation> {
    let mut faults = Faults::default();
    if signature.asyncness.is_none() {
        let text = "an operation is counted while it runs, so its function is async";
        faults.add(syn::Error::new(signature.fn_token.span, text));
    }
    let name = faults.keep(name(arguments));
    let holder = faults.keep(holder(signature));
    let returned = faults.keep(returned(signature));
    match (name, holder, returned, faults.into_error()) {
        (Some(name), Some(holder), Some(returned), None) => Ok(Operation {
            name,
            holder,
            returned,
        }),
        (.., Some(error)) => Err(error),
        _ => Err(syn::Error::new(Span::call_site(), FORM)),
    }
}

fn name(arguments: TokenStream) -> syn::Result<LitStr> {
    if arguments.is_empty() {
        return Err(syn::Error::new(Span::call_site(), FORM));
    }
    let name: LitStr =
        syn::parse2(arguments).map_err(|error| syn::Error::new(error.span(), FORM))?;
    let text = name.value();
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    if text.is_empty() {
        return Err(syn::Error::new(
            name.span(),
            "the name of the operation is empty",
        ));
    }
    if !text.chars().all(is_word) {
        let rule = "the name of an operation consists of letters, digits and underscores";
        return Err(syn::Error::new(name.span(), rule));
    }
    Ok(name)
}

fn holder(signature: &Signature) -> syn::Result<Ident> {
    let missing = |span| {
        let text =
            "an operation belongs to a service: take `self`, or the service as first argument";
        syn::Error::new(span, text)
    };
    match signature.inputs.first() {
        None => Err(missing(signature.ident.span())),
        Some(FnArg::Receiver(receiver)) => Ok(Ident::new("self", receiver.self_token.span)),
        Some(FnArg::Typed(argument)) => match &*argument.pat {
            Pat::Ident(name) => Ok(name.ident.clone()),
            pattern => Err(missing(pattern.span())),
        },
    }
}

fn returned(signature: &Signature) -> syn::Result<Type> {
    match &signature.output {
        ReturnType::Type(_, returned) => Ok((**returned).clone()),
        ReturnType::Default => Err(syn::Error::new(
            signature.ident.span(),
            "an operation returns a Result, so that its errors can be counted",
        )),
    }
}

impl Operation {
    fn wrap(&self, function: &ItemFn) -> TokenStream {
        let Self { name, holder, .. } = self;
        let ItemFn {
            attrs,
            vis,
            sig,
            block,
        } = function;
        let body = function::body(block, Some(&self.returned));
        // What the value lacks is told of where the operation is declared, and that it returns no
        // Result where it says what it returns.
        let service = Ident::new("service", name.span());
        let operation = Ident::new("operation", name.span());
        // A name that the body cannot see, as it may have its own `service`.
        let base = Ident::new("base", Span::mixed_site());
        let run = quote_spanned! {self.returned.span()=>
            #base.#operation(#name, #body).await
        };
        quote! {
            #(#attrs)*
            #vis #sig {
                // A clone, because the body may take the value itself.
                let #base = ::core::clone::Clone::clone(#holder.#service());
                #run
            }
        }
    }
}
