//! `#[cached]` and `#[cache_put]`: keep what an async function returns.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{ItemFn, LitStr, ReturnType};

use crate::arguments::{Arguments, Holder};
use crate::faults::Faults;
use crate::key::{Choice, Part};
use crate::options::{self, Options, Written};
use crate::returned::Returned;
use crate::{function, tag};

const OPTIONS: [&str; 13] = [
    "ttl",
    "stale_for",
    "stale_if_error",
    "tags",
    "key",
    "skip",
    "condition",
    "name",
    "on",
    "shared",
    "local",
    "allow_volatile",
    "skip_none",
];

/// Which of the two.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decorator {
    /// Runs the body if nothing is kept.
    Cached,
    /// Runs the body always.
    CachePut,
}

impl Decorator {
    fn name(self) -> &'static str {
        match self {
            Self::Cached => "cached",
            Self::CachePut => "cache_put",
        }
    }

    fn verb(self) -> &'static str {
        match self {
            Self::Cached => "run",
            Self::CachePut => "put",
        }
    }
}

pub(crate) fn expand(decorator: Decorator, written: TokenStream, item: TokenStream) -> TokenStream {
    let function = match function::parse(&item, decorator.name()) {
        Ok(function) => function,
        Err(refused) => return refused,
    };
    let mut faults = Faults::default();
    let options = Options::parse(decorator.name(), &OPTIONS, written, &mut faults);
    let call = call(decorator, &options, &function, &mut faults);
    match faults.into_error() {
        Some(error) => function::refused(error, &item),
        None => {
            let is_shared = options.flag("shared", &mut Faults::default());
            let method = Returned::of(&function.sig.output).method(decorator.verb(), is_shared);
            function::wrap(&function, &call, &method)
        }
    }
}

/// The builder of the call, told everything. Looks at all options, so that all that is wrong is
/// told at once.
fn call(
    decorator: Decorator,
    options: &Options,
    function: &ItemFn,
    faults: &mut Faults,
) -> TokenStream {
    let signature = &function.sig;
    if signature.asyncness.is_none() {
        let text = "a function whose result is kept waits for the cache, so it is async";
        faults.add(syn::Error::new(signature.fn_token.span, text));
    }
    if matches!(signature.output, ReturnType::Default) {
        let text = "this function returns nothing that could be kept";
        faults.add(syn::Error::new(signature.ident.span(), text));
    }
    let own = signature.ident.unraw();
    let name = options
        .read("name", faults, |option| options::word(option.text()?))
        .unwrap_or_else(|| LitStr::new(&own.to_string(), own.span()));
    let on = options.read("on", faults, Written::expression);
    let holder = faults.keep(Holder::of(on.as_ref(), signature));
    let arguments = Arguments::of(signature);
    let choice = Choice {
        key: options
            .span("key")
            .map(|_| options.list("key", faults, "(id, self.region)", Part::parse)),
        skip: options.list("skip", faults, "(token)", options::name),
    };
    let key = choice.told(&arguments, holder.as_ref(), faults);
    let tags = options.list("tags", faults, "(\"dish:{id}\")", options::text);
    // What is put belongs to this very call, so its tags may name anything.
    let skipped: &[Ident] = match decorator {
        Decorator::Cached => &choice.skip,
        Decorator::CachePut => &[],
    };
    let tags = tag::told(&tags, &arguments, skipped, faults);
    let settings = settings(options, function, faults);
    let Some(Holder {
        expression, span, ..
    }) = holder
    else {
        return TokenStream::new();
    };
    // Two functions of one name are two in two modules, and of two types, traits or functions that they
    // stand in: the compiler knows where that is. Those that were given a name share it wherever they
    // stand. With a receiver the compiler knows for which type, too.
    let place = if options.span("name").is_some() {
        quote!("")
    } else {
        quote!({
            fn larder_here() {}
            ::core::any::type_name_of_val(&larder_here)
        })
    };
    let owner = if signature.receiver().is_some() {
        quote!(::core::any::type_name::<Self>())
    } else {
        quote!("")
    };
    let function = quote!(.function(#place, #owner));
    let begun = quote_spanned!(span=> #expression.cached_call(#name));
    quote! {
        #begun #function #key #tags #settings
    }
}

/// Everything but key and tags. `skip_none` stands last, as it may change the builder's type.
fn settings(options: &Options, function: &ItemFn, faults: &mut Faults) -> TokenStream {
    let mut told = TokenStream::new();
    for name in ["ttl", "stale_for", "stale_if_error"] {
        let Some(nanos) = options.read(name, faults, Written::duration) else {
            continue;
        };
        let span = options.span(name).unwrap_or_else(Span::call_site);
        if name == "ttl" && nanos == 0 {
            let text = "a ttl of zero keeps nothing: leave the attribute out, or say how long";
            faults.add(syn::Error::new(span, text));
        }
        let method = Ident::new(name, Span::mixed_site().located_at(span));
        told.extend(quote!(.#method(::core::time::Duration::from_nanos(#nanos))));
    }
    if let Some(condition) = options.read("condition", faults, Written::condition) {
        let span = Span::mixed_site().located_at(condition.span());
        told.extend(quote_spanned!(span=> .condition(#condition)));
    }
    for (name, method) in [
        ("allow_volatile", "allow_volatile"),
        ("local", "local_only"),
        ("skip_none", "skip_none"),
    ] {
        if !options.flag(name, faults) {
            continue;
        }
        let span = options.span(name).unwrap_or_else(Span::call_site);
        if name == "skip_none" && Returned::of(&function.sig.output) == Returned::Plain {
            let text = "`skip_none` is for a function that returns an Option, or a Result of one";
            faults.add(syn::Error::new(span, text));
        }
        let method = Ident::new(method, Span::mixed_site().located_at(span));
        told.extend(quote!(.#method()));
    }
    if options.flag("shared", faults)
        && options.flag("local", &mut Faults::default())
        && let Some(span) = options.span("local")
    {
        let text = "`shared` puts it into Redis too and `local` does not: say one of them";
        faults.add(syn::Error::new(span, text));
    }
    told
}
