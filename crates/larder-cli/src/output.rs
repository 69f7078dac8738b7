//! Writing to standard output: whole, without panicking at a closed pipe, with colours only
//! where a person sees them.

use std::io::{ErrorKind, IsTerminal, Write};

use crate::exit::Exit;

/// Writes text and a newline. A reader that went away, such as `head`, is not a failure.
pub(crate) fn print(text: &str, exit: Exit) -> Exit {
    let mut stdout = std::io::stdout().lock();
    let written = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
    match written {
        Ok(()) => exit,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => exit,
        Err(error) => {
            eprintln!("error: failed to write to standard output: {error}");
            Exit::Failed
        }
    }
}

/// Whether standard output is a terminal whose user did not ask for no colours.
pub(crate) fn has_colours() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !refused && std::io::stdout().is_terminal()
}

/// Whether standard output is a terminal, whose width a table should fit.
pub(crate) fn is_terminal() -> bool {
    std::io::stdout().is_terminal()
}
