//! `memcore control propose` and `withdraw`.

use clap::Args;

use super::super::{Common, format};
use crate::error::{Error, Result};
use crate::model::{Name, Span, Unit};
use crate::runtime::{AssetRole as Role, LocalClient, Priority, Proposal, Target};

/// Wish for a power, or for bounds of it, for a while
#[derive(Debug, Args)]
pub(in crate::cli) struct Propose {
    /// An asset, `role:charger` for all of a role, `group:garage` for a group
    #[arg(value_parser = target)]
    target: Target,
    /// In W, or in --unit; positive flows into the device (-2000 discharges with 2 kW)
    #[arg(allow_hyphen_values = true, required_unless_present_any = ["low", "high"])]
    power: Option<f64>,
    /// The least power
    #[arg(long, allow_hyphen_values = true)]
    low: Option<f64>,
    /// The most power
    #[arg(long, allow_hyphen_values = true)]
    high: Option<f64>,
    /// The unit of the powers: W, kW
    #[arg(long, default_value = "W")]
    unit: Unit,
    /// For how long it stands, a day at the most
    #[arg(long = "for", value_name = "SPAN", default_value = "15m")]
    span: Span,
    /// From 1 to 100; the higher one comes first
    #[arg(long, default_value_t = 60)]
    priority: u8,
    /// Why, for people
    #[arg(long, default_value = "by hand")]
    reason: String,
    /// In whose name
    #[arg(long, default_value = "person")]
    actor: Name,
}

impl Propose {
    pub(super) async fn run(&self, common: &Common) -> Result<u8> {
        if !self.unit.measures(crate::model::Quantity::Power) {
            return Err(Error::invalid(format!("--unit is {}, expected one of power, such as kW", self.unit)));
        }
        let watts = |power: Option<f64>| power.map(|power| self.unit.to_base(power));
        let (actor, target, priority) = (self.actor.clone(), self.target.clone(), Priority::new(self.priority)?);
        let bounds = Proposal::bounds(actor, target, watts(self.low), watts(self.high), priority, self.reason.clone());
        let proposal = Proposal { power_w: watts(self.power), ..bounds.valid_for(self.span) };
        LocalClient::of(&common.config(None)?.path).propose(proposal).await?;
        let (target, span, name) = (&self.target, self.span, &self.actor);
        format::print(&format!(
            "the wish of {name} for {target} stands for {span}; `memcore control status` shows what comes of it"
        ))?;
        Ok(0)
    }
}

/// Take wishes back
#[derive(Debug, Args)]
pub(in crate::cli) struct Withdraw {
    /// For whom, as it was proposed; all of the actor's wishes where nobody is named
    #[arg(value_parser = target)]
    target: Option<Target>,
    /// Whose
    #[arg(long, default_value = "person")]
    actor: Name,
}

impl Withdraw {
    pub(super) async fn run(&self, common: &Common) -> Result<u8> {
        let client = LocalClient::of(&common.config(None)?.path);
        let gone = client.withdraw(self.actor.clone(), self.target.clone()).await?;
        format::print(&format!("{gone} wishes of {} taken back", self.actor))?;
        Ok(0)
    }
}

fn target(text: &str) -> Result<Target> {
    match text.split_once(':') {
        None => Ok(Target::Asset(text.parse()?)),
        Some(("group", name)) => Ok(Target::Group(name.parse()?)),
        Some(("role", role)) => {
            let role = serde_json::from_value::<Role>(serde_json::Value::String(role.to_owned()));
            role.map(Target::Role).map_err(|e| Error::invalid(format!("target {text}: {e}")))
        }
        Some(_) => Err(Error::invalid(format!("target is {text:?}, expected an asset, role:NAME or group:NAME"))),
    }
}
