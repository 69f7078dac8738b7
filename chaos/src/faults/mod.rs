//! What happens to the workers and to their servers.

mod kind;
mod log;
mod schedule;
mod strike;

pub(crate) use kind::Kind;
pub(crate) use log::Log;
pub(crate) use schedule::Schedule;
pub(crate) use strike::Targets;
