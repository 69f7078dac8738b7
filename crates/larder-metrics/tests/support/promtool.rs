//! Prometheus' own tool, which judges what Larder shows and what stands in `ops/`.

use std::io::Write;
use std::process::{Command, Output, Stdio};

/// Runs it with these arguments and this input, to its end.
pub(crate) fn promtool(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new("promtool")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| {
            panic!(
                "failed to start promtool: {error}; it comes with Prometheus \
                 (apt-get install prometheus, brew install prometheus)"
            )
        });
    let mut stdin = child.stdin.take().unwrap();
    let written = std::thread::scope(|scope| {
        // Beside reading what it says: neither side waits for the other.
        let writer = scope.spawn(move || stdin.write_all(input.as_bytes()));
        let output = child.wait_with_output().unwrap();
        (writer.join().unwrap(), output)
    });
    let (_, output) = written;
    output
}

/// What it said, both ways.
pub(crate) fn said(output: &Output) -> String {
    let (out, error) = (&output.stdout, &output.stderr);
    String::from_utf8_lossy(out).into_owned() + &String::from_utf8_lossy(error)
}
