//! `#[larder::test]`: an async test that is handed a database of its own.

use std::path::Path;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::parse::ParseStream;
use syn::spanned::Spanned;
use syn::{Expr, ExprLit, FnArg, ItemFn, Lit, LitInt, LitStr, Signature, Token, Type};

use crate::faults::Faults;
use crate::function;
use crate::options::{self, Options};

const OPTIONS: [&str; 4] = ["migrations", "flavor", "worker_threads", "settings"];

/// What a test takes, in a message.
const TAKES: &str = "what it works with: `larder: Larder`, `db: Database` or `test: TestDatabase`";

pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let function = match function::parse(&item, "larder::test") {
        Ok(function) => function,
        Err(refused) => return refused,
    };
    let mut faults = Faults::default();
    let test = Test::read(arguments, &function.sig, &mut faults);
    match faults.into_error() {
        Some(error) => function::refused(error, &item),
        None => test.wrap(&function),
    }
}

struct Test {
    migrations: Option<Expr>,
    multi_thread: bool,
    worker_threads: Option<LitInt>,
    settings: Vec<Setting>,
    takes: Vec<Type>,
}

/// `"pool.size" = 2`.
struct Setting {
    key: LitStr,
    value: Lit,
}

impl Test {
    /// Looks at everything, so that all that is wrong is told at once.
    fn read(arguments: TokenStream, signature: &Signature, faults: &mut Faults) -> Self {
        let options = Options::parse("larder::test", &OPTIONS, arguments, faults);
        let migrations = options.read("migrations", faults, |option| {
            let migrations = option.expression()?;
            check_path(&migrations).map(|()| migrations)
        });
        let flavor = options.read("flavor", faults, |option| flavor(&option.text()?));
        let multi_thread = flavor == Some(true);
        let worker_threads = options.read("worker_threads", faults, |option| {
            let number = option.expression()?;
            whole_number(&number)
        });
        if !multi_thread && let Some(number) = &worker_threads {
            let text = "`worker_threads` needs `flavor = \"multi_thread\"`";
            faults.add(syn::Error::new(number.span(), text));
        }
        let settings = options.list("settings", faults, "(\"pool.size\" = 2)", setting);
        Self {
            migrations,
            multi_thread,
            worker_threads,
            settings,
            takes: takes(signature, faults),
        }
    }

    fn wrap(&self, function: &ItemFn) -> TokenStream {
        let ItemFn {
            attrs,
            vis,
            sig,
            block,
        } = function;
        let (name, returned) = (&sig.ident, &sig.output);
        let inputs = &sig.inputs;
        let text = name.to_string();
        let case = self.case(&text);
        let migrations = self.source();
        let fixture = Ident::new("fixture", Span::mixed_site());
        let given = self.takes.iter().map(|kind| {
            quote_spanned! {kind.span()=>
                <#kind as ::larder::testing::FromTest<'_>>::from_test(#fixture)
            }
        });
        quote! {
            #[::core::prelude::v1::test]
            #(#attrs)*
            #vis fn #name() #returned {
                async fn #name(#inputs) #returned #block
                ::larder::testing::run(
                    #case,
                    #migrations,
                    async |#fixture: &::larder::testing::TestFixture| {
                        #name(#(#given),*).await
                    },
                )
            }
        }
    }

    fn case(&self, name: &str) -> TokenStream {
        let settings = self
            .settings
            .iter()
            .map(|Setting { key, value }| quote!(.set(#key, #value)));
        let threads = match (&self.worker_threads, self.multi_thread) {
            (Some(number), _) => quote!(.threads(::core::option::Option::Some(#number))),
            (None, true) => quote!(.threads(::core::option::Option::None)),
            (None, false) => TokenStream::new(),
        };
        quote! {
            ::larder::testing::TestCase::new(
                ::core::concat!(::core::module_path!(), "::", #name)
            ) #threads #(#settings)*
        }
    }

    /// What the database is migrated with: a directory of the crate, read when the test runs, or
    /// whatever an expression gives.
    fn source(&self) -> TokenStream {
        match &self.migrations {
            None => quote!(::larder::testing::no_migrations()),
            Some(Expr::Lit(ExprLit {
                lit: Lit::Str(path),
                ..
            })) => quote! {
                ::larder::testing::migrations_in(
                    ::core::concat!(::core::env!("CARGO_MANIFEST_DIR"), "/", #path)
                )
            },
            Some(expression) => quote!(#expression),
        }
    }
}

/// That the directory of the migrations is there.
fn check_path(migrations: &Expr) -> syn::Result<()> {
    let Expr::Lit(ExprLit { lit, .. }) = migrations else {
        return Ok(());
    };
    let Lit::Str(path) = lit else {
        let text =
            "`migrations` is a directory, as in \"migrations\", or an expression that gives them";
        return Err(syn::Error::new(lit.span(), text));
    };
    let root = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default();
    if Path::new(&root).join(path.value()).is_dir() {
        return Ok(());
    }
    let text = format!(
        "there is no directory {:?} beside the Cargo.toml of this crate",
        path.value()
    );
    Err(syn::Error::new(path.span(), text))
}

/// Whether it is the one of several threads.
fn flavor(text: &LitStr) -> syn::Result<bool> {
    match &*text.value() {
        "multi_thread" => Ok(true),
        "current_thread" => Ok(false),
        other => {
            let text_of = format!(
                "there is no flavor {other:?}, there are \"multi_thread\" and \"current_thread\""
            );
            Err(syn::Error::new(text.span(), text_of))
        }
    }
}

fn whole_number(number: &Expr) -> syn::Result<LitInt> {
    match number {
        Expr::Lit(ExprLit {
            lit: Lit::Int(number),
            ..
        }) if number
            .base10_parse::<usize>()
            .is_ok_and(|number| number > 0) =>
        {
            Ok(number.clone())
        }
        other => {
            let text = "`worker_threads` is a number from 1, as in `worker_threads = 2`";
            Err(syn::Error::new(other.span(), text))
        }
    }
}

fn setting(input: ParseStream<'_>) -> syn::Result<Setting> {
    let key = options::text(input)?;
    let fault = || syn::Error::new(key.span(), "a setting is written `\"pool.size\" = 2`");
    input.parse::<Token![=]>().map_err(|_| fault())?;
    let value = input.parse().map_err(|_| fault())?;
    Ok(Setting { key, value })
}

/// The types of the arguments.
fn takes(signature: &Signature, faults: &mut Faults) -> Vec<Type> {
    if signature.asyncness.is_none() {
        let text = "a test that asks a database is async";
        faults.add(syn::Error::new(signature.fn_token.span, text));
    }
    if let Some(parameter) = signature.generics.params.first() {
        let text = "a test has no generic parameters: nobody would say what they are";
        faults.add(syn::Error::new(parameter.span(), text));
    }
    if signature.inputs.is_empty() {
        let text = format!("the test takes nothing; it takes {TAKES}");
        faults.add(syn::Error::new(signature.ident.span(), text));
    }
    let mut takes = Vec::new();
    for argument in &signature.inputs {
        match argument {
            FnArg::Typed(argument) => takes.push((*argument.ty).clone()),
            FnArg::Receiver(receiver) => {
                let text = format!("a test has no `self`; it takes {TAKES}");
                faults.add(syn::Error::new(receiver.self_token.span, text));
            }
        }
    }
    takes
}
