//! Importing the restaurants, with a bar that shows how far it is.

use std::path::Path;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use larder::Larder;
use larder::services::import::{Import, ImportReport, RestaurantGenerator, RestaurantReader};

use crate::arguments::Arguments;
use crate::error::Error;

/// The generated restaurants are the same in every run, so that importing them again updates them.
const SEED: u64 = 7;

/// Imports the file, or what is generated in its place.
pub(crate) async fn import(larder: &Larder, arguments: &Arguments) -> Result<ImportReport, Error> {
    match &arguments.data {
        Some(path) => {
            let import = Import::from_csv(RestaurantReader::open(path)?);
            let bar = bar(size(path), "{bytes}/{total_bytes}", arguments.json);
            let job = larder.restaurants().import(import);
            let report = job
                .on_progress(|progress| bar.set_position(progress.bytes_read))
                .run()
                .await;
            bar.finish_and_clear();
            Ok(report?)
        }
        None => {
            let generator = RestaurantGenerator::new(arguments.generate, SEED);
            let bar = bar(
                arguments.generate,
                "{pos}/{len} restaurants",
                arguments.json,
            );
            let job = larder
                .restaurants()
                .import(Import::from_restaurants(generator));
            let report = job
                .on_progress(|progress| bar.set_position(progress.rows))
                .run()
                .await;
            bar.finish_and_clear();
            Ok(report?)
        }
    }
}

fn size(path: &Path) -> u64 {
    path.metadata().map_or(0, |metadata| metadata.len())
}

/// On standard error, and only on a terminal.
fn bar(length: u64, units: &str, json: bool) -> ProgressBar {
    let target = if json {
        ProgressDrawTarget::hidden()
    } else {
        ProgressDrawTarget::stderr()
    };
    let template = format!("importing {{wide_bar}} {units} {{eta}}");
    let style =
        ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(Some(length), target).with_style(style)
}
