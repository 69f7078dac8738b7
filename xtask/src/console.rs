//! What xtask says: results on standard output, everything else on standard error.
//!
//! A reader that has gone away is no reason to stop half-way with servers
//! running, so failed writes are ignored.

use std::io::Write;

/// Tells the user something, on standard error.
pub(crate) fn say(text: &str) {
    let mut stream = std::io::stderr().lock();
    let _ = writeln!(stream, "xtask: {text}");
}

/// Prints a result, on standard output, as it is.
pub(crate) fn print(text: &str) {
    let mut stream = std::io::stdout().lock();
    let _ = stream.write_all(text.as_bytes());
    let _ = stream.flush();
}
