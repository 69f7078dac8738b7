//! Writing to standard output: whole, without panicking at a closed pipe, with colours only
//! where a person sees them, and tables that fit a terminal.

use std::io::{ErrorKind, IsTerminal, Write};

use comfy_table::{Attribute, Cell, ColumnConstraint, ContentArrangement, Table, presets};
use serde::Serialize;

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

/// Writes one JSON object.
pub(crate) fn print_json(object: &impl Serialize, exit: Exit) -> Exit {
    match serde_json::to_string_pretty(object) {
        Ok(text) => print(&text, exit),
        Err(error) => {
            eprintln!("error: failed to write JSON: {error}");
            Exit::Failed
        }
    }
}

/// A table without lines. On a terminal it fits the width; into a file or a pipe each row is one
/// line.
pub(crate) fn plain_table(titles: &[&str], colours: bool) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_content_arrangement(match std::io::stdout().is_terminal() {
        true => ContentArrangement::Dynamic,
        false => ContentArrangement::Disabled,
    });
    table.set_header(titles.iter().map(|title| bold(Cell::new(title), colours)));
    // A key that is broken over two lines can neither be read nor copied.
    if let Some(keys) = table.column_mut(0) {
        keys.set_constraint(ColumnConstraint::ContentWidth);
    }
    table
}

/// Bold, where there are colours.
pub(crate) fn bold(cell: Cell, colours: bool) -> Cell {
    match colours {
        true => cell.add_attribute(Attribute::Bold),
        false => cell,
    }
}
