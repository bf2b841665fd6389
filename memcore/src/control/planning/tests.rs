//! Stories of a home with a plan: a battery, a car, a roof, a house that takes what it takes.

use super::*;
use crate::control::{Measure, SiteModel, Situation};
use crate::model::Sample;

const HOME: &str = r#"
    site = "home1"
    zone = "Europe/Berlin"
    [planning]
    [island]
    grid_present = "meter:present"
    [[external]]
    name = "dso"
    signal = "meter:dimmed"
    limit_w = 4200
    failsafe_w = 4200
    [[asset]]
    name = "meter"
    role = "grid_meter"
    [[asset]]
    name = "roof"
    role = "pv"
    range_w = [-8000, 0]
    [[asset]]
    name = "battery"
    role = "battery"
    range_w = [-5000, 5000]
    soc = "soc"
    setpoint = "setpoint"
    storage = { capacity_wh = 10000 }
    [[asset]]
    name = "car"
    role = "charger"
    range_w = [0, 11000]
    least_w = 1380
    setpoint = "setpoint"
    connected = "connected"
    vehicle = { capacity_wh = 60000, departure = "07:00" }
"#;

const NOON: &str = "2026-01-05T12:00:00Z";

/// A home, minute by minute.
struct Home {
    model: CheckedModel,
    situation: Situation,
    replanner: Replanner,
    now: Moment,
    /// What meters say.
    readings: Vec<(&'static str, f64)>,
    /// What was told.
    news: Vec<PlanNews>,
    deviations: Vec<StepDeviations>,
}

impl Home {
    fn new() -> Self {
        let model: SiteModel = toml::from_str(HOME).unwrap();
        let mut model = model.check().unwrap();
        for (series, measure) in [("home1.meter.present", Measure::GridPresent), ("home1.meter.dimmed", Measure::External)]
        {
            model.inputs.entry(series.parse().unwrap()).or_insert_with(|| vec![(measure, 0)]);
        }
        let now = Moment { wall: NOON.parse().unwrap(), elapsed: std::time::Duration::from_secs(500) };
        let mut home = Self {
            situation: Situation::new(&model),
            replanner: Replanner::new(&model).unwrap().unwrap(),
            model,
            now,
            readings: Vec::new(),
            news: Vec::new(),
            deviations: Vec::new(),
        };
        for (series, value) in [
            ("meter.power", 500.0),
            ("meter.present", 1.0),
            ("meter.dimmed", 0.0),
            ("roof.power", 0.0),
            ("battery.power", 0.0),
            ("battery.soc", 0.5),
            ("car.power", 0.0),
            ("car.connected", 0.0),
        ] {
            home.reads(series, value);
        }
        home
    }

    fn reads(&mut self, series: &'static str, value: f64) {
        self.readings.retain(|(of, _)| *of != series);
        self.readings.push((series, value));
    }

    /// One look, with everything just measured.
    fn look(&mut self) -> Option<PlanRequest> {
        // Devices have clocks of their own, which do not jump.
        let noon: Timestamp = NOON.parse().unwrap();
        let time = noon.saturating_add(Span::from(self.now.elapsed)).saturating_add(Span::from_seconds(-500));
        for (series, value) in &self.readings {
            let sample = Sample { time, value: *value };
            self.situation.read(&self.model, &format!("home1.{series}").parse().unwrap(), sample, self.now);
        }
        let look = self.replanner.look(&self.model, &self.situation, self.now);
        self.news.extend(look.news);
        self.deviations.extend(look.deviations);
        look.request
    }

    /// The plans that are asked for within so many minutes, none of which is made.
    fn minutes(&mut self, minutes: usize) -> Vec<PlanRequest> {
        let minute = |_| {
            self.now = self.now.after(Span::from_seconds(60));
            self.look()
        };
        (0..minutes).filter_map(minute).collect()
    }

    /// The same where each gets a plan at once, of constant powers and a battery that stays where it is.
    fn minutes_planned(&mut self, minutes: usize) -> Vec<String> {
        let mut reasons = Vec::new();
        for _ in 0..minutes {
            let asked = self.minutes(1);
            asked.into_iter().for_each(|request| reasons.push(self.plans(&request)));
        }
        reasons
    }

    fn plans(&mut self, request: &PlanRequest) -> String {
        let plan = self.plan(request);
        self.answers(request, Ok((Arc::new(plan), Vec::new())));
        request.reasons.iter().map(Reason::to_string).collect::<Vec<_>>().join(", ")
    }

    fn fails(&mut self, request: &PlanRequest, why: &str) {
        self.answers(request, Err(PlanFailure::Failed(why.to_owned())));
    }

    fn answers(
        &mut self,
        request: &PlanRequest,
        plan: std::result::Result<(Arc<PlannedPowers>, Vec<String>), PlanFailure>,
    ) {
        let answer = PlanAnswer { number: request.number, plan };
        self.news.extend(self.replanner.answer(&self.model, &self.situation, answer, self.now));
    }

    /// A plan in which the house takes 500 W, and the battery stays at half.
    fn plan(&self, request: &PlanRequest) -> PlannedPowers {
        let steps = request.horizon.len();
        let constant = |name: &str, value: f64| (Name::new(name).unwrap(), vec![value; steps].into());
        let planning = self.model.model().planning.clone().unwrap();
        PlannedPowers {
            site: Name::new("home1").unwrap(),
            made: request.now.wall,
            valid_until: request.now.wall.saturating_add(planning.valid_for),
            start: self.replanner.grid().floor(request.now.wall),
            step: planning.step,
            powers: vec![constant("meter", 500.0), constant("roof", 0.0), constant("battery", 0.0), constant("car", 0.0)],
            socs: vec![constant("battery", 0.5)],
        }
    }

    fn told(&self) -> Vec<String> {
        self.news.iter().map(PlanNews::to_string).collect()
    }
}

#[test]
fn a_plan_is_made_at_once_and_then_every_quarter_of_an_hour_on_the_clock() {
    let mut home = Home::new();
    home.now = home.now.after(Span::from_seconds(7 * 60));
    let request = home.look().expect("a plan is asked for at once");
    assert_eq!(request.horizon.len(), 96);
    assert_eq!(request.horizon.start().to_string(), "2026-01-05T12:07:00Z");
    assert_eq!(home.plans(&request), "no plan holds");
    // At 12:15, 12:30, 12:45, 13:00.
    assert_eq!(home.minutes_planned(7), [] as [&str; 0]);
    assert_eq!(home.minutes_planned(60), ["it is time for the next plan"; 4]);
}

#[test]
fn a_car_is_plugged_in_and_planned_for_within_one_tick() {
    let mut home = Home::new();
    home.minutes_planned(5);
    home.reads("car.connected", 1.0);
    assert_eq!(home.minutes_planned(1), ["a vehicle was connected to car"]);
    assert_eq!(home.minutes_planned(3), [] as [&str; 0]);
    home.reads("car.connected", 0.0);
    assert_eq!(home.minutes_planned(1), ["the vehicle has left car"]);
}

#[test]
fn what_happens_right_after_a_plan_waits_a_minute_and_is_planned_for_together() {
    let mut home = Home::new();
    let request = home.look().unwrap();
    home.plans(&request);
    home.now = home.now.after(Span::from_seconds(5));
    home.reads("car.connected", 1.0);
    home.reads("meter.present", 0.0);
    assert!(home.look().is_none());
    for _ in 0..50 {
        home.now = home.now.after(Span::from_seconds(1));
        home.replanner.tell(Reason::Prices);
        assert!(home.look().is_none(), "within a minute of the last one");
    }
    assert_eq!(home.minutes_planned(1), ["a vehicle was connected to car, the grid is lost, prices have changed"]);
}

#[test]
fn limits_and_islands_begin_and_end() {
    let mut home = Home::new();
    home.minutes_planned(2);
    home.reads("meter.dimmed", 1.0);
    assert_eq!(home.minutes_planned(1), ["dso limits to 4200 W"]);
    home.reads("meter.dimmed", 0.0);
    assert_eq!(home.minutes_planned(1), ["dso limits no more"]);
    home.reads("meter.present", 0.0);
    assert_eq!(home.minutes_planned(1), ["the grid is lost"]);
    home.reads("meter.present", 1.0);
    assert_eq!(home.minutes_planned(1), ["the grid is back"]);
    // The signal falls silent for more than its two minutes: its failsafe holds.
    home.readings.retain(|(series, _)| *series != "meter.dimmed");
    assert_eq!(home.minutes_planned(5), ["dso limits to 4200 W"]);
}

#[test]
fn a_battery_that_drifts_is_planned_anew_once() {
    let mut home = Home::new();
    home.minutes_planned(2);
    home.reads("battery.soc", 0.42);
    assert_eq!(home.minutes_planned(2), [] as [&str; 0], "within a tenth");
    home.reads("battery.soc", 0.38);
    assert_eq!(home.minutes_planned(1), ["battery is charged to 38 %, planned were 50 %"]);
}

#[test]
fn within_its_first_step_a_plan_expects_what_lies_between_now_and_its_end() {
    let mut home = Home::new();
    home.reads("battery.soc", 0.2);
    let request = home.look().unwrap();
    // From 0.2 to 0.5 within a quarter of an hour: after ten minutes it is to be 0.4.
    home.plans(&request);
    for (minute, soc) in [(5, 0.3), (10, 0.4)] {
        home.reads("battery.soc", soc);
        home.now = Moment { wall: request.now.wall, elapsed: request.now.elapsed }.after(Span::from_seconds(60 * minute));
        assert!(home.look().is_none(), "{minute}");
    }
    home.reads("battery.soc", 0.25);
    home.now = request.now.after(Span::from_seconds(660));
    let reasons = home.look().expect("it falls behind").reasons;
    assert_eq!(reasons[0].to_string(), "battery is charged to 25 %, planned were 42 %");
}

#[test]
fn a_battery_that_is_heard_of_after_the_plan_is_planned_for() {
    let mut home = Home::new();
    home.readings.retain(|(series, _)| *series != "battery.soc");
    assert_eq!(home.minutes_planned(4), ["no plan holds"]);
    home.reads("battery.soc", 0.5);
    assert_eq!(home.minutes_planned(5), ["the state of charge of battery is known now"]);
}

#[test]
fn an_oven_for_two_minutes_changes_no_plan_but_for_five_it_does() {
    let mut home = Home::new();
    home.minutes_planned(2);
    home.reads("meter.power", 2_700.0);
    assert_eq!(home.minutes_planned(3), [] as [&str; 0]);
    home.reads("meter.power", 600.0);
    home.minutes_planned(1);
    home.reads("meter.power", 2_700.0);
    assert_eq!(home.minutes_planned(5), [] as [&str; 0]);
    let reason = "the load has been at 2700 W for five minutes, planned were 500 W";
    assert_eq!(home.minutes_planned(1), [reason]);
    // The battery that gives what the oven takes does not hide it.
    let mut home = Home::new();
    home.minutes_planned(2);
    home.reads("battery.power", -2_200.0);
    assert_eq!(home.minutes_planned(6), [reason]);
}

#[test]
fn the_wall_clock_jumps_an_hour_and_there_is_one_new_plan() {
    for hours in [1, -1] {
        let mut home = Home::new();
        home.minutes_planned(2);
        home.now.wall = home.now.wall.saturating_add(Span::from_seconds(hours * 3_600));
        let planned = home.minutes_planned(8);
        assert_eq!(planned.len(), 1, "{planned:?}");
        assert!(planned[0].starts_with(&format!("the wall clock jumped by {}", Span::from_seconds(hours * 3_600))));
        assert!(home.replanner.plan().is_some());
    }
}

#[test]
fn no_plan_for_an_hour_then_strategies_carry_on_and_it_is_said_once() {
    let mut home = Home::new();
    let request = home.look().unwrap();
    home.plans(&request);
    home.news.clear();
    let mut tries = 0;
    for _ in 0..59 {
        for request in home.minutes(1) {
            tries += 1;
            home.fails(&request, "the solver failed");
        }
    }
    assert!((3..=8).contains(&tries), "{tries} tries: they are ever further apart");
    assert!(home.replanner.plan().is_some(), "the old plan holds until its hour is over");
    let first = &home.told()[0];
    assert_eq!(
        first,
        "no new plan, asked for since it is time for the next plan: the solver failed; the old one holds until \
         2026-01-05T13:00:00Z"
    );
    assert!(home.replanner.fault().is_none());
    for _ in 0..120 {
        for request in home.minutes(1) {
            home.fails(&request, "the solver failed");
        }
    }
    let said = "no plan holds, strategies carry on: the solver failed";
    assert_eq!(home.told().iter().filter(|told| *told == said).count(), 1, "{:?}", home.told());
    assert_eq!((home.replanner.plan(), home.replanner.fault()), (None, Some(said)));
    // Then one succeeds, and the fault is over.
    let planned = home.minutes_planned(16);
    assert!(planned[0].contains("no plan holds"), "{planned:?}");
    assert_eq!(home.replanner.fault(), None);
}

#[test]
fn a_plan_that_comes_too_late_is_left() {
    let mut home = Home::new();
    let late = home.look().unwrap();
    assert!(home.minutes(1).is_empty());
    let again = home.minutes(2);
    assert!(home.told()[0].contains("the plan was not there within 60 s"), "{:?}", home.told());
    assert_eq!(again.len(), 1, "it is asked for again: {again:?}");
    home.plans(&late);
    assert_eq!(home.replanner.plan(), None);
    home.plans(&again[0]);
    assert!(home.replanner.plan().is_some());
}

#[test]
fn how_far_the_site_is_from_the_plan_is_told_at_the_end_of_each_step() {
    let mut home = Home::new();
    let request = home.look().unwrap();
    home.plans(&request);
    home.reads("battery.power", 300.0);
    home.reads("battery.soc", 0.53);
    home.minutes_planned(5);
    let so_far = home.replanner.deviations(&home.model).unwrap();
    let battery = so_far.assets.iter().find(|asset| asset.asset.as_str() == "battery").unwrap();
    assert!((battery.power_w.unwrap() - 300.0).abs() < 0.1, "{so_far:?}");
    assert!((battery.soc.unwrap() - 0.03).abs() < 1e-9, "{so_far:?}");
    home.reads("battery.power", -300.0);
    home.minutes_planned(10);
    let ended = &home.deviations[0];
    assert_eq!(ended.start.to_string(), "2026-01-05T12:00:00Z");
    // Five minutes above, nine below: the tenth belongs to the next step.
    let battery = ended.assets.iter().find(|asset| asset.asset.as_str() == "battery").unwrap();
    assert!((battery.power_w.unwrap() - (5.0 - 9.0) / 14.0 * 300.0).abs() < 0.1, "{ended:?}");
    assert!(ended.assets.iter().any(|asset| asset.asset.as_str() == "meter"));
}

#[test]
fn a_plan_for_another_site_or_time_or_of_what_cannot_be_is_refused_by_name() {
    let mut home = Home::new();
    let request = home.look().unwrap();
    let good = home.plan(&request);
    good.for_site(&home.model, home.now).unwrap();
    let refused = |change: &dyn Fn(&mut PlannedPowers)| {
        let mut plan = good.clone();
        change(&mut plan);
        plan.for_site(&home.model, home.now).unwrap_err().to_string()
    };
    let hour = Span::from_seconds(3_600);
    for (change, said) in [
        (&|plan: &mut PlannedPowers| plan.site = Name::new("home2").unwrap() as _, "site is home2, expected home1"),
        (&|plan| plan.made = plan.made.saturating_add(hour), "expected no later than now"),
        (&|plan| plan.valid_until = plan.made, "valid_until is 2026-01-05T12:00:00Z, expected later than now"),
        (&|plan| plan.start = plan.start.saturating_add(hour), "expected now, 2026-01-05T12:00:00Z, among them"),
        (&|plan| plan.step = Span::from_seconds(0), "step is 0s"),
        (&|plan| plan.powers.clear(), "it has no step"),
        (&|plan| plan.powers[2].1 = vec![0.0; 95].into(), "powers of battery are 95 values"),
        (&|plan| plan.powers[2].1 = vec![f64::NAN; 96].into(), "powers of battery at 2026-01-05T12:00:00Z is NaN"),
        (&|plan| plan.powers[2].1 = vec![6_000.0; 96].into(), "is 6000 W, expected -5000 to 5000 W"),
        (&|plan| plan.powers[1].1 = vec![3_000.0; 96].into(), "powers of roof at"),
        (&|plan| plan.powers[1].0 = Name::new("shed").unwrap(), "shed is no asset of the site"),
        (&|plan| plan.powers[1].0 = plan.powers[2].0.clone(), "powers of battery stand twice"),
        (&|plan| plan.socs[0].1 = vec![53.0; 96].into(), "socs of battery at 2026-01-05T12:00:00Z is 53, expected 0 to 1"),
    ] as [(&dyn Fn(&mut PlannedPowers), &str); 13]
    {
        let text = refused(change);
        assert!(text.contains(said), "{text}\nexpected: {said}");
    }
    // What comes back refused is a failure with its reason.
    let mut other = good.clone();
    other.site = Name::new("home2").unwrap();
    home.answers(&request, Ok((Arc::new(other), Vec::new())));
    assert!(home.told()[0].contains("site is home2, expected home1"), "{:?}", home.told());
}
