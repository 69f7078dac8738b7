//! `larder cache status`: whether the log is there, and what is in it.

use clap::Args;
use comfy_table::Cell;
use larder_database::LogStatus;

use super::database::on_database;
use crate::exit::Exit;
use crate::output::{has_colours, plain_table, print, print_json};
use crate::settings::Settings;

const EXAMPLES: &str = "\
Examples:
  larder cache status
  larder cache status --json | jq .rows

What it says of rights is meant for the role in the URL of the database.";

/// Says whether the log of invalidations is there, what is in it, and which rights are missing.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Status {
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: Settings,
}

impl Status {
    pub(super) fn run(self) -> Exit {
        let json = self.json;
        on_database(self.settings, json, async |database| {
            let status = database.log_status().await?;
            Ok(match json {
                true => print_json(&status, Exit::Done),
                false => print(&page(&status, has_colours()), Exit::Done),
            })
        })
    }
}

fn page(status: &LogStatus, colours: bool) -> String {
    let mut table = plain_table(&["LOG", ""], colours);
    for (name, value) in rows(status) {
        table.add_row([Cell::new(name), Cell::new(value)]);
    }
    let mut page = table.trim_fmt();
    if let Err(error) = status.check() {
        page += &format!("\n\na service would fail to {error}");
    }
    page
}

fn rows(status: &LogStatus) -> Vec<(&'static str, String)> {
    let number = |number: Option<u64>| number.map_or("-".to_owned(), |number| number.to_string());
    let present = if status.present { "yes" } else { "no" };
    let rights: Vec<&str> = status
        .rights
        .iter()
        .map(|missing| missing.right.as_str())
        .collect();
    let version = status.version.map(|version| version.to_string());
    let mut rows = vec![
        ("present", present.to_owned()),
        ("role", status.role.clone()),
    ];
    if status.present {
        rows.extend([
            ("version", version.unwrap_or_else(|| "-".to_owned())),
            (
                "missing rights",
                match rights.is_empty() {
                    true => "none".to_owned(),
                    false => rights.join(", "),
                },
            ),
            (
                "warming",
                match &status.warming_cure {
                    None => "can be asked for".to_owned(),
                    Some(cure) => format!("cannot be asked for: run `{cure}`"),
                },
            ),
            ("rows", number(status.rows)),
            ("oldest", number(status.oldest)),
            ("newest", number(status.newest)),
            ("horizon", number(status.horizon)),
            (
                "epoch",
                status.epoch.clone().unwrap_or_else(|| "-".to_owned()),
            ),
        ]);
    }
    rows
}
