//! Figures of control: how long a decision takes, alone and for many sites, with wishes that are handed in and with the strategies
//! that are built in.

use std::time::{Duration, Instant};

use memcore::control::{Asset, Controller, Moment, Priority, Proposal, Role, SiteModel, Target, actors};
use memcore::model::{Name, Sample, SeriesName, Span, Timestamp};
use memcore::simulation::{SimulationOptions, simulate_control};
use memcore::{SiteModelFormat, parse_site_model};

use super::{Figure, control_jitter};

/// Ticks of a site that are timed.
const TICKS: usize = 4_000;
const SITES: usize = 1_000;

/// A site with its readings.
struct Site {
    controller: Controller,
    readings: Vec<(SeriesName, f64)>,
    now: Moment,
}

pub(crate) fn figures() -> Vec<Figure> {
    let mut figures = Vec::new();
    for (called, strategies) in [("30 proposals, 6 circuits", false), ("4 strategies, 6 circuits", true)] {
        let (median, worst) = decision(strategies);
        figures.push(lower(format!("control, decision for 20 devices, {called}, median"), median, "us", Some(50.0)));
        figures.push(lower(format!("control, decision for 20 devices, {called}, p99"), worst, "us", None));
        let second = many(strategies);
        figures.push(lower(format!("control, {SITES} sites once with their readings, {called}"), second, "s", Some(1.0)));
    }
    figures.extend(jitter());
    figures.extend(year());
    figures
}

/// How late ticks begin while an actor blocks, points are written and the store compacts.
fn jitter() -> [Figure; 2] {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let measured = control_jitter::measure(folder.path(), Span::from_millis(100), Duration::from_secs(30));
    let jitter = runtime.block_on(measured).unwrap_or_else(|e| panic!("{e}"));
    let late = jitter.status.ticks.late;
    let beside = format!("beside an actor that blocks, {} compactions and {} points", jitter.compactions, jitter.written);
    [
        lower(format!("control, lateness of a tick, p99, {beside}"), f64::from(late.p99_us) / 1e3, "ms", Some(20.0)),
        lower("control, lateness of a tick, the longest".to_owned(), f64::from(late.max_us) / 1e3, "ms", None),
    ]
}

/// A year of a home of ten devices, decided each minute and planned each quarter of an hour.
fn year() -> [Figure; 2] {
    let home = parse_site_model(include_str!("../../examples/home.control.toml"), SiteModelFormat::Toml);
    let more = |name: &str| Ok::<_, memcore::Error>(Asset::switch(name, 1_500.0)?.setpoint("on"));
    let home = home.and_then(|home| Ok(home.with(more("dishwasher")?).with(more("pump")?).with(more("freezer")?)));
    let home = home.unwrap_or_else(|e| panic!("{e}"));
    let options = SimulationOptions::new(Timestamp::from_seconds(1_767_225_600), Span::from_seconds(365 * 86_400));
    let began = Instant::now();
    let simulated = simulate_control(&home, options.step(Span::from_seconds(60)), |_| Ok(()));
    let simulated = simulated.unwrap_or_else(|e| panic!("{e}"));
    let simulated = simulated.figures();
    let (decisions, plans) = (simulated.decisions, simulated.plans);
    let broken = simulated.violations.len() as f64 + simulated.violations_more as f64;
    [
        lower(
            format!("control, a year of 10 devices, {decisions} decisions, {plans} plans"),
            began.elapsed().as_secs_f64(),
            "s",
            Some(60.0),
        ),
        lower("control, limits broken in that year".to_owned(), broken, "", Some(0.0)),
    ]
}

fn lower(name: String, value: f64, unit: &'static str, target: Option<f64>) -> Figure {
    Figure { name, value, unit, better: "lower", target }
}

/// The median and the 99th percentile of a tick, in microseconds.
fn decision(strategies: bool) -> (f64, f64) {
    let mut site = Site::new(0, strategies);
    let mut times: Vec<f64> = (0..TICKS)
        .map(|second| {
            site.hear(second);
            let began = Instant::now();
            let decision = site.controller.tick(site.now);
            let took = began.elapsed();
            assert_eq!(decision.assets.iter().flatten().count(), 20);
            took.as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    (times[TICKS / 2], times[TICKS * 99 / 100])
}

/// The seconds that all sites take for one tick each, readings included: the best of five.
fn many(strategies: bool) -> f64 {
    let mut sites: Vec<Site> = (0..SITES).map(|i| Site::new(i, strategies)).collect();
    let mut best = f64::INFINITY;
    for second in 0..5 {
        let began = Instant::now();
        for site in &mut sites {
            site.hear(second);
            site.controller.tick(site.now);
        }
        best = best.min(began.elapsed().as_secs_f64());
    }
    best
}

impl Site {
    fn new(number: usize, strategies: bool) -> Self {
        let model: SiteModel = serde_json::from_value(described(strategies)).expect("a site model");
        let model = model.check().unwrap_or_else(|e| panic!("{e}"));
        let readings = model.series().map(|series| (series.clone(), reading(series, number))).collect();
        let actors = actors(&model).unwrap_or_else(|e| panic!("{e}"));
        let wall = Timestamp::from_seconds(1_782_907_200);
        let now = Moment { wall, elapsed: Duration::from_secs(1_000) };
        let mut site = Self { controller: Controller::new(model, actors), readings, now };
        if !strategies {
            site.wish();
        }
        site
    }

    /// A second later, everything was measured.
    fn hear(&mut self, second: usize) {
        self.now = self.now.after(Span::from_seconds(1));
        for (i, (series, value)) in self.readings.iter().enumerate() {
            let moved = 1.0 + 0.05 * ((second + i) as f64).sin();
            let value = if series.channel.as_str() == "power" { value * moved } else { *value };
            self.controller.read(series, Sample { time: self.now.wall, value }, self.now);
        }
    }

    /// One wish for each device, and ten for all of a role or for bounds.
    fn wish(&mut self) {
        let model = self.controller.model().clone();
        let named = |text: &str| Name::new(text).expect("a name");
        let of = |i: usize| Priority::new(10 + (i % 5) as u8 * 10).expect("a priority");
        let mut wishes = Vec::new();
        for (i, asset) in model.assets().iter().filter(|asset| asset.setpoint.is_some()).enumerate() {
            let power_w = if asset.high_w > 0.0 { 0.7 * asset.high_w } else { 0.7 * asset.low_w };
            let target = Target::Asset(asset.name.clone());
            wishes.push(Proposal::power(named("planner"), target.clone(), power_w, of(i), "the plan says so"));
            if i % 3 == 0 && asset.high_w > 0.0 {
                let high_w = Some(0.8 * asset.high_w);
                wishes.push(Proposal::bounds(named("owner"), target, None, high_w, of(i + 1), "quiet hours"));
            }
        }
        let roles = [(Role::Charger, 20_000.0), (Role::Battery, -6_000.0), (Role::HeatPump, 5_000.0)];
        for (role, power_w) in roles {
            let (actor, target) = (named("surplus"), Target::Role(role));
            wishes.push(Proposal::power(actor, target, power_w, of(2), "the sun shines"));
        }
        let dimmed = Proposal::bounds(named("dso"), Target::Role(Role::Charger), None, Some(30_000.0), of(4), "dimmed");
        wishes.push(dimmed);
        assert!((28..=32).contains(&wishes.len()), "{}", wishes.len());
        for wish in wishes {
            let day = Span::from_seconds(86_400);
            self.controller.propose(wish.valid_for(day), self.now).unwrap_or_else(|e| panic!("{e}"));
        }
    }
}

/// What a channel reads.
fn reading(series: &SeriesName, number: usize) -> f64 {
    let device = series.device.device.as_str();
    match series.channel.as_str() {
        "power" if device == "meter0" => 4_000.0 + number as f64,
        "power" if device.starts_with("meter") => 2_000.0,
        "power" if device.starts_with("pv") => -3_000.0,
        "soc" => 0.5,
        "connected" => 1.0,
        "power" => 1_500.0,
        _ => 8.0,
    }
}

/// A site with a meter, 20 devices and 6 circuits, the feeder among them.
fn described(strategies: bool) -> serde_json::Value {
    let mut assets = Vec::new();
    let mut circuits = Vec::new();
    for i in 0..6 {
        let role = if i == 0 { "grid_meter" } else { "meter" };
        let currents = ["current_l1", "current_l2", "current_l3"];
        assets.push(serde_json::json!({ "name": format!("meter{i}"), "role": role, "currents": currents, "period": "1s" }));
        let (name, meter) = (format!("circuit{i}"), format!("meter{i}"));
        let mut circuit = serde_json::json!({ "name": name, "limit_a": if i == 0 { 100 } else { 32 }, "meter": meter });
        if i > 0 {
            circuit["within"] = "circuit0".into();
        } else {
            assets[0]["circuit"] = "circuit0".into();
        }
        if i > 0 {
            assets[i]["circuit"] = format!("circuit{i}").into();
        }
        circuits.push(circuit);
    }
    let mut device = |kind: &str, count: usize, more: serde_json::Value| {
        for i in 0..count {
            let circuit = format!("circuit{}", 1 + assets.len() % 5);
            let mut asset = serde_json::json!({ "name": format!("{kind}{i}"), "setpoint": "limit", "period": "1s", "circuit": circuit });
            let fields = more.as_object().expect("fields").clone();
            asset.as_object_mut().expect("an object").extend(fields);
            assets.push(asset);
        }
    };
    let storage = serde_json::json!({ "capacity_wh": 10_000 });
    device(
        "battery",
        2,
        serde_json::json!({ "role": "battery", "soc": "soc", "range_w": [-5_000, 5_000], "storage": storage }),
    );
    let vehicle = serde_json::json!({ "capacity_wh": 60_000 });
    let charger = serde_json::json!({
        "role": "charger", "soc": "soc", "connected": "connected", "range_w": [0, 11_040], "least_w": 4_140, "vehicle": vehicle,
        "setpoint_unit": "a"
    });
    device("charger", 8, charger);
    device("pv", 3, serde_json::json!({ "role": "pv", "range_w": [-8_000, 0], "safe_w": -8_000, "assumed_w": 0 }));
    device("pump", 2, serde_json::json!({ "role": "heat_pump", "range_w": [0, 4_000], "levels_w": [0, 2_000, 4_000] }));
    device("load", 5, serde_json::json!({ "role": "load", "range_w": [0, 3_000], "shed_order": 1 }));
    let strategies = if strategies {
        serde_json::json!([
            { "kind": "surplus_charging", "asset": "charger0" }, { "kind": "self_consumption", "asset": "battery0" },
            { "kind": "peak_shaving", "limit_w": 40_000, "asset": "battery1" },
            { "kind": "load_shedding", "import_limit_w": 50_000 }
        ])
    } else {
        serde_json::json!([])
    };
    serde_json::json!({ "site": "home", "asset": assets, "circuit": circuits, "strategy": strategies })
}
