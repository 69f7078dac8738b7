//! Lanes: connections that many reads share at the same time.
//!
//! A single statement that only reads needs no connection of its own, because the protocol
//! pipelines: it is sent behind others, and answered in its turn. A few lanes carry such reads,
//! and the pool is left for transactions and for everything else.
//!
//! A lane must not let one statement hold up the rest. So the task that drives its connection
//! drains every answer as it comes ([`replies`]), whoever waits for it; what is too large or too
//! slow goes to the pool, at once and from then on ([`statements`]); whoever waits behind such a
//! one is sent there too ([`keeper`]); and no request to cancel is ever sent, because it could hit
//! a neighbour. Whatever goes wrong with a lane, a read can run again ([`judgement`]).

mod group;
mod judgement;
mod keeper;
mod lane;
mod moment;
mod options;
mod read;
mod reader;
mod replies;
mod request;
mod rows;
mod statements;
mod status;
mod turn;
mod watched;

pub use self::group::LANE_SUFFIX;
pub use self::options::LaneOptions;
pub use self::reader::Reader;
pub use self::rows::ReaderRows;
pub use self::status::{BypassReason, LaneStatus};
pub use self::turn::{LaneFailure, LaneRows, LaneTurn};

pub(crate) use self::group::Lanes;
pub(crate) use self::replies::{Drain, Replies};
