//! `memcore control`: how control of a site is, why it did what it did, and what people wish for.

mod check;
mod simulate;
mod status;
mod why;
mod wish;

use clap::Subcommand;

pub(super) use self::why::Why;
use super::{Common, format};
use crate::error::Result;
use crate::runtime::LocalClient;

#[derive(Debug, Subcommand)]
pub(super) enum Control {
    Check(check::Check),
    Status(status::Status),
    Simulate(simulate::Simulate),
    Why(Why),
    Propose(wish::Propose),
    Withdraw(wish::Withdraw),
    /// Stop ordering: leases end, devices go to what is safe; it stays so over a restart of the server
    Pause,
    /// Order again
    Resume,
}

impl Control {
    pub(super) async fn run(&self, common: &Common) -> Result<u8> {
        match self {
            Self::Check(check) => check.run(common),
            Self::Status(status) => status.run(common).await,
            Self::Simulate(simulate) => simulate.run(),
            Self::Why(why) => why.run(common).await,
            Self::Propose(propose) => propose.run(common).await,
            Self::Withdraw(withdraw) => withdraw.run(common).await,
            Self::Pause => enable(common, false).await,
            Self::Resume => enable(common, true).await,
        }
    }
}

async fn enable(common: &Common, enabled: bool) -> Result<u8> {
    let changed = LocalClient::of(&common.config(None)?.path).set_control_enabled(enabled).await?;
    format::print(match (enabled, changed) {
        (true, true) => "control goes on",
        (true, false) => "control was not paused",
        (false, true) => "control is paused: `memcore control resume` lets it go on",
        (false, false) => "control is paused already",
    })?;
    Ok(0)
}
