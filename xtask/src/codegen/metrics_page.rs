//! The reference page of all metrics, from the table in `larder-metrics`.

use std::path::Path;

use super::Generated;
use crate::console::say;
use crate::error::Result;
use crate::process;
use crate::workspace;

/// Where it is, from the root of the workspace.
const PAGE: &str = "docs/metrics.md";

/// What the page should be. xtask is built in seconds because it depends on nothing of Larder, so
/// an example of the crate prints it.
pub(super) fn generate(root: &Path) -> Result<Generated> {
    say("metrics: writing down the table of larder-metrics");
    let mut command = workspace::hermetic_cargo();
    command.args(["run", "--quiet", "--package", "larder-metrics"]);
    command.args(["--example", "metrics_reference"]);
    Ok(Generated {
        path: root.join(PAGE),
        from: "the table of metrics",
        text: process::capture(&mut command)?,
    })
}
