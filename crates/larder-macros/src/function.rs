//! The function that an attribute is put on, and its body as a future.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Block, ItemFn, ReturnType, Type};

/// The function, or what stands in its place if there is none: the error and what was written.
pub(crate) fn parse(item: &TokenStream, attribute: &str) -> Result<ItemFn, TokenStream> {
    syn::parse2(item.clone()).map_err(|error| {
        let problem = format!("#[{attribute}] is put on an async function that has a body");
        refused(syn::Error::new(error.span(), problem), item)
    })
}

/// The error with the function itself, so that its callers are not at fault too.
pub(crate) fn refused(error: syn::Error, item: &TokenStream) -> TokenStream {
    let error = error.to_compile_error();
    quote!(#error #item)
}

/// The body as a block of its own that knows what it returns.
pub(crate) fn body(block: &Block, returned: Option<&Type>) -> TokenStream {
    let statements = &block.stmts;
    let known_type = returned.map(known_type);
    quote!(async move { #known_type #(#statements)* })
}

/// The function again, with a builder that its body is run by. The builder is made before the
/// body, which may take the arguments.
pub(crate) fn wrap(function: &ItemFn, builder: &TokenStream, method: &str) -> TokenStream {
    let ItemFn {
        attrs,
        vis,
        sig,
        block,
    } = function;
    let (returned, span) = match &sig.output {
        ReturnType::Default => (None, sig.ident.span()),
        ReturnType::Type(_, returned) => (Some(&**returned), returned.span()),
    };
    let body = body(block, returned);
    // What a returned type lacks is told of where it is written.
    let method = Ident::new(method, Span::mixed_site().located_at(span));
    // A name that neither the body nor the arguments can see.
    let call = Ident::new("call", Span::mixed_site());
    let run = quote_spanned!(span=> #call.#method(#body).await);
    quote! {
        #(#attrs)*
        #vis #sig {
            let #call = #builder;
            #run
        }
    }
}

/// A statement that never runs. It tells the compiler what the block returns: without it, a
/// `?` in the block would not know its error.
fn known_type(returned: &Type) -> TokenStream {
    let never = Ident::new("never", Span::mixed_site());
    if mentions_impl(quote!(#returned)) {
        return TokenStream::new();
    }
    // Not `expect`: which of these lints would fire depends on the user's function and settings.
    quote_spanned! {returned.span()=>
        #[allow(
            unknown_lints,
            unreachable_code,
            clippy::allow_attributes,
            clippy::diverging_sub_expression,
            clippy::empty_loop,
            clippy::needless_return,
            clippy::unreachable
        )]
        if false {
            let #never: #returned = loop {};
            return #never;
        }
    }
}

/// Whether a type has an `impl Trait` in it, which no variable may have.
pub(crate) fn mentions_impl(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(word) => word == "impl",
        TokenTree::Group(group) => mentions_impl(group.stream()),
        _ => false,
    })
}
