//! Clean sites: what their meters would report if nothing were wrong.

use memcore::doctor::{Examination, Role, Series};
use memcore::model::{Kind, Quantity, SignConvention, Span, Unit};

use super::random::Random;

pub(crate) const SECOND: i64 = 1_000_000;
pub(crate) const MINUTE: i64 = 60 * SECOND;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;
/// 2024-01-01T00:00:00Z.
const YEAR_2024: i64 = 1_704_067_200 * SECOND;

#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) quantity: Quantity,
    pub(crate) unit: Unit,
    pub(crate) kind: Kind,
    pub(crate) sign: SignConvention,
    pub(crate) cadence: Option<Span>,
    pub(crate) role: Option<Role>,
    pub(crate) times: Vec<i64>,
    pub(crate) values: Vec<f64>,
}

impl Column {
    fn series(&self) -> Series<'_> {
        let mut series = Series::new(&self.name, &self.times, &self.values).unwrap().in_unit(self.unit);
        series.quantity = Some(self.quantity);
        series.kind = Some(self.kind);
        series.sign = Some(self.sign);
        series.cadence = self.cadence;
        series.role = self.role;
        series
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Site {
    pub(crate) what: &'static str,
    pub(crate) columns: Vec<Column>,
    pub(crate) cadence: i64,
    pub(crate) options: Examination,
    /// Where it lies, for whoever wants to tell the doctor.
    pub(crate) position: Option<(f64, f64)>,
}

/// The kinds of sites.
pub(crate) const SITES: [&str; 7] = [
    "household, 1 min",
    "PV, 5 min",
    "PV, 15 min",
    "PV and battery, 5 min",
    "EV, 1 min",
    "HEM nodes, 1 min",
    "roofs to any side, 30 or 60 min",
];

impl Site {
    pub(crate) fn new(which: usize, seed: u64) -> Self {
        let mut random = Random::new(seed * 31 + which as u64);
        match which {
            0 => household(&mut random, 10),
            1 => pv(&mut random, 5 * MINUTE, 40, SITES[1]),
            2 => pv(&mut random, 15 * MINUTE, 120, SITES[2]),
            3 => battery(&mut random),
            4 => ev(&mut random),
            5 => hem(&mut random),
            _ => roof(&mut random),
        }
    }

    /// A household of so many days, a row a minute.
    pub(crate) fn household(seed: u64, days: usize) -> Self {
        household(&mut Random::new(seed), days)
    }

    pub(crate) fn series(&self) -> Vec<Series<'_>> {
        self.columns.iter().map(Column::series).collect()
    }

    pub(crate) fn at(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    fn add(&mut self, name: &str, unit: Unit, quantity: Quantity, times: &[i64], values: Vec<f64>) -> &mut Column {
        self.columns.push(Column {
            name: name.into(),
            quantity,
            unit,
            kind: Kind::Gauge,
            sign: SignConvention::Passive,
            cadence: None,
            role: None,
            times: times.to_vec(),
            values,
        });
        self.columns.last_mut().unwrap()
    }

    fn empty(what: &'static str, cadence: i64) -> Self {
        Self { what, columns: Vec::new(), cadence, options: Examination::default(), position: None }
    }
}

fn clock(random: &mut Random, cadence: i64, days: usize) -> Vec<i64> {
    let start = YEAR_2024 + random.below(0, 300) as i64 * DAY;
    (0..(days as i64 * DAY / cadence)).map(|n| start + n * cadence).collect()
}

fn rounded(values: Vec<f64>, digit: f64) -> Vec<f64> {
    // By division, so that 0.1 stays 0.1.
    values.into_iter().map(|value| (value / digit).round() / (1.0 / digit) + 0.0).collect()
}

/// Power of a house in W: what is always on, a fridge, cooking, kettles, washing, evenings.
fn load(random: &mut Random, times: &[i64], cadence: i64) -> Vec<f64> {
    let base = random.uniform(60.0, 300.0);
    let minutes = cadence as f64 / MINUTE as f64;
    let fridge = random.uniform(60.0, 120.0);
    let mut fridge_phase = 0.0;
    let mut mood = 0.0;
    let (mut left, mut power) = (0.0_f64, 0.0);
    let jitter = random.uniform(2.0, 8.0);
    times
        .iter()
        .map(|time| {
            let hour = time.rem_euclid(DAY) as f64 / HOUR as f64;
            fridge_phase += minutes / random.uniform(40.0, 50.0);
            mood = 0.98 * mood + 0.06 * random.normal();
            let evening = (-(hour - 19.5) * (hour - 19.5) / 8.0).exp() + 0.5 * (-(hour - 7.0) * (hour - 7.0) / 2.0).exp();
            if left <= 0.0 && random.happens(minutes * (0.002 + 0.03 * evening)) {
                (left, power) =
                    random.pick(&[(3.0, 2000.0), (12.0, 1800.0), (45.0, 2100.0), (90.0, 400.0), (30.0, 1200.0)]);
                power *= random.uniform(0.9, 1.1);
            }
            let share = (left / minutes).clamp(0.0, 1.0);
            let running = if left > 0.0 { power * share } else { 0.0 };
            left -= minutes;
            let cooling = if fridge_phase % 1.0 < 0.4 { fridge } else { 0.0 };
            let lights = 250.0 * evening * (1.0 + mood).max(0.2);
            (base + cooling + running + lights + jitter * random.normal()).max(20.0)
        })
        .collect()
}

/// Production of an array in W, positive, with clouds; 0 at night.
fn production(random: &mut Random, times: &[i64], cadence: i64, latitude: f64, longitude: f64) -> Vec<f64> {
    let peak = random.uniform(2500.0, 12_000.0);
    let steps = cadence as f64 / (5.0 * MINUTE as f64);
    let keep = 0.9_f64.powf(steps);
    let (mut cloud, mut weather, mut day) = (0.0, 0.5, i64::MIN);
    times
        .iter()
        .map(|time| {
            if time.div_euclid(DAY) != day {
                day = time.div_euclid(DAY);
                weather = random.uniform(0.0, 1.0);
            }
            cloud = keep * cloud + (1.0 - keep * keep).sqrt() * random.normal();
            let height = elevation_sine(*time + cadence / 2, latitude, longitude);
            let clear = if height <= 0.0 { 0.0 } else { 1.1 * height * (-0.06 / height).exp() };
            let cover = (weather + 0.35 * cloud).clamp(0.0, 1.0);
            peak * clear * (1.0 - 0.75 * cover.powi(3))
        })
        .collect()
}

/// The sun as it stands: upwards, to the north, to the east.
fn sun(time: i64, latitude: f64, longitude: f64) -> [f64; 3] {
    let days = (time - YEAR_2024) as f64 / DAY as f64;
    let declination = (23.45_f64).to_radians() * (std::f64::consts::TAU * (284.0 + days) / 365.25).sin();
    let (sine, cosine) = (std::f64::consts::TAU * (days.fract() - 0.5 + longitude / 360.0)).sin_cos();
    let (south, flat) = latitude.to_radians().sin_cos();
    let (up, along) = declination.sin_cos();
    [south * up + flat * along * cosine, flat * up - south * along * cosine, -along * sine]
}

/// An array on a roof that looks anywhere from east to west, with the light of the sky beside that of the sun; means of each
/// interval.
fn roof(random: &mut Random) -> Site {
    let cadence = random.pick(&[30 * MINUTE, HOUR]);
    let mut site = Site::empty(SITES[6], cadence);
    let times = clock(random, cadence, 150);
    let (latitude, longitude) = (random.uniform(30.0, 55.0), random.uniform(-100.0, 25.0));
    site.position = Some((latitude, longitude));
    let (tilt, west) = (random.uniform(5.0, 45.0).to_radians(), random.uniform(-80.0, 80.0).to_radians());
    let peak = random.uniform(3000.0, 10_000.0);
    let made: Vec<f64> = times
        .iter()
        .map(|time| {
            let cover = random.uniform(-0.3, 1.0).max(0.0);
            let moment = |n: i64| {
                let [up, north, east] = sun(time + (2 * n + 1) * cadence / 24, latitude, longitude);
                if up <= 0.0 {
                    return 0.0;
                }
                let facing = up * tilt.cos() - tilt.sin() * (north * west.cos() + east * west.sin());
                let beam = 0.95 * (-0.12 / up).exp() * facing.max(0.0) * (1.0 - cover);
                beam + 0.15 * up.powf(0.7) * (1.0 - 0.4 * cover)
            };
            peak * (0..12).map(moment).sum::<f64>() / 12.0
        })
        .collect();
    let used = load(random, &times, cadence);
    site.add("pv.power", Unit::Watt, Quantity::Power, &times, rounded(made.iter().map(|made| 0.0 - made).collect(), 1.0));
    site.add("house.power", Unit::Watt, Quantity::Power, &times, rounded(used, 1.0));
    site
}

/// Cooper's declination (1969); the equation of time is left out, a few minutes that drift slowly.
fn elevation_sine(time: i64, latitude: f64, longitude: f64) -> f64 {
    let days = (time - YEAR_2024) as f64 / DAY as f64;
    let declination = (23.45_f64).to_radians() * (std::f64::consts::TAU * (284.0 + days) / 365.25).sin();
    let hour_angle = std::f64::consts::TAU * (days.fract() - 0.5 + longitude / 360.0);
    let latitude = latitude.to_radians();
    latitude.sin() * declination.sin() + latitude.cos() * declination.cos() * hour_angle.cos()
}

/// Registers in Wh of a power in W, read at the start of each interval.
fn register(power: impl Iterator<Item = f64>, cadence: i64, start: f64) -> Vec<f64> {
    let hours = cadence as f64 / HOUR as f64;
    let mut total = start;
    power
        .map(|power| {
            let reading = total;
            total += power * hours;
            reading
        })
        .collect()
}

fn household(random: &mut Random, days: usize) -> Site {
    let mut site = Site::empty(SITES[0], MINUTE);
    let times = clock(random, MINUTE, days);
    let power = load(random, &times, MINUTE);
    let mut drift = 0.0;
    let voltage: Vec<f64> = power
        .iter()
        .map(|power| {
            drift = 0.98 * drift + 0.3 * random.normal();
            231.0 + drift - 0.0006 * power + 0.2 * random.normal()
        })
        .collect();
    let current = power.iter().zip(&voltage).map(|(power, voltage)| power / voltage / 0.97).collect();
    // Energy a minute of what draws more than so much.
    let of_large = |above: f64| -> Vec<f64> {
        power.iter().map(|power| if *power > above { (power - above / 2.0) / 60.0 } else { 0.0 }).collect()
    };
    let subs = [900.0, 1500.0, 2200.0].map(of_large);
    let start = random.uniform(1e6, 4e7);
    site.add(
        "house.energy",
        Unit::KilowattHour,
        Quantity::Energy,
        &times,
        rounded(register(power.iter().copied(), MINUTE, start).iter().map(|wh| wh / 1000.0).collect(), 0.001),
    )
    .kind = Kind::Counter;
    site.add("house.power", Unit::Watt, Quantity::Power, &times, rounded(power, 1.0));
    site.add("house.voltage", Unit::Volt, Quantity::Voltage, &times, rounded(voltage, 0.1));
    site.add("house.current", Unit::Ampere, Quantity::Current, &times, rounded(current, 0.01));
    for (n, sub) in subs.into_iter().enumerate() {
        site.add(&format!("house.sub{}", n + 1), Unit::WattHour, Quantity::Energy, &times, rounded(sub, 1.0));
    }
    site
}

fn pv(random: &mut Random, cadence: i64, days: usize, what: &'static str) -> Site {
    let mut site = Site::empty(what, cadence);
    let times = clock(random, cadence, days);
    let (latitude, longitude) = (random.uniform(30.0, 55.0), random.uniform(-100.0, 25.0));
    site.position = Some((latitude, longitude));
    let made = production(random, &times, cadence, latitude, longitude);
    let used = load(random, &times, cadence);
    let own = if random.happens(0.4) { random.uniform(1.0, 8.0) } else { 0.0 };
    let passive: Vec<f64> = made.iter().map(|made| if *made > 8.0 { -made } else { own }).collect();
    let grid: Vec<f64> = passive.iter().zip(&used).map(|(pv, used)| pv + used + 3.0 * random.normal()).collect();
    let (pv_sign, grid_sign) = (convention(random), convention(random));
    let as_said = |values: Vec<f64>, sign| {
        if sign == SignConvention::Generator { values.iter().map(|v| 0.0 - v).collect() } else { values }
    };
    let start = random.uniform(1e5, 4e7);
    let import = register(grid.iter().map(|grid| grid.max(0.0)), cadence, start);
    site.add("pv.power", Unit::Watt, Quantity::Power, &times, rounded(as_said(passive, pv_sign), 0.1)).sign = pv_sign;
    site.add("grid.power", Unit::Watt, Quantity::Power, &times, rounded(as_said(grid, grid_sign), 1.0)).sign = grid_sign;
    if random.happens(0.6) {
        site.add("house.power", Unit::Watt, Quantity::Power, &times, rounded(used, 1.0)).role = Some(Role::Load);
    }
    site.add(
        "meter.import",
        Unit::KilowattHour,
        Quantity::Energy,
        &times,
        rounded(import.iter().map(|wh| wh / 1000.0).collect(), 0.001),
    )
    .kind = Kind::Counter;
    site
}

fn convention(random: &mut Random) -> SignConvention {
    if random.happens(0.5) { SignConvention::Passive } else { SignConvention::Generator }
}

fn battery(random: &mut Random) -> Site {
    let mut site = Site::empty(SITES[3], 5 * MINUTE);
    let times = clock(random, 5 * MINUTE, 30);
    let (latitude, longitude) = (random.uniform(30.0, 52.0), random.uniform(-10.0, 25.0));
    site.position = Some((latitude, longitude));
    let made = production(random, &times, site.cadence, latitude, longitude);
    let used = load(random, &times, site.cadence);
    let capacity = random.uniform(5000.0, 12_000.0);
    let (mut content, mut charge, mut socs) = (capacity * 0.4, Vec::new(), Vec::new());
    for (made, used) in made.iter().zip(&used) {
        socs.push(content / capacity);
        let room = ((capacity - content) * 12.0).min(3000.0);
        let stock = ((content - 0.05 * capacity) * 12.0).clamp(0.0, 3000.0);
        let power = (made - used).clamp(-stock, room);
        content += power / 12.0 * if power > 0.0 { 0.95 } else { 1.0 / 0.95 };
        charge.push(power);
    }
    let grid: Vec<f64> = (0..times.len()).map(|n| used[n] + charge[n] - made[n] + 4.0 * random.normal()).collect();
    let signs = [convention(random), convention(random), convention(random)];
    let said = |values: Vec<f64>, sign: SignConvention| {
        rounded(if sign == SignConvention::Generator { values.iter().map(|v| 0.0 - v).collect() } else { values }, 1.0)
    };
    site.add("grid.power", Unit::Watt, Quantity::Power, &times, said(grid, signs[0])).sign = signs[0];
    site.add(
        "pv.power",
        Unit::Watt,
        Quantity::Power,
        &times,
        said(made.iter().map(|made| 0.0 - made).collect(), signs[1]),
    )
    .sign = signs[1];
    site.add("battery.power", Unit::Watt, Quantity::Power, &times, said(charge, signs[2])).sign = signs[2];
    site.add(
        "battery.soc",
        Unit::Percent,
        Quantity::StateOfCharge,
        &times,
        rounded(socs.iter().map(|soc| soc * 100.0).collect(), 0.1),
    );
    site.add("house.power", Unit::Watt, Quantity::Power, &times, rounded(used, 1.0));
    site
}

fn ev(random: &mut Random) -> Site {
    let mut site = Site::empty(SITES[4], MINUTE);
    let times = clock(random, MINUTE, 10);
    let used = load(random, &times, MINUTE);
    let (mut left, mut rate) = (0.0, 0.0);
    let mut parked: Vec<f64> = Vec::new();
    for time in &times {
        let hour = time.rem_euclid(DAY) as f64 / HOUR as f64;
        if left <= 0.0 && (17.0..22.0).contains(&hour) && random.happens(0.004) {
            (left, rate) = (random.uniform(60.0, 400.0), random.pick(&[3680.0, 7360.0, 11_040.0]));
        }
        left -= 1.0;
        parked.push(if left > 0.0 { rate + 15.0 * random.normal() } else { 0.0 });
    }
    let grid = used.iter().zip(&parked).map(|(used, ev)| used + ev).collect::<Vec<_>>();
    let start = random.uniform(1e5, 2e7);
    let energy = register(parked.iter().copied(), MINUTE, start);
    site.add("grid.power", Unit::Watt, Quantity::Power, &times, rounded(grid, 1.0));
    site.add("house.power", Unit::Watt, Quantity::Power, &times, rounded(used, 1.0));
    site.add("ev.power", Unit::Watt, Quantity::Power, &times, rounded(parked, 1.0));
    site.add("ev.energy", Unit::WattHour, Quantity::Energy, &times, rounded(energy, 1.0)).kind = Kind::Counter;
    site
}

fn hem(random: &mut Random) -> Site {
    let mut site = Site::empty(SITES[5], MINUTE);
    let times = clock(random, MINUTE, 5);
    for node in 0..6 {
        let idle = random.pick(&[0.0, 0.0, 1.0, 4.0, 37.0]);
        let (often, long, power) =
            random.pick(&[(0.001, 40.0, 2000.0), (0.02, 15.0, 90.0), (0.004, 3.0, 2900.0), (0.0008, 120.0, 400.0)]);
        let mut left = 0.0;
        let values = times
            .iter()
            .map(|_| {
                if left <= 0.0 && random.happens(often) {
                    left = long * random.uniform(0.5, 1.5);
                }
                left -= 1.0;
                if left > 0.0 { power * random.uniform(0.95, 1.05) } else { idle }
            })
            .collect::<Vec<f64>>();
        site.add(&format!("hem.node{node}.power"), Unit::Watt, Quantity::Power, &times, rounded(values, 1.0));
    }
    site
}
