//! What an energy engineer would check of a simulated street.

use super::*;
use crate::model::{ChannelName, DeviceName, Span, Timestamp};

const SECOND: Span = Span::from_seconds(1);
const MINUTE: Span = Span::from_seconds(60);
/// A Thursday in June; local time is an hour ahead.
const MIDNIGHT: i64 = 1_718_841_600 - 3_600;

fn street(seed: u64, devices: usize) -> Street {
    let start = Timestamp::from_seconds(MIDNIGHT);
    Street::new(StreetOptions { seed, start, devices, ..StreetOptions::default() }).unwrap()
}

fn name(text: &str) -> ChannelName {
    text.parse().unwrap()
}

fn device<'s>(street: &'s Street, text: &str) -> &'s StreetDevice {
    let wanted: DeviceName = text.parse().unwrap();
    street.devices().iter().find(|device| *device.name() == wanted).unwrap()
}

/// What a device reported for a channel, as it would be stored: base unit, passive sign.
fn stored(device: &StreetDevice, channel: &str) -> f64 {
    let index = device.channels().iter().position(|known| known.name.as_str() == channel).unwrap();
    device.channels()[index].to_stored(device.row()[index].unwrap())
}

/// Every bit that the first `devices` of a street report over some steps.
fn record(mut street: Street, devices: usize, steps: usize, step: Span) -> Vec<u64> {
    let mut bits = Vec::new();
    for _ in 0..steps {
        street.advance(step);
        let rows = street.devices()[..devices].iter().flat_map(|device| device.row());
        bits.extend(rows.map(|value| value.unwrap().to_bits()));
    }
    bits
}

#[test]
fn the_same_seed_gives_the_same_street_bit_for_bit_and_another_seed_another() {
    let first = record(street(7, 12), 12, 2_000, MINUTE);
    assert_eq!(first, record(street(7, 12), 12, 2_000, MINUTE));
    assert_ne!(first, record(street(8, 12), 12, 2_000, MINUTE));
}

/// Whoever changes a model changes this number knowingly; no platform, optimizer or library may change it.
#[test]
fn the_first_day_of_a_street_is_fixed_for_ever() {
    let bits = record(street(1, 6), 6, 24 * 60, MINUTE);
    let hash = bits.iter().fold(0u64, |hash, bits| (hash.rotate_left(5) ^ bits).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    assert_eq!((bits.len(), hash), (1_440 * 44, 359_133_003_501_496_175));
}

#[test]
fn one_more_device_changes_nothing_at_the_others() {
    assert_eq!(record(street(7, 5), 5, 2_000, MINUTE), record(street(7, 23), 5, 2_000, MINUTE));
}

#[test]
fn four_devices_are_a_board_an_array_a_battery_and_a_household() {
    let mut street = street(1, 4);
    street.advance(SECOND);
    let names: Vec<_> = street.devices().iter().map(|device| device.name().to_string()).collect();
    assert_eq!(names, ["home1.hem", "home1.pv", "home1.battery", "home1.house"]);
    assert!(street.devices()[0].channels().iter().any(|c| c.writable && c.name.as_str() == "node0.switch"));
    for device in street.devices() {
        assert_eq!(device.row().len(), device.channels().len(), "{}", device.name());
    }
    let e = Street::new(StreetOptions { devices: 0, ..StreetOptions::default() }).unwrap_err();
    assert_eq!(e.message(), "`devices` is 0, expected 1 to 100000");
    let location = Location { latitude: 95.0, ..Location::default() };
    let e = Street::new(StreetOptions { location, ..StreetOptions::default() }).unwrap_err();
    assert_eq!(e.message(), "`latitude` is 95, expected -90 to 90");
    let many = self::street(1, 40);
    let mut names: Vec<_> = many.devices().iter().map(|device| device.name().to_string()).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 40);
}

#[test]
fn every_value_lies_in_the_range_that_its_channel_promises() {
    let mut street = street(3, 12);
    for _ in 0..7 * 24 * 60 {
        street.advance(MINUTE);
        for device in street.devices() {
            for (channel, value) in device.channels().iter().zip(device.row()) {
                let value = value.unwrap();
                assert!(value.is_finite(), "{}.{}", device.name(), channel.name);
                assert!(channel.range.is_none_or(|r| r.contains(value)), "{}.{} {value}", device.name(), channel.name);
            }
        }
    }
}

#[test]
fn the_power_of_a_node_follows_its_switch_one_reading_later() {
    let mut street = street(1, 1);
    let read = |street: &mut Street| {
        street.advance(SECOND);
        let board = &street.devices()[0];
        [stored(board, "node0.switch"), stored(board, "node0.current"), stored(board, "node0.power")]
    };
    read(&mut street);
    let [on, current, power] = read(&mut street);
    assert!(on == 1.0 && current > 0.1 && power > 1.0);

    assert_eq!(street.devices_mut()[0].command(&name("node0.switch"), 0.0), Ok(0.0));
    let [off, idle, late] = read(&mut street);
    assert!(off == 0.0 && idle < 0.06 && late > 1.0, "{off} {idle} A {late} W");
    assert!(read(&mut street)[2] < 1.0);

    assert_eq!(street.devices_mut()[0].command(&name("node0.switch"), 1.0), Ok(1.0));
    assert!(read(&mut street)[2] < 1.0);
    assert!(read(&mut street)[2] > 1.0);
}

#[test]
fn a_board_measures_in_the_steps_of_its_converters() {
    let mut street = street(2, 1);
    for _ in 0..5_000 {
        street.advance(MINUTE);
        let board = &street.devices()[0];
        let volts = stored(board, "bus.voltage");
        assert!((15.6..=17.8).contains(&volts) && (volts * 32.0).fract() == 0.0, "{volts} V");
        for node in 0..8 {
            let amperes = stored(board, &format!("node{node}.current"));
            assert!((0.0..=2.5).contains(&amperes) && (amperes * 1000.0).round() / 1000.0 == amperes, "{amperes} A");
            if stored(board, &format!("node{node}.switch")) == 0.0 {
                assert!(stored(board, &format!("node{node}.power")) < 1.0);
            }
        }
    }
}

#[test]
fn a_board_of_eight_powers_draws_what_the_full_board_draws() {
    let stream = || RandomStream::new(4, "home1.hem");
    let (mut full, mut lean) = (HemBoard::new(stream()).unwrap(), HemBoard::power_only(stream()).unwrap());
    let mut world = World::new(4, Timestamp::from_seconds(MIDNIGHT), Location::default());
    for _ in 0..100 {
        world.advance(SECOND);
        let (mut all, mut eight) = (Vec::new(), Vec::new());
        full.step(&world, &mut all);
        lean.step(&world, &mut eight);
        assert_eq!((eight.len(), all.len()), (8, full.channels().len()));
        assert_eq!(all[..8], eight[..]);
    }
    assert_eq!(lean.command(&name("node0.switch"), 0.0).unwrap_err().code, RefusalCode::UnknownChannel);
}

#[test]
fn what_a_device_cannot_do_is_refused_and_changes_nothing() {
    let mut street = street(1, 6);
    for (device, channel, value, code) in [
        ("home1.hem", "node0.switch", 0.5, RefusalCode::OutOfRange),
        ("home1.hem", "node0.switch", f64::NAN, RefusalCode::OutOfRange),
        ("home1.hem", "node8.switch", 1.0, RefusalCode::UnknownChannel),
        ("home1.hem", "node0.power", 1.0, RefusalCode::NotWritable),
        ("home1.pv", "power", 1.0, RefusalCode::NotWritable),
        ("home1.battery", "power", f64::NAN, RefusalCode::OutOfRange),
        ("home1.battery", "power", f64::INFINITY, RefusalCode::OutOfRange),
        ("home1.battery", "power", 1e6, RefusalCode::OutOfRange),
        ("home1.battery", "soc", 0.5, RefusalCode::NotWritable),
        ("home1.house", "power", 0.0, RefusalCode::NotWritable),
        ("home1.ev", "current_limit", 3.0, RefusalCode::OutOfRange),
        ("home1.ev", "current_limit", 32.5, RefusalCode::OutOfRange),
        ("home1.ev", "current_limit", -6.0, RefusalCode::OutOfRange),
        ("home1.ev", "current_limit", f64::NAN, RefusalCode::OutOfRange),
        ("home1.meter", "power", 0.0, RefusalCode::NotWritable),
    ] {
        let refused = street.device_mut(&device.parse().unwrap()).unwrap().command(&name(channel), value).unwrap_err();
        assert_eq!(refused.code, code, "{device}.{channel} = {value}: {refused}");
        assert!(refused.reason.contains(channel), "{refused}");
    }
    assert_eq!(record(street, 6, 100, MINUTE), record(self::street(1, 6), 6, 100, MINUTE));
}

#[test]
fn an_array_gives_nothing_at_night_and_no_more_than_its_inverter_by_day() {
    let settings = PvSettings { peak_power: 9_000.0, inverter_limit: 5_000.0, standby: 2.0, ..PvSettings::default() };
    let mut array = PvArray::new(settings, RandomStream::new(1, "home1.pv")).unwrap();
    let mut world = World::new(1, Timestamp::from_seconds(MIDNIGHT), Location::default());
    let (mut nights, mut limited, mut counter) = (0, 0, 0.0);
    for _ in 0..14 * 24 * 60 {
        world.advance(MINUTE);
        let mut row = Vec::new();
        array.step(&world, &mut row);
        let [power, energy, irradiance] = [0, 1, 2].map(|at| row[at].unwrap());
        assert!((-2.0..=5_000.0).contains(&power), "{power} W");
        assert_eq!(array.power(), array.channels()[0].to_stored(power));
        assert!(energy >= counter);
        counter = energy;
        limited += usize::from(power == 5_000.0);
        if !(3.0..22.0).contains(&world.local().hour()) {
            nights += 1;
            assert_eq!((irradiance, power), (0.0, -2.0));
        }
    }
    // Two June weeks of 9 kW in Germany give something like 40 kWh a day.
    assert!(nights > 14 * 200 && limited > 10, "{nights} {limited}");
    assert!((250_000.0..800_000.0).contains(&counter), "{counter} Wh");
}

#[test]
fn a_default_array_reports_zero_at_night() {
    let mut street = street(1, 2);
    street.advance(MINUTE);
    assert_eq!(device(&street, "home1.pv").row(), [0.0, 0.0, 0.0].map(Some));
    assert_eq!(device(&street, "home1.pv").row()[0].unwrap().to_bits(), 0);
}

/// Sends a random setpoint every few steps and returns the powers that were reported, and the state of charge.
fn drive(battery: &mut Battery, seed: u64, steps: usize, step: Span, mut seen: impl FnMut(f64, f64)) {
    let mut chance = RandomStream::new(seed, "setpoints");
    let mut world = World::new(seed, Timestamp::from_seconds(MIDNIGHT), Location::default());
    for _ in 0..steps {
        if chance.happens(0.1) {
            battery.command(&name("power"), chance.uniform(-5_000.0, 5_000.0)).unwrap();
        }
        world.advance(step);
        let mut row = Vec::new();
        battery.step(&world, &mut row);
        seen(row[0].unwrap(), row[1].unwrap());
    }
}

#[test]
fn a_battery_stores_what_it_draws_less_what_it_loses() {
    for step in [SECOND, MINUTE, Span::from_seconds(900)] {
        let settings = BatterySettings { self_discharge: 0.0, ..BatterySettings::default() };
        let mut battery = Battery::new(settings.clone()).unwrap();
        let before = battery.soc();
        let mut stored = 0.0;
        drive(&mut battery, 1, 20_000, step, |power, _| {
            let kept = if power > 0.0 { settings.charge_efficiency } else { 1.0 / settings.discharge_efficiency };
            stored += power * kept * step.as_seconds() / 3600.0;
        });
        let change = (battery.soc() - before) * settings.capacity;
        assert!((stored - change).abs() < 1e-6, "{step}: {stored} Wh stored, {change} Wh more inside");
    }
}

#[test]
fn a_battery_left_alone_loses_its_self_discharge_and_nothing_else() {
    let settings = BatterySettings { self_discharge: 0.01, ..BatterySettings::default() };
    let mut battery = Battery::new(settings).unwrap();
    let mut world = World::new(1, Timestamp::from_seconds(MIDNIGHT), Location::default());
    for _ in 0..10 * 24 * 60 {
        world.advance(MINUTE);
        battery.step(&world, &mut Vec::new());
        assert_eq!(battery.power(), 0.0);
    }
    // Ten days at one percent a day, compounded by the minute.
    assert!((battery.soc() - 0.5 * (-0.1f64).exp()).abs() < 1e-5, "{}", battery.soc());
}

#[test]
fn the_state_of_charge_stays_within_its_bounds_whatever_the_setpoints() {
    for seed in 0..40 {
        let settings = BatterySettings {
            capacity: 4_000.0,
            min_soc: 0.1,
            max_soc: 0.9,
            self_discharge: 0.0,
            ramp: if seed % 2 == 0 { 50.0 } else { 1e9 },
            ..BatterySettings::default()
        };
        let step = [SECOND, MINUTE, Span::from_seconds(3_600)][seed as usize % 3];
        let mut before = 0.0;
        let mut battery = Battery::new(settings.clone()).unwrap();
        drive(&mut battery, seed, 3_000, step, |power, soc| {
            assert!((0.1 - 1e-12..=0.9 + 1e-12).contains(&soc), "seed {seed}: {soc}");
            assert!(power.abs() <= 5_000.0, "seed {seed}: {power} W");
            // The ramp limits every rise; a full or empty battery stops at once.
            let rise: f64 = power.abs() - f64::abs(before);
            assert!(rise <= settings.ramp * step.as_seconds() + 1e-6, "seed {seed}: {before} W to {power} W");
            before = power;
        });
    }
}

#[test]
fn a_battery_below_its_minimum_takes_charge_but_gives_none() {
    let settings = BatterySettings { initial_soc: 0.15, min_soc: 0.2, ..BatterySettings::default() };
    let mut battery = Battery::new(settings).unwrap();
    let mut world = World::new(1, Timestamp::from_seconds(MIDNIGHT), Location::default());
    let mut live = |battery: &mut Battery, setpoint: f64| {
        battery.command(&name("power"), setpoint).unwrap();
        world.advance(MINUTE);
        battery.step(&world, &mut Vec::new());
        battery.power()
    };
    assert_eq!(live(&mut battery, -3_000.0), 0.0);
    assert_eq!(live(&mut battery, 3_000.0), 3_000.0);
    let e = Battery::new(BatterySettings { capacity: f64::NAN, ..BatterySettings::default() }).unwrap_err();
    assert!(e.message().starts_with("`capacity` is NaN"), "{e}");
}

#[test]
fn a_household_uses_more_in_the_evening_than_at_night_and_its_register_is_the_sum() {
    let mut street = street(5, 24);
    let houses = ["home1.house", "home2.house", "home3.house", "home4.house"];
    let (mut night, mut evening, mut sum) = (0.0, 0.0, 0.0);
    let days = 14.0;
    for _ in 0..14 * 24 * 60 {
        street.advance(MINUTE);
        let power: f64 = houses.iter().map(|house| stored(device(&street, house), "power")).sum();
        sum += power / 60.0;
        match street.world().local().hour() {
            1.0..4.0 => night += power,
            18.0..21.0 => evening += power,
            _ => {}
        }
    }
    let register: f64 = houses.iter().map(|house| stored(device(&street, house), "energy")).sum();
    assert!((register - sum).abs() < 1e-6 * sum, "{register} Wh against {sum} Wh");
    assert!(evening > 2.0 * night, "evening {evening}, night {night}");
    // A household uses some 3 to 20 kWh a day.
    let daily = register / days / 4.0;
    assert!((3_000.0..20_000.0).contains(&daily), "{daily} Wh a day");
}

/// A charging point whose car is used every day, at midnight.
fn charger() -> (EvCharger, World) {
    let settings = EvChargerSettings { use_chance: 1.0, ..EvChargerSettings::default() };
    let charger = EvCharger::new(settings, RandomStream::new(1, "home1.ev")).unwrap();
    (charger, World::new(1, Timestamp::from_seconds(MIDNIGHT), Location::default()))
}

/// Power, current, energy of the session, connected and limit after one more step.
fn charge(charger: &mut EvCharger, world: &mut World, step: Span) -> [f64; 5] {
    world.advance(step);
    let mut row = Vec::new();
    charger.step(world, &mut row);
    std::array::from_fn(|at| row[at].unwrap())
}

#[test]
fn a_car_comes_each_evening_gets_what_it_needs_and_leaves_in_the_morning() {
    let (mut charger, mut world) = charger();
    let (mut was_here, mut arrivals, mut energies) = (false, Vec::new(), Vec::new());
    for _ in 0..10 * 24 * 60 {
        let [power, current, energy, connected, _] = charge(&mut charger, &mut world, MINUTE);
        let here = connected == 1.0;
        let hour = world.local().hour();
        match (was_here, here) {
            (false, true) => arrivals.push(hour),
            (true, false) => {
                assert!((4.5..10.5).contains(&hour), "left at {hour}");
                energies.push(energy);
            }
            (false, false) => assert_eq!((power, current), (0.0, 0.0)),
            (true, true) => assert!(power <= 32.0 * world.voltage() + 1e-9, "{power} W"),
        }
        was_here = here;
    }
    assert!(arrivals.len() == 10 && arrivals.iter().all(|hour| (14.5..20.5).contains(hour)), "{arrivals:?}");
    assert!(energies.iter().all(|energy| (4_000.0..=35_000.1).contains(energy)), "{energies:?}");
}

#[test]
fn a_charging_point_obeys_its_current_limit_and_pauses_at_zero() {
    let (mut charger, mut world) = charger();
    while charge(&mut charger, &mut world, SECOND)[3] == 0.0 {}
    for limit in [16.0, 6.0, 0.0, 32.0] {
        assert_eq!(charger.command(&name("current_limit"), limit), Ok(limit));
        let [power, current, .., read_back] = charge(&mut charger, &mut world, SECOND);
        assert!((current - limit).abs() < 1e-9 && (power - limit * world.voltage()).abs() < 1e-6, "{current} A");
        assert_eq!(read_back, limit);
    }
}

#[test]
fn the_grid_meter_is_the_sum_of_what_the_site_reports() {
    let mut street = street(9, 12);
    street.device_mut(&"home1.battery".parse().unwrap()).unwrap().command(&name("power"), 1_500.0).unwrap();
    let (mut imported, mut exported) = (0.0, 0.0);
    for _ in 0..2 * 24 * 60 {
        street.advance(MINUTE);
        let powers = ["pv", "battery", "house", "ev"].map(|d| stored(device(&street, &format!("home1.{d}")), "power"));
        let nodes = (0..8).map(|node| stored(device(&street, "home1.hem"), &format!("node{node}.power")));
        let sum: f64 = powers.iter().sum::<f64>() + nodes.sum::<f64>();
        let meter = stored(device(&street, "home1.meter"), "power");
        assert!((meter - sum).abs() < 1e-9, "{meter} W against {sum} W");
        imported += meter.max(0.0) / 60.0;
        exported += (-meter).max(0.0) / 60.0;
    }
    let meter = device(&street, "home1.meter");
    assert!((stored(meter, "energy_import") - imported).abs() < 1e-6 && imported > 0.0);
    assert!((stored(meter, "energy_export") - exported).abs() < 1e-6 && exported > 0.0);
}

#[test]
fn a_scenario_builds_its_own_street_and_names_stay_unique() {
    let mut street = Street::empty(1, Timestamp::from_seconds(MIDNIGHT), Location::default()).unwrap();
    let battery = || Box::new(Battery::new(BatterySettings::default()).unwrap());
    street.add("shop.store".parse().unwrap(), battery()).unwrap();
    street.add("shop.meter".parse().unwrap(), Box::new(GridMeter::new().unwrap())).unwrap();
    let e = street.add("shop.store".parse().unwrap(), battery()).unwrap_err();
    assert_eq!(e.message(), "street has a device shop.store already");
    street.device_mut(&"shop.store".parse().unwrap()).unwrap().command(&name("power"), 2_000.0).unwrap();
    street.advance(MINUTE);
    assert_eq!(stored(device(&street, "shop.meter"), "power"), 2_000.0);
}
