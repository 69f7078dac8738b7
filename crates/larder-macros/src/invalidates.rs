//! `#[invalidates]`: after the body, what it changed is no longer kept.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Expr, ItemFn, LitStr, Token};

use crate::arguments::{Arguments, Holder};
use crate::faults::Faults;
use crate::key::Part;
use crate::options::{self, Options, Written};
use crate::returned::Returned;
use crate::{function, tag};

const OPTIONS: [&str; 8] = [
    "tags",
    "tables",
    "service",
    "calls",
    "everything",
    "condition",
    "before",
    "on",
];

/// Those of the options that say what is invalidated.
const TARGETS: [&str; 5] = ["tags", "tables", "service", "calls", "everything"];

pub(crate) fn expand(written: TokenStream, item: TokenStream) -> TokenStream {
    let function = match function::parse(&item, "invalidates") {
        Ok(function) => function,
        Err(refused) => return refused,
    };
    let mut faults = Faults::default();
    let options = Options::parse("invalidates", &OPTIONS, written, &mut faults);
    let call = call(&options, &function, &mut faults);
    match faults.into_error() {
        Some(error) => function::refused(error, &item),
        None => {
            let method = Returned::of(&function.sig.output).method("run", false);
            function::wrap(&function, &call, &method)
        }
    }
}

fn call(options: &Options, function: &ItemFn, faults: &mut Faults) -> TokenStream {
    let signature = &function.sig;
    if signature.asyncness.is_none() {
        let text = "a function that invalidates waits for the cache, so it is async";
        faults.add(syn::Error::new(signature.fn_token.span, text));
    }
    let is_told = TARGETS.iter().any(|name| options.span(name).is_some());
    if !is_told && !faults.are_there() {
        let text = "say what is no longer right after it: `tags(..)`, `tables(..)`, \
            `service = ..`, `calls(..)` or `everything`";
        faults.add(syn::Error::new(Span::call_site(), text));
    }
    let on = options.read("on", faults, Written::expression);
    let holder = faults.keep(Holder::of(on.as_ref(), signature));
    let arguments = Arguments::of(signature);
    let tags = options.list("tags", faults, "(\"dish:{id}\")", options::text);
    let tags = tag::told(&tags, &arguments, &[], faults);
    let targets = targets(options, &arguments, faults);
    let condition = options
        .read("condition", faults, Written::condition)
        .map(|condition| {
            let span = Span::mixed_site().located_at(condition.span());
            quote_spanned!(span=> .condition(#condition))
        });
    let before = options.flag("before", faults).then(|| quote!(.before()));
    let Some(Holder {
        expression, span, ..
    }) = holder
    else {
        return TokenStream::new();
    };
    let name = LitStr::new(&signature.ident.unraw().to_string(), signature.ident.span());
    quote_spanned! {span=>
        #expression.invalidating_call(#name) #tags #targets #condition #before
    }
}

/// Tables, services, calls and everything.
fn targets(options: &Options, arguments: &Arguments, faults: &mut Faults) -> TokenStream {
    let mut told = TokenStream::new();
    for table in options.list("tables", faults, "(\"dishes\")", options::text) {
        told.extend(quote!(.table(#table)));
    }
    if let Some(service) = options.read("service", faults, service) {
        told.extend(service);
    }
    for call in options.list("calls", faults, "(\"menu\"(restaurant))", Call::parse) {
        let Call { name, parts } = call;
        told.extend(quote!(.call(#name)));
        for part in &parts {
            faults.keep(arguments.check(&part.root));
            told.extend(part.told(arguments));
        }
    }
    if options.flag("everything", faults) {
        told.extend(quote!(.everything()));
    }
    told
}

/// `service = "menus"` or `service = this_service`.
fn service(option: &Written) -> syn::Result<TokenStream> {
    if let Ok(name) = option.text() {
        return options::word(name).map(|name| quote!(.service(#name)));
    }
    match option.expression()? {
        Expr::Path(path) if path.path.is_ident("this_service") => Ok(quote!(.this_service())),
        other => Err(syn::Error::new(
            other.span(),
            "a service is its name in quotes, or `this_service`",
        )),
    }
}

/// `"menu"(restaurant, limit)`: the call of a cached function.
struct Call {
    name: LitStr,
    parts: Vec<Part>,
}

impl Call {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let name = options::word(input.parse()?)?;
        if !input.peek(syn::token::Paren) {
            let text = "say with which arguments it was called, like \"menu\"(restaurant)";
            return Err(syn::Error::new(name.span(), text));
        }
        let parts;
        syn::parenthesized!(parts in input);
        let parts = Punctuated::<Part, Token![,]>::parse_terminated_with(&parts, Part::parse)?;
        Ok(Self {
            name,
            parts: parts.into_iter().collect(),
        })
    }
}
