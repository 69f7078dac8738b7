//! What a decorated function returns, as its signature says it.

use syn::{ReturnType, Type};

/// The kinds that are kept in different ways.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Returned {
    /// A `Result` of any kind: `Err` is not kept.
    Result,
    /// An `Option`.
    Option,
    /// Anything else.
    Plain,
}

impl Returned {
    /// By the last name of the type's path, so that a `Result` of one's own is one too.
    pub(crate) fn of(returned: &ReturnType) -> Self {
        let ReturnType::Type(_, returned) = returned else {
            return Self::Plain;
        };
        let mut returned = &**returned;
        loop {
            match returned {
                Type::Paren(inner) => returned = &inner.elem,
                Type::Group(inner) => returned = &inner.elem,
                Type::Path(path) => {
                    return match path.path.segments.last() {
                        Some(last) if last.ident == "Result" => Self::Result,
                        Some(last) if last.ident == "Option" => Self::Option,
                        _ => Self::Plain,
                    };
                }
                _ => return Self::Plain,
            }
        }
    }

    /// How the method is named that runs a body that returns this.
    pub(crate) fn method(self, verb: &str, is_shared: bool) -> String {
        let kind = match self {
            Self::Result => "",
            Self::Option => "_option",
            Self::Plain => "_plain",
        };
        let place = if is_shared { "_shared" } else { "" };
        format!("{verb}{kind}{place}")
    }
}
