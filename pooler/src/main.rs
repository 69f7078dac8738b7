//! Works for minutes behind a pooler in transaction mode, with more clients than it has servers.
//!
//! `cargo xtask pooler` starts the servers and runs this program. Each client binds and reads
//! types that users have defined, in statements and in transactions, and reads on behalf of
//! tenants whose rows a policy of row-level security tells apart by a setting. No statement may
//! fail and no answer may be another's.
//! - [`arguments`]: the command line; [`report`]: what is told at the end.
//! - [`types`]: the types; [`work`]: the tables, and what a client does with them.
//! - [`run`](mod@run): the clients, from the start to the report.
//!
//! Exit codes: 0 no error, 1 errors, or something failed, 2 the arguments are wrong, 130
//! interrupted.

mod arguments;
mod error;
mod report;
mod run;
mod types;
mod work;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::Arguments;

const FAILED: u8 = 1;
const INTERRUPTED: u8 = 130;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.check_arguments {
        return ExitCode::SUCCESS;
    }
    let running = tokio::spawn(async move {
        let report = run::run(&arguments).await?;
        report.write(arguments.json)?;
        Ok::<_, error::Error>(report.is_clean())
    });
    let ended = tokio::select! {
        ended = running => ended,
        _ = tokio::signal::ctrl_c() => {
            eprintln!("interrupted");
            return ExitCode::from(INTERRUPTED);
        }
    };
    match ended {
        Ok(Ok(true)) => ExitCode::SUCCESS,
        Ok(Ok(false)) => ExitCode::from(FAILED),
        Ok(Err(error)) => {
            eprintln!("error: failed to {error}");
            ExitCode::from(FAILED)
        }
        // It has said why.
        Err(_) => ExitCode::from(FAILED),
    }
}
