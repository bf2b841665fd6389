//! A site told as a story: who is there, what is limited, who wishes for what, and what comes of it. Powers are in W.

use std::time::Duration;

use crate::control::arbiter::{Arbitrated, Book, Verdict, arbitrate, close, verdicts};
use crate::control::{
    Allowed, Asset, AssetDecision, Cause, CheckedModel, Group, Interlocks, Measure, Moment, Priority, Proposal, ProposalId,
    Role, ShareBy, SiteModel, Situation, Storage, SumLimit, Target, Vehicle,
};
use crate::error::Result;
use crate::model::{Name, Sample, Span, Timestamp};

pub(super) fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

pub(super) fn kw(power: f64) -> f64 {
    power * 1_000.0
}

/// What is wished for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Want {
    power_w: Option<f64>,
    low_w: Option<f64>,
    high_w: Option<f64>,
}

pub(super) fn exactly(power_w: f64) -> Want {
    Want { power_w: Some(power_w), ..Want::default() }
}

pub(super) fn at_most(high_w: f64) -> Want {
    Want { high_w: Some(high_w), ..Want::default() }
}

pub(super) fn at_least(low_w: f64) -> Want {
    Want { low_w: Some(low_w), ..Want::default() }
}

pub(super) fn preferably(power_w: f64, low_w: f64, high_w: f64) -> Want {
    Want { power_w: Some(power_w), low_w: Some(low_w), high_w: Some(high_w) }
}

fn controlled(called: &str, role: Role, low_w: f64, high_w: f64) -> Asset {
    let mut asset = Asset::new(name(called), role);
    (asset.setpoint, asset.range_w) = (Some("setpoint".into()), Some([low_w, high_w]));
    asset
}

/// A battery of 10 kWh.
pub(super) fn battery(called: &str, high_w: f64) -> Asset {
    let mut asset = controlled(called, Role::Battery, -high_w, high_w);
    asset.soc = Some("soc".into());
    asset.storage = Some(storage(0.95));
    asset
}

pub(super) fn storage(efficiency: f64) -> Storage {
    Storage {
        capacity_wh: 10_000.0,
        min_soc: 0.0,
        max_soc: 1.0,
        tolerance: 0.01,
        charge_efficiency: efficiency,
        discharge_efficiency: efficiency,
        wear_per_kwh: 0.0,
    }
}

/// A charger that runs with 1,380 W or more.
pub(super) fn charger(called: &str, high_w: f64) -> Asset {
    let mut asset = controlled(called, Role::Charger, 0.0, high_w);
    asset.least_w = 1_380.0;
    asset.vehicle = Some(Vehicle { capacity_wh: 50_000.0, target_soc: 0.8, departure: None, charge_efficiency: 0.9 });
    asset
}

/// A load that takes any power.
pub(super) fn load(called: &str, high_w: f64) -> Asset {
    controlled(called, Role::Load, 0.0, high_w)
}

/// An array that can be curtailed.
pub(super) fn pv(called: &str, peak_w: f64) -> Asset {
    controlled(called, Role::Pv, -peak_w, 0.0)
}

/// A heater of two stages.
pub(super) fn heater(called: &str) -> Asset {
    let mut asset = controlled(called, Role::HeatPump, 0.0, 4_000.0);
    asset.levels_w = vec![0.0, 2_000.0, 4_000.0];
    asset
}

pub(super) struct Story {
    pub(super) model: CheckedModel,
    pub(super) interlocks: Interlocks,
    pub(super) book: Book,
    pub(super) situation: Situation,
    pub(super) decided_w: Vec<f64>,
    pub(super) now: Moment,
}

impl Story {
    pub(super) fn of(assets: Vec<Asset>) -> Self {
        Self::with_groups(assets, &[])
    }

    pub(super) fn with_groups(assets: Vec<Asset>, groups: &[(&str, &[&str], ShareBy)]) -> Self {
        let model: SiteModel = serde_json::from_str(r#"{"site": "home"}"#).expect("the least of a model");
        let groups = groups.iter().map(|(called, members, share_by)| Group {
            name: name(called),
            members: members.iter().map(|member| name(member)).collect(),
            share_by: *share_by,
        });
        let model =
            SiteModel { assets, groups: groups.collect(), ..model }.check().expect("a model without contradictions");
        let allowed = model.assets.iter().map(|asset| Allowed {
            low_w: asset.low_w,
            high_w: asset.high_w,
            low_by: Cause::Capability,
            high_by: Cause::Capability,
        });
        Self {
            interlocks: Interlocks { allowed: allowed.collect(), ..Interlocks::default() },
            situation: Situation::new(&model),
            decided_w: vec![f64::NAN; model.assets.len()],
            model,
            book: Book::default(),
            now: Moment { wall: Timestamp::from_seconds(1_000_000), elapsed: Duration::from_secs(1_000) },
        }
    }

    pub(super) fn place(&self, asset: &str) -> usize {
        self.model.place(asset).expect("an asset of the story")
    }

    /// The sum of these is limited by the fuse of a circuit.
    pub(super) fn fuse(&mut self, members: &[&str], high_w: f64) -> &mut Self {
        let weighted: Vec<_> = members.iter().map(|member| (*member, 1.0)).collect();
        self.limit(&weighted, f64::NEG_INFINITY, high_w)
    }

    pub(super) fn limit(&mut self, members: &[(&str, f64)], low_w: f64, high_w: f64) -> &mut Self {
        let members = members.iter().map(|(member, weight)| (self.place(member), *weight)).collect();
        let circuit = self.interlocks.sums.len();
        let cause = Cause::Circuit { circuit, phase: None };
        self.interlocks.sums.push(SumLimit { members, low_w, high_w, cause });
        self
    }

    /// Safety allows no more than this of an asset.
    pub(super) fn allow(&mut self, asset: &str, low_w: f64, high_w: f64, by: Cause) -> &mut Self {
        let place = self.place(asset);
        self.interlocks.allowed[place] = Allowed { low_w, high_w, low_by: by, high_by: by };
        self
    }

    pub(super) fn soc(&mut self, asset: &str, soc: f64) -> &mut Self {
        let series = format!("home.{asset}.soc").parse().expect("a series");
        let sample = Sample { time: self.now.wall, value: soc };
        assert!(self.situation.read(&self.model, &series, sample, self.now));
        assert_eq!(self.situation.last(self.place(asset), Measure::Soc).map(|live| live.value), Some(soc));
        self
    }

    pub(super) fn runs(&mut self, asset: &str, power_w: f64) -> &mut Self {
        let place = self.place(asset);
        self.decided_w[place] = power_w;
        self
    }

    pub(super) fn after(&mut self, span: Span) -> &mut Self {
        self.now = self.now.after(span);
        self.book.expire(self.now);
        self
    }

    /// Whom a name means: an asset, a group, or all batteries, chargers or loads.
    pub(super) fn target(&self, called: &str) -> Target {
        match called {
            "batteries" => Target::Role(Role::Battery),
            "chargers" => Target::Role(Role::Charger),
            "loads" => Target::Role(Role::Load),
            _ if self.model.place(called).is_some() => Target::Asset(name(called)),
            _ => Target::Group(name(called)),
        }
    }

    pub(super) fn proposal(&self, actor: &str, priority: u8, target: &str, want: Want) -> Proposal {
        let priority = Priority::new(priority).expect("a priority");
        let bounds = Proposal::bounds(name(actor), self.target(target), want.low_w, want.high_w, priority, "for the story");
        Proposal { power_w: want.power_w, ..bounds }
    }

    pub(super) fn take(&mut self, proposal: Proposal) -> Result<ProposalId> {
        self.book.take(&self.model, proposal, self.now)
    }

    pub(super) fn propose(&mut self, actor: &str, priority: u8, target: &str, want: Want) -> &mut Self {
        let proposal = self.proposal(actor, priority, target, want);
        self.take(proposal).unwrap_or_else(|refused| panic!("{actor} is refused: {refused}"));
        self
    }

    pub(super) fn refuse(&mut self, actor: &str, target: &str, want: Want, message: &str) -> &mut Self {
        let refused = self.take(self.proposal(actor, 50, target, want)).expect_err("it makes no sense");
        assert_eq!(refused.message(), message);
        self
    }

    pub(super) fn arbitrate(&self) -> Arbitrated {
        arbitrate(&self.model, &self.interlocks, &self.book, &self.situation, &self.decided_w, self.now)
    }

    pub(super) fn powers(&self) -> Vec<f64> {
        self.arbitrate().granted.iter().map(|granted| granted.as_ref().map_or(0.0, |granted| granted.power_w)).collect()
    }

    pub(super) fn expect(&mut self, asset: &str, power_w: f64) -> &mut Self {
        let (powers, place) = (self.powers(), self.place(asset));
        assert!(close(powers[place], power_w), "{asset} gets {}, expected {power_w}; all: {powers:?}", powers[place]);
        self
    }

    pub(super) fn verdicts(&self) -> Vec<(ProposalId, Verdict)> {
        let arbitrated = self.arbitrate();
        let decided = arbitrated.granted.iter().map(|granted| {
            let granted = granted.as_ref()?;
            let (power_w, bounds_w, limits) = (granted.power_w, granted.bounds_w, granted.limits.clone());
            Some(AssetDecision { power_w, phases: 3, wish: granted.wish.clone(), bounds_w, limits })
        });
        let decided: Vec<_> = decided.collect();
        let ids = self.book.standing().iter().map(|standing| standing.id);
        ids.zip(verdicts(&arbitrated.rulings, self.book.standing(), &decided)).collect()
    }

    /// What became of the wish of an actor: `granted`, `limited by dso to 3000`, `overridden by dso`.
    pub(super) fn told(&self, actor: &str) -> String {
        let by = |cause: Cause| match cause {
            Cause::Actor(id) => self.book.actor(ProposalId(id)).expect("it stands").to_string(),
            Cause::Circuit { circuit, .. } => format!("circuit {circuit}"),
            cause => format!("{cause:?}"),
        };
        let verdicts = self.verdicts();
        let own =
            self.book.standing().iter().find(|standing| standing.proposal.actor.as_str() == actor).expect("it stands");
        match verdicts.iter().find(|(id, _)| *id == own.id).expect("every wish has its verdict").1 {
            Verdict::Granted => "granted".to_owned(),
            Verdict::Limited { by: cause, to_w } => format!("limited by {} to {}", by(cause), to_w.round()),
            Verdict::Overridden { by: cause } => format!("overridden by {}", by(cause)),
        }
    }

    pub(super) fn becomes(&mut self, actor: &str, expected: &str) -> &mut Self {
        assert_eq!(self.told(actor), expected, "what became of the wish of {actor}");
        self
    }
}
