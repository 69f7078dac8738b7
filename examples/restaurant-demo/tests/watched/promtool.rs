//! Prometheus' own tool judges a page of metrics.

use std::io::Write;
use std::process::{Command, Stdio};

/// A name that OpenTelemetry gave. The tool takes what ends like that for a part of a histogram.
const ADVICE_NOT_TAKEN: &str = r#"db_client_connection_count non-histogram and non-summary metrics should not have "_count" suffix"#;

/// Fails unless it has nothing to say against the page.
pub(crate) fn check_metrics(page: &str) {
    let mut child = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| {
            panic!(
                "failed to start promtool: {error}; install Prometheus (apt-get install prometheus)"
            )
        });
    // It says nothing before it has read to the end.
    child
        .stdin
        .take()
        .unwrap()
        .write_all(page.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    let complaints = said.lines().map(str::trim).filter(|line| !line.is_empty());
    let complaints: Vec<&str> = complaints
        .filter(|line| *line != ADVICE_NOT_TAKEN)
        .collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
    // 3 is advice.
    assert!(matches!(output.status.code(), Some(0 | 3)), "{said}");
}
