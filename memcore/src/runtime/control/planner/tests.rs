//! Stories of a home that is planned: day after day, minute by minute, with a battery that does what the plan says.

use super::*;
use crate::control::SiteModel;
use crate::model::{Span, Timestamp, Unit};
use crate::optimize::{Forecast, Horizon};
use crate::runtime::{Memcore, Query};

const HOME: &str = r#"
    site = "home1"
    zone = "Europe/Berlin"
    [planning]
    [tariff]
    buy_series = "market:buy"
    sell_per_kwh = 0.05
    [[asset]]
    name = "meter"
    role = "grid_meter"
    period = "1m"
    [[asset]]
    name = "roof"
    role = "pv"
    range_w = [-8000, 0]
    period = "1m"
    [[asset]]
    name = "battery"
    role = "battery"
    range_w = [-5000, 5000]
    soc = "soc"
    setpoint = "setpoint"
    period = "1m"
    storage = { capacity_wh = 10000 }
"#;

/// Monday.
const START: &str = "2026-01-05T00:00:00+01:00";

/// Cheap at night, dear in the evening.
fn price(hour: i64) -> f64 {
    match hour.rem_euclid(24) {
        0..6 => 0.15,
        17..21 => 0.45,
        _ => 0.30,
    }
}

/// What the house takes at a minute of the day.
fn load_w(minute: i64) -> f64 {
    let hour = minute.rem_euclid(1_440) as f64 / 60.0;
    400.0 + 1_200.0 * (-((hour - 19.0) / 2.0).powi(2)).exp()
}

fn sun_w(minute: i64) -> f64 {
    let hour = minute.rem_euclid(1_440) as f64 / 60.0;
    1_200.0 * (1.0 - ((hour - 12.0) / 4.0).powi(2)).max(0.0)
}

fn start() -> Timestamp {
    START.parse().unwrap()
}

fn minutes_in(minutes: i64) -> Timestamp {
    start().saturating_add(Span::from_seconds(60 * minutes))
}

struct Home {
    controller: Controller,
    planner: SitePlanner,
    now: Moment,
    minute: i64,
    /// The battery, in Wh.
    stored_wh: f64,
    battery_w: f64,
    /// What the house takes beside what it usually does.
    extra_w: f64,
    bought: f64,
    news: Vec<PlanNews>,
}

impl Home {
    /// A home that begins at that minute, with prices of so many hours.
    fn at(minute: i64, hours: i64, history: &mut Columns) -> Self {
        let model: SiteModel = toml::from_str(HOME).unwrap();
        let model = model.check().unwrap();
        prices(history, 0, hours, price);
        let now = Moment { wall: minutes_in(minute), elapsed: Duration::from_secs(60 * minute as u64) };
        let controller = Controller::new(model, Vec::new());
        let options = PlannerOptions { written: true, ..PlannerOptions::default() };
        let planner = SitePlanner::here(controller.model(), history.clone(), options).unwrap().unwrap();
        let (stored_wh, battery_w, extra_w) = (3_000.0, 0.0, 0.0);
        Self { controller, planner, now, minute, stored_wh, battery_w, extra_w, bought: 0.0, news: Vec::new() }
    }

    /// With a past of so many days.
    fn with_past(days: i64) -> Self {
        let mut history = Columns::keeping(Span::from_seconds(40 * 86_400));
        past(&mut history, 0, days * 1_440);
        Self::at(days * 1_440, 24 * (days + 4), &mut history)
    }

    /// A minute of life: what flows is measured, the planner looks, the battery does what the plan says.
    fn minute(&mut self) -> Vec<String> {
        let (house_w, roof_w) = (load_w(self.minute) + self.extra_w, sun_w(self.minute));
        let meter_w = house_w - roof_w + self.battery_w;
        for (series, value) in [
            ("meter.power", meter_w),
            ("roof.power", -roof_w),
            ("battery.power", self.battery_w),
            ("battery.soc", self.stored_wh / 10_000.0),
        ] {
            let (series, sample) = (format!("home1.{series}").parse().unwrap(), Sample { time: self.now.wall, value });
            self.controller.read(&series, sample, self.now);
            self.planner.measured(&series, sample);
        }
        let tick = self.planner.tick(&mut self.controller, self.now);
        let said = tick.news.iter().map(ToString::to_string).collect();
        self.news.extend(tick.news);
        self.battery_w = self.controller.plan().and_then(|plan| plan.power_w("battery", self.now.wall)).unwrap_or(0.0);
        let efficiency = if self.battery_w > 0.0 { 0.95 } else { 1.0 / 0.95 };
        self.stored_wh = (self.stored_wh + self.battery_w / 60.0 * efficiency).clamp(500.0, 10_000.0);
        self.bought += (house_w - roof_w + self.battery_w).max(0.0) / 60_000.0 * price(self.minute / 60);
        self.now = self.now.after(Span::from_seconds(60));
        self.minute += 1;
        said
    }

    fn minutes(&mut self, minutes: usize) -> Vec<String> {
        (0..minutes).flat_map(|_| self.minute()).collect()
    }

    /// What is planned for a minute, also of a time by which there will be another plan.
    fn planned_w(&self, asset: &str, minute: i64) -> f64 {
        let plan = self.planner.plan().unwrap();
        let step = minutes_in(minute).since(plan.start).as_micros() / plan.step.as_micros();
        plan.powers.iter().find(|(name, _)| name.as_str() == asset).unwrap().1[step as usize]
    }

    fn writes(&mut self, device: &str, channel: &str, times: &[Timestamp], values: &[f64]) {
        let device: crate::model::DeviceName = device.parse().unwrap();
        let written = Written { channel: channel.parse().unwrap(), values, unit: "EUR/kWh".parse().unwrap() };
        self.planner.workshop.history().write(&device, times, &[written]).unwrap();
    }
}

/// Days of life without a battery.
fn past(history: &mut Columns, from: i64, to: i64) {
    let series = |name: &str| format!("home1.{name}").parse::<SeriesName>().unwrap();
    let (meter, roof, battery) = (series("meter.power"), series("roof.power"), series("battery.power"));
    for minute in from..to {
        let at = minutes_in(minute);
        history.measure(&meter, at, load_w(minute) - sun_w(minute));
        history.measure(&roof, at, -sun_w(minute));
        history.measure(&battery, at, 0.0);
    }
}

fn prices(history: &mut dyn PlanningHistory, from: i64, to: i64, price: fn(i64) -> f64) {
    let times: Vec<_> = (from..to).map(|hour| minutes_in(60 * hour)).collect();
    let values: Vec<_> = (from..to).map(price).collect();
    let unit = "EUR/kWh".parse().unwrap();
    let written = Written { channel: "buy".parse().unwrap(), values: &values, unit };
    history.write(&"home1.market".parse().unwrap(), &times, &[written]).unwrap();
}

#[test]
fn a_home_charges_in_the_cheap_night_and_lives_on_it_in_the_dear_evening() {
    let mut home = Home::with_past(3);
    let (mut night_w, mut evening_w) = (0.0, 0.0);
    for minute in 0..2 * 1_440 {
        home.minute();
        let hour = minute / 60 % 24;
        night_w += if hour < 6 { home.battery_w } else { 0.0 } / (2.0 * 360.0);
        evening_w += if (17..21).contains(&hour) { home.battery_w } else { 0.0 } / (2.0 * 240.0);
    }
    assert!(night_w > 100.0 && evening_w < -900.0, "{night_w} W at night, {evening_w} W in the evening");
    let without: f64 =
        (0..2 * 1_440).map(|minute| (load_w(minute) - sun_w(minute)).max(0.0) / 60_000.0 * price(minute / 60)).sum();
    assert!(home.bought < 0.7 * without, "{} with a plan, {without} without", home.bought);
    let failed = home.news.iter().filter(|news| !matches!(news, PlanNews::Planned { .. })).count();
    assert_eq!(failed, 0, "{:?}", home.news);
    // On time, four an hour, and nothing called for more: the plan was right.
    assert!((190..=196).contains(&home.news.len()), "{} plans", home.news.len());
    assert!(home.planner.deviations().unwrap().assets.iter().any(|asset| asset.asset.as_str() == "battery"));
}

#[test]
fn nothing_has_changed_and_the_next_plan_has_the_same_powers() {
    let mut home = Home::with_past(3);
    home.minutes(16);
    let before = home.planner.plan().unwrap().clone();
    home.planner.ask("somebody wants to see it");
    // A minute later, as planned.
    let said = home.minutes(1);
    assert!(said[0].contains("since somebody wants to see it"), "{said:?}");
    let after = home.planner.plan().unwrap();
    assert!(!Arc::ptr_eq(&before, after));
    for ((name, before), (_, after)) in before.powers.iter().zip(&after.powers) {
        let apart = before.iter().zip(after.iter()).map(|(before, after)| (before - after).abs()).fold(0.0, f64::max);
        assert!(apart < 60.0, "{name}: {apart} W");
    }
    // And over a day, what the next hours are to do changes as little from plan to plan as what is known of them.
    let mut changed = 0.0;
    for _ in 0..96 {
        let before = home.planner.plan().unwrap().clone();
        home.minutes(15);
        let after = home.planner.plan().unwrap();
        for ahead in 1..4 {
            let at = home.now.wall.saturating_add(Span::from_seconds(900 * ahead));
            let power = |plan: &PlannedPowers| plan.power_w("battery", at).unwrap_or(f64::NAN);
            let by = power(&before) - power(after);
            changed += if by.is_finite() { by.abs() / (96.0 * 3.0) } else { 0.0 };
        }
    }
    assert!(changed < 150.0, "{changed} W from plan to plan");
}

#[test]
fn prices_change_and_there_is_another_plan_within_a_minute() {
    let mut home = Home::with_past(3);
    home.minutes(4);
    let evening = 3 * 1_440 + 18 * 60;
    assert!(home.planned_w("battery", evening) < 0.0);
    home.writes("home1.market", "buy", &[minutes_in(evening)], &[0.02]);
    let said = home.minutes(2);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("since prices have changed"), "{said:?}");
    assert!(home.planned_w("battery", evening) > -1.0, "the evening is cheap now: {}", home.planned_w("battery", evening));
    assert_eq!(home.minutes(8), [] as [&str; 0]);
}

#[test]
fn beyond_the_last_known_price_it_is_that_of_a_day_before() {
    let mut history = Columns::keeping(Span::from_seconds(40 * 86_400));
    past(&mut history, 0, 2 * 1_440);
    // At midnight of the third day, prices are known until its noon.
    let mut home = Home::at(2 * 1_440, 60, &mut history);
    let said = home.minute();
    let known =
        "prices of home1.market.buy are known until 2026-01-07T11:00:00Z: those of 48 steps are taken from a day before";
    assert!(said[0].contains(known), "{said:?}");
    assert!(home.planned_w("battery", 2 * 1_440 + 18 * 60) < 0.0, "the evening is expected to be dear as yesterday");
}

#[test]
fn without_any_price_there_is_no_plan_and_it_says_why() {
    let mut history = Columns::default();
    past(&mut history, 0, 1_440);
    let mut home = Home::at(1_440, 0, &mut history);
    let said = home.minutes(2);
    assert!(said[0].contains("no price of home1.market.buy is known"), "{said:?}");
    assert!(said[1].starts_with("no plan holds, strategies carry on"), "{said:?}");
    assert!(home.planner.fault().is_some());
    assert!(home.controller.tick(home.now).faults.contains(&crate::control::Fault::NoPlan));
    // They come, and there is one.
    let times: Vec<_> = (0..72).map(|hour| minutes_in(60 * hour)).collect();
    home.writes("home1.market", "buy", &times, &(0..72).map(price).collect::<Vec<_>>());
    let said = home.minutes(16);
    assert!(said.iter().any(|said| said.starts_with("planned anew")), "{said:?}");
    assert_eq!(home.planner.fault(), None);
}

#[test]
fn a_home_in_its_first_hours_is_planned_by_what_it_takes_now_and_says_so() {
    let mut history = Columns::default();
    past(&mut history, 0, 180);
    let mut home = Home::at(180, 72, &mut history);
    let said = home.minute();
    assert!(said[0].contains("load is known for 3.0 h only: it is taken to go on as it is"), "{said:?}");
    // Nothing at all is known: what flows now.
    let mut home = Home::at(180, 72, &mut Columns::default());
    let said = home.minutes(16);
    assert!(said[0].contains("the load has not been measured yet"), "{said:?}");
    assert!(said.iter().any(|said| said.contains("it is taken to go on as it is")), "{said:?}");
}

#[test]
fn a_load_that_nobody_has_measured_since_the_day_before_yesterday_makes_no_plan() {
    let mut history = Columns::keeping(Span::from_seconds(40 * 86_400));
    past(&mut history, 0, 3 * 1_440);
    let mut home = Home::at(3 * 1_440 + 26 * 60, 24 * 8, &mut history);
    let said = home.minute();
    assert!(said[0].contains("the forecast of load (days:7) is 26.0 h old"), "{said:?}");
    assert!(said[0].contains("expected at most 24.0 h"), "{said:?}");
}

#[test]
fn an_oven_pulls_what_is_expected_of_the_next_hour_and_no_further() {
    let mut home = Home::with_past(3);
    home.minutes(5);
    let usual = |home: &Home, minute: i64| {
        home.planned_w("meter", minute) - home.planned_w("battery", minute) - home.planned_w("roof", minute)
    };
    let (soon, later) = (3 * 1_440 + 20, 3 * 1_440 + 300);
    let before = (usual(&home, soon), usual(&home, later));
    home.extra_w = 2_000.0;
    let said = home.minutes(12);
    assert!(said.iter().any(|said| said.contains("W for five minutes")), "{said:?}");
    let after = (usual(&home, soon), usual(&home, later));
    assert!(after.0 > before.0 + 700.0 && (after.1 - before.1).abs() < 150.0, "{before:?} {after:?}");
}

fn forecast(first: i64, values: Vec<f64>, issued: i64) -> Forecast {
    let horizon = Horizon::even(minutes_in(first), Span::from_seconds(900), values.len()).unwrap();
    Forecast::new(horizon, values, minutes_in(issued), "service").unwrap()
}

#[test]
fn a_forecast_of_a_service_is_used_while_it_can_be_believed() {
    let now = 3 * 1_440;
    // Negative by night, as some are: that is nothing.
    let mut home = Home::with_past(3);
    let mut values = vec![-150.0; 96];
    values[40..60].fill(6_000.0);
    home.planner.give_forecast("roof", forecast(now, values, now - 60)).unwrap();
    let said = home.minute();
    assert!(said[0].contains("the forecast of roof is below zero in 76 steps, down to -150 W: taken as zero"), "{said:?}");
    let roof = |home: &Home| home.planned_w("roof", now + 45 * 15);
    assert!(roof(&home) < -4_000.0, "{}", roof(&home));
    // Stale, and filled with zeros: its own past stands in.
    let mut home = Home::with_past(3);
    home.planner.give_forecast("roof", forecast(now, vec![0.0; 96], now - 26 * 60)).unwrap();
    let said = home.minute();
    assert!(said[0].contains("26.0 h old") && said[0].contains("its own past is used instead"), "{said:?}");
    assert!(roof(&home) < -1_000.0, "{}", roof(&home));
}

#[test]
fn a_forecast_that_ends_early_shortens_the_plan_and_one_that_is_none_is_refused() {
    let now = 3 * 1_440;
    let mut home = Home::with_past(3);
    home.planner.give_forecast("load", forecast(now, vec![500.0; 40], now)).unwrap();
    let said = home.minute();
    assert!(said[0].contains("shortened from 96 to 40 steps"), "{said:?}");
    assert_eq!(home.planner.plan().unwrap().steps(), 40);
    let refused = home.planner.give_forecast("shed", forecast(now, vec![0.0], now)).unwrap_err().to_string();
    assert!(refused.contains("\"shed\""), "{refused}");
    let mut broken = forecast(now, vec![0.0; 96], now);
    broken.values[7] = f64::NAN;
    let refused = home.planner.give_forecast("load", broken).unwrap_err().to_string();
    assert!(refused.contains("forecast of load has the value NaN"), "{refused}");
}

#[test]
fn plans_and_how_far_the_site_was_from_them_are_series_of_the_site() {
    let memcore = Memcore::in_memory();
    let mut store: Box<dyn PlanningHistory> = Box::new(memcore.clone());
    prices(store.as_mut(), 0, 24 * 6, price);
    let write = |name: &str, unit: Unit, of: &dyn Fn(i64) -> f64| {
        let minutes = 0..2 * 1_440;
        let (times, values): (Vec<_>, Vec<_>) = minutes.map(|minute| (minutes_in(minute), Some(of(minute)))).unzip();
        memcore.write(&format!("home1.{name}").parse().unwrap(), &times, &values, Some(unit)).unwrap();
    };
    write("meter.power", Unit::Watt, &|minute| load_w(minute) - sun_w(minute));
    write("roof.power", Unit::Watt, &|minute| -sun_w(minute));
    write("battery.power", Unit::Watt, &|_| 0.0);
    let mut home = Home::at(2 * 1_440, 24 * 6, &mut Columns::default());
    let options = PlannerOptions { written: true, ..PlannerOptions::default() };
    home.planner = SitePlanner::here(home.controller.model(), memcore.clone(), options).unwrap().unwrap();
    home.minutes(17);
    let read = |name: &str| {
        let found = memcore.query(&Query::of(&format!("home1.plan.{name}")).unwrap()).unwrap();
        let series = &found.series()[0];
        let times = series.times().values().iter().map(|time| Timestamp::from_micros(*time));
        times.zip(series.values().unwrap().values().iter().copied()).collect::<Vec<_>>()
    };
    let powers = read("battery.power");
    // From the first plan's first step to the last step of the second.
    assert_eq!((powers.len(), powers[0].0), (97, minutes_in(2 * 1_440)));
    let plan = home.planner.plan().unwrap();
    let battery = &plan.powers.iter().find(|(name, _)| name.as_str() == "battery").unwrap().1;
    assert_eq!(powers[1..].iter().map(|(_, power)| *power).collect::<Vec<_>>(), battery.to_vec());
    assert_eq!(read("battery.soc").len(), 97);
    let deviation = read("meter.deviation");
    assert_eq!((deviation.len(), deviation[0].0), (1, minutes_in(2 * 1_440)));
    assert!(deviation[0].1.abs() < 300.0, "{deviation:?}");
    assert_eq!(read("battery.soc_deviation").len(), 1);
}

#[test]
fn a_thread_makes_the_plan_while_the_loop_goes_on() {
    let mut history = Columns::keeping(Span::from_seconds(40 * 86_400));
    past(&mut history, 0, 3 * 1_440);
    let mut home = Home::at(3 * 1_440, 24 * 7, &mut history);
    home.planner = SitePlanner::with_thread(home.controller.model(), history, PlannerOptions::default()).unwrap().unwrap();
    // The home's clock stands while the thread works.
    let mut ticks = 0;
    home.minute();
    while home.planner.plan().is_none() {
        std::thread::sleep(Duration::from_millis(5));
        home.planner.tick(&mut home.controller, home.now);
        ticks += 1;
        assert!(ticks < 10_000, "no plan came");
    }
    assert!(home.controller.plan().is_some());
}

#[test]
fn a_site_without_planning_has_no_planner() {
    let model: SiteModel = toml::from_str(&HOME.replace("[planning]", "")).unwrap();
    let model = Arc::new(model.check().unwrap());
    assert!(SitePlanner::here(&model, Columns::default(), PlannerOptions::default()).unwrap().is_none());
}
