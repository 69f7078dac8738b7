//! `larder cache install`: making the log, and granting the use of it.

use clap::Args;
use larder_database::Database;

use super::database::on_database;
use super::error::Error;
use crate::exit::Exit;
use crate::output::print;
use crate::settings::Settings;

const EXAMPLES: &str = "\
Examples:
  larder cache install                      in the database that a service would use here
  larder cache install --grant app          and let the role `app` use it
  DATABASE_URL=postgres://owner@db/shop larder cache install --grant app --grant jobs

It makes the schema `larder` and changes nothing else. Where that is there already, nothing is
done. A service with cache.install_log does the same at its start, if its role may.";

/// Makes the log of invalidations where it is missing, and grants roles the use of it.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Install {
    /// Let this role use the log as a service does. May be given several times.
    #[arg(long, value_name = "ROLE")]
    grant: Vec<String>,
    #[command(flatten)]
    settings: Settings,
}

impl Install {
    pub(super) fn run(self) -> Exit {
        let roles = self.grant;
        on_database(self.settings, false, async |database| {
            install(database, &roles).await
        })
    }
}

async fn install(database: &Database, roles: &[String]) -> Result<Exit, Error> {
    let mut text = match database.install_log().await? {
        true => "the log of invalidations was made: schema larder".to_owned(),
        false => "the log of invalidations is there already: nothing was changed".to_owned(),
    };
    for role in roles {
        database.grant_log(role).await?;
        text += &format!("\n{role} may use it");
    }
    Ok(print(&text, Exit::Done))
}
