//! One actor, shown readings by a table, and its wishes in words.

use std::sync::Arc;
use std::time::Duration;

use crate::control::{Actor, CheckedModel, Moment, PlannedPowers, Proposal, SiteModel, Situation, View, actors};
use crate::model::{Name, Sample, Span, Timestamp};

/// Shows readings to the first strategy of a model.
pub(super) struct Scene {
    model: CheckedModel,
    actor: Box<dyn Actor>,
    situation: Situation,
    decided_w: Vec<f64>,
    plan: Option<Arc<PlannedPowers>>,
    price: Option<f64>,
    now: Moment,
    /// What the devices' clocks show.
    device: Timestamp,
}

pub(super) fn checked(toml: &str) -> CheckedModel {
    toml::from_str::<SiteModel>(toml).unwrap().check().unwrap()
}

impl Scene {
    /// A site at noon UTC of a Tuesday.
    pub(super) fn new(model: &str) -> Self {
        Self::at("2026-03-10T12:00:00Z", model)
    }

    /// A site at some time.
    pub(super) fn at(wall: &str, model: &str) -> Self {
        let model = checked(model);
        let actor = actors(&model).unwrap().remove(0);
        let situation = Situation::new(&model);
        let decided_w = vec![f64::NAN; model.assets.len()];
        let now = Moment { elapsed: Duration::from_secs(1_000), wall: wall.parse().unwrap() };
        Self { model, actor, situation, decided_w, plan: None, price: None, now, device: now.wall }
    }

    /// Time passes.
    pub(super) fn pass(&mut self, seconds: u64) -> &mut Self {
        let wall = self.now.wall.saturating_add(Span::from_seconds(seconds as i64));
        self.now = Moment { elapsed: self.now.elapsed + Duration::from_secs(seconds), wall };
        self.device = self.device.saturating_add(Span::from_seconds(seconds as i64));
        self
    }

    /// The wall clock is set; those of the devices are not.
    pub(super) fn clock(&mut self, wall: &str) -> &mut Self {
        self.now.wall = wall.parse().unwrap();
        self
    }

    /// Readings come in: of `battery` its power, of `battery.soc` that channel.
    pub(super) fn reads(&mut self, readings: &[(&str, f64)]) -> &mut Self {
        for (channel, value) in readings {
            let channel = if channel.contains('.') { (*channel).to_owned() } else { format!("{channel}.power") };
            let series = format!("{}.{channel}", self.model.model.site).parse().unwrap();
            let sample = Sample { time: self.device, value: *value };
            assert!(self.situation.read(&self.model, &series, sample, self.now), "{channel} is no input");
        }
        self
    }

    pub(super) fn decided(&mut self, asset: &str, power_w: f64) -> &mut Self {
        let place = self.model.place(asset).unwrap();
        self.decided_w[place] = power_w;
        self
    }

    pub(super) fn price(&mut self, price: Option<f64>) -> &mut Self {
        self.price = price;
        self
    }

    /// A plan from now on: steps of a quarter of an hour.
    pub(super) fn plan(&mut self, powers: &[(&str, &[f64])]) -> &mut Self {
        let (made, step) = (self.now.wall, Span::from_seconds(900));
        let name = |name: &str| Name::new(name).unwrap();
        self.plan = Some(Arc::new(PlannedPowers {
            site: self.model.model.site.clone(),
            made,
            valid_until: made.saturating_add(Span::from_seconds(3_600)),
            start: made,
            step,
            powers: powers.iter().map(|(asset, powers)| (name(asset), (*powers).into())).collect(),
            socs: Vec::new(),
        }));
        self
    }

    pub(super) fn proposals(&mut self) -> Vec<Proposal> {
        let view = View {
            now: self.now,
            model: &self.model,
            situation: &self.situation,
            decided_w: &self.decided_w,
            plan: self.plan.as_ref(),
            buy_per_kwh: self.price,
            sell_per_kwh: None,
        };
        let proposals = self.actor.propose(&view);
        for proposal in &proposals {
            let (low, high) = (proposal.low_w.unwrap_or(f64::MIN), proposal.high_w.unwrap_or(f64::MAX));
            assert!(low <= high && proposal.power_w.is_none_or(|power| (low..=high).contains(&power)), "{proposal:?}");
            assert!(!proposal.reason.is_empty() && proposal.reason.len() <= 200, "{proposal:?}");
            assert_eq!(proposal.valid_for, Span::from_seconds(3), "three ticks");
        }
        proposals
    }

    /// Its wishes, as `battery = -3000`, `battery >= 0`, `pump <= 0`, `battery = 500 <= 2000`; none is empty.
    pub(super) fn wishes(&mut self) -> String {
        let text = |proposal: Proposal| {
            let part = |sign: &str, value: Option<f64>| value.map_or(String::new(), |value| format!(" {sign} {value:.0}"));
            let (power, low, high) = (proposal.power_w, proposal.low_w, proposal.high_w);
            format!("{}{}{}{}", proposal.target, part("=", power), part(">=", low), part("<=", high)).replace("-0", "0")
        };
        self.proposals().into_iter().map(text).collect::<Vec<_>>().join(", ")
    }

    pub(super) fn now(&self) -> Timestamp {
        self.now.wall
    }
}
