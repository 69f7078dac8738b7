//! `larder config`: the settings as a service would load them here and now.

use clap::{Args, Subcommand};
use comfy_table::{Attribute, Cell, Color};
use larder_config::{Config, Error, Setting};
use serde_json::json;

use crate::exit::Exit;
use crate::output::{bold, has_colours, plain_table, print};
use crate::settings::Settings;

/// The settings as a service would load them here and now.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Show(Show),
}

const EXAMPLES: &str = "\
Examples:
  larder config show                                what holds here and now
  larder config show --profile prod                 what would hold in production
  larder config show --file deploy/larder.toml      with another file
  larder config show --json | jq '.settings[\"pool.size\"]'

The profile is taken from LARDER_PROFILE, else FLASK_ENV, else it is dev.
The file is taken from LARDER_CONFIG, else larder.toml in the working directory where it exists.
Passwords are shown as ***. If anything is wrong, all of it is printed, and the exit code is 2.";

/// Prints every setting with its value and where that came from.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
struct Show {
    #[command(flatten)]
    settings: Settings,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs a command of `larder config`.
pub(crate) fn run(arguments: Arguments) -> Exit {
    match arguments.command {
        Command::Show(show) => show.run(),
    }
}

impl Show {
    fn run(self) -> Exit {
        match (self.settings.load(), self.json) {
            (Ok(config), true) => print_json(&config),
            (Ok(config), false) => print(&page(&config, has_colours()), Exit::Done),
            (Err(error), true) => print_faults_json(&error),
            (Err(error), false) => {
                eprintln!("error: failed to {error}");
                Exit::Misconfigured
            }
        }
    }
}

fn print_json(config: &Config) -> Exit {
    match serde_json::to_string_pretty(config) {
        Ok(text) => print(&text, Exit::Done),
        Err(error) => {
            eprintln!("error: failed to write the configuration as JSON: {error}");
            Exit::Failed
        }
    }
}

fn print_faults_json(error: &Error) -> Exit {
    let summary = error.to_string();
    let summary = summary.lines().next().unwrap_or_default();
    let object = json!({
        "error": format!("failed to {summary}"),
        "faults": error.faults(),
    });
    print(&format!("{object:#}"), Exit::Misconfigured)
}

/// The whole page: profile and file, the table, the notices.
fn page(config: &Config, colours: bool) -> String {
    let mut page = format!(
        "profile  {} ({})\n",
        config.profile(),
        config.profile_source()
    );
    page += &match config.file() {
        Some(file) => format!("file     {}\n\n", file.display()),
        None => "file     none\n\n".to_owned(),
    };
    page += &table(config, colours);
    if !config.notices().is_empty() {
        page += "\n\nnotices";
        for notice in config.notices() {
            page += &format!("\n  {notice}");
        }
    }
    page
}

/// One row per setting, an empty row between sections. On a terminal it fits the width; into a
/// file or a pipe each setting is one line.
fn table(config: &Config, colours: bool) -> String {
    let mut table = plain_table(&["KEY", "VALUE", "SOURCE"], colours);
    let mut section = None;
    for setting in config.settings() {
        let current = setting.key.split('.').next();
        if section.is_some() && section != current {
            table.add_row(["", "", ""]);
        }
        section = current;
        table.add_row(row(setting, colours));
    }
    table.trim_fmt()
}

/// What the user set stands out; what is built in stands back.
fn row(setting: &Setting, colours: bool) -> [Cell; 3] {
    let key = Cell::new(setting.key);
    let value = Cell::new(&setting.value);
    let source = Cell::new(&setting.source);
    match (colours, setting.source.is_explicit()) {
        (false, _) => [key, value, source],
        (true, true) => [key, bold(value, colours), source.fg(Color::Cyan)],
        (true, false) => [key, value, source.add_attribute(Attribute::Dim)],
    }
}
