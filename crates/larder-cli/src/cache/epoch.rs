//! `larder cache renew-epoch`: nothing that was cached before counts any more.

use clap::Args;

use super::database::on_database;
use crate::exit::Exit;
use crate::output::print;
use crate::settings::Settings;

const EXAMPLES: &str = "\
Examples:
  larder cache renew-epoch                  after a restore from a backup
  larder cache renew-epoch --profile prod

Every process drops all that it has cached, at its next poll, and accepts nothing from Redis that
is older. A restored database is another one, also where its tables look the same.";

/// Makes everything that was cached before count no more: to be run after a restore.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct RenewEpoch {
    #[command(flatten)]
    settings: Settings,
}

impl RenewEpoch {
    pub(super) fn run(self) -> Exit {
        on_database(self.settings, false, async |database| {
            if !database.log_status().await?.present {
                database.check_log().await?;
            }
            let epoch: String = database
                .sql("SELECT larder.renew_epoch()::text")
                .fetch_scalar()
                .await?;
            Ok(print(&format!("the epoch is now {epoch}"), Exit::Done))
        })
    }
}
