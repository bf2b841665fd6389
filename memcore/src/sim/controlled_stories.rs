//! Stories of the devices that control steers: what they do when they are told.

use super::device::{EmulatedDevice, RefusalCode};
use super::random::RandomStream;
use super::world::{Location, World};
use super::{
    EvCharger, EvChargerSettings, Genset, GensetSettings, GridMeter, HeatPump, HeatPumpSettings, PvArray, PvSettings,
    SwitchedLoad, SwitchedLoadSettings,
};
use crate::model::{ChannelName, Span, Timestamp};

const SECOND: Span = Span::from_seconds(1);
const MINUTE: Span = Span::from_seconds(60);

fn name(channel: &str) -> ChannelName {
    channel.parse().unwrap()
}

fn world(at: &str) -> World {
    World::new(1, at.parse().unwrap(), Location::default())
}

/// Another step: power, and the row.
fn live(device: &mut impl EmulatedDevice, world: &mut World, step: Span) -> (f64, Vec<Option<f64>>) {
    world.advance(step);
    let mut row = Vec::new();
    device.step(world, &mut row);
    assert_eq!(row.len(), device.channels().len());
    (device.power(), row)
}

#[test]
fn a_heat_pump_runs_at_its_setpoint_and_its_thermostat_stands_above_it() {
    let settings = HeatPumpSettings { thermostat: [18.0, 23.0], ..HeatPumpSettings::default() };
    let mut pump = HeatPump::new(settings).unwrap();
    let mut world = world("2026-01-15T00:00:00Z");
    pump.command(&name("power"), 2_000.0).unwrap();
    assert_eq!(live(&mut pump, &mut world, SECOND).0, 750.0, "it starts at its least power and ramps");
    assert_eq!(live(&mut pump, &mut world, MINUTE).0, 2_000.0);
    let (mut warmest, mut rested) = (0.0_f64, false);
    for _ in 0..3 * 24 * 60 {
        let power = live(&mut pump, &mut world, MINUTE).0;
        warmest = warmest.max(pump.temperature());
        rested |= power == 0.0;
    }
    assert!(rested && warmest < 23.1, "{warmest} degC");

    pump.command(&name("power"), 0.0).unwrap();
    let mut coldest = 99.0_f64;
    for _ in 0..6 * 24 * 60 {
        live(&mut pump, &mut world, MINUTE);
        coldest = coldest.min(pump.temperature());
    }
    assert!((17.8..18.1).contains(&coldest), "{coldest} degC");
    let refused = pump.command(&name("power"), 300.0).unwrap_err();
    assert_eq!(
        (refused.code, pump.command(&name("temperature"), 20.0).unwrap_err().code),
        (RefusalCode::OutOfRange, RefusalCode::NotWritable)
    );
}

#[test]
fn a_genset_takes_its_time_runs_above_its_least_power_and_burns_fuel() {
    let mut genset = Genset::new(GensetSettings::default()).unwrap();
    let mut world = world("2026-01-15T00:00:00Z");
    genset.command(&name("power"), 6_000.0).unwrap();
    let powers: Vec<_> = (0..20).map(|_| live(&mut genset, &mut world, SECOND).0).collect();
    assert!(powers[..15].iter().all(|power| *power == 0.0), "{powers:?}");
    assert_eq!((powers[15], powers[19]), (-4_000.0, -6_000.0));
    for _ in 0..60 {
        live(&mut genset, &mut world, MINUTE);
    }
    let fuel = live(&mut genset, &mut world, SECOND).1[2].unwrap();
    // An hour of 6 kW at 36 %, and 4 kW without load, of 600 kWh.
    assert!((fuel - (1.0 - 20.67 / 600.0)).abs() < 1e-3, "{fuel}");
    genset.command(&name("power"), 0.0).unwrap();
    assert_eq!(live(&mut genset, &mut world, MINUTE).0, -3_000.0);
    assert_eq!((live(&mut genset, &mut world, MINUTE).0, genset.starts()), (0.0, 1));
    assert_eq!(genset.command(&name("power"), 1_000.0).unwrap_err().code, RefusalCode::OutOfRange);
}

#[test]
fn an_array_keeps_its_limit_and_gives_less_where_the_frequency_is_high() {
    let settings = PvSettings { curtailable: true, ..PvSettings::default() };
    let mut array = PvArray::new(settings, RandomStream::new(1, "pv")).unwrap();
    let mut world = world("2026-06-21T11:00:00Z");
    let free = live(&mut array, &mut world, SECOND).0;
    assert!(free < -500.0, "{free} W");
    array.command(&name("power_limit"), 300.0).unwrap();
    assert_eq!(live(&mut array, &mut world, SECOND).0, -300.0);
    assert_eq!(array.command(&name("power_limit"), 1e6).unwrap_err().code, RefusalCode::OutOfRange);

    let mut island = super::Island::new(super::IslandSettings::default()).unwrap();
    // A battery that takes 5 kW lifts the frequency to 51 Hz by its droop.
    for _ in 0..5 {
        island.balance(SECOND, -5_000.0, (-5_000.0, 5_000.0));
    }
    world.lose_grid(island);
    let less = live(&mut array, &mut world, SECOND).0;
    assert!((less + 300.0 * (1.0 - 0.4 * 0.8)).abs() < 1.0, "{less} W at {} Hz", world.frequency());
}

#[test]
fn phases_of_a_charger_are_switched_with_a_pause_and_its_car_tells_how_full_it_is() {
    let settings = EvChargerSettings {
        phases: 3,
        max_current: 16.0,
        capacity: 50_000.0,
        phase_switch: true,
        ..EvChargerSettings::default()
    };
    let mut charger = EvCharger::new(settings, RandomStream::new(1, "ev")).unwrap();
    let mut world = world("2026-06-21T11:00:00Z");
    charger.plug(25_000.0, Timestamp::MAX);
    let (three, row) = live(&mut charger, &mut world, SECOND);
    assert!((three - 48.0 * world.voltage()).abs() < 1e-6, "{three} W");
    assert!((row[5].unwrap() - 0.5).abs() < 1e-3 && row[6] == Some(3.0), "{row:?}");
    charger.command(&name("phases"), 1.0).unwrap();
    assert_eq!(live(&mut charger, &mut world, SECOND).0, 0.0, "the contactor is thrown");
    for _ in 0..9 {
        live(&mut charger, &mut world, SECOND);
    }
    let one = live(&mut charger, &mut world, SECOND).0;
    assert!((one - 16.0 * world.voltage()).abs() < 1e-6, "{one} W");
    assert_eq!(charger.phase_shares(), [1.0, 0.0, 0.0]);
    assert_eq!(charger.command(&name("phases"), 2.0).unwrap_err().code, RefusalCode::OutOfRange);
    charger.unplug(Timestamp::MAX);
    assert_eq!((live(&mut charger, &mut world, MINUTE).0, charger.soc()), (0.0, None));
}

#[test]
fn a_load_is_off_when_it_is_switched_off_and_within_its_limit_else() {
    let settings =
        SwitchedLoadSettings { hours: [22.0, 6.0], idle: 0.1, variation: 0.0, ..SwitchedLoadSettings::default() };
    let mut load = SwitchedLoad::new(settings, RandomStream::new(1, "boiler")).unwrap();
    // One hour ahead of UTC: half past ten in the evening.
    let mut night = world("2026-01-15T21:30:00Z");
    assert_eq!(live(&mut load, &mut night, SECOND).0, 1_500.0);
    load.command(&name("power_limit"), 400.0).unwrap();
    assert_eq!(live(&mut load, &mut night, SECOND).0, 400.0);
    load.command(&name("switch"), 0.0).unwrap();
    assert_eq!(live(&mut load, &mut night, SECOND).0, 0.0);
    load.command(&name("switch"), 1.0).unwrap();
    assert_eq!(live(&mut load, &mut world("2026-01-15T12:00:00Z"), SECOND).0, 150.0);
    assert_eq!(load.command(&name("switch"), 0.5).unwrap_err().code, RefusalCode::OutOfRange);
}

#[test]
fn a_meter_with_currents_tells_them_by_phase_and_with_their_sign() {
    let mut meter = GridMeter::with_currents().unwrap();
    let mut world = world("2026-01-15T12:00:00Z");
    world.advance(SECOND);
    world.set_site_phases([2_300.0, -1_150.0, 0.0]);
    let mut row = Vec::new();
    meter.step(&world, &mut row);
    let volts = world.voltage();
    assert_eq!(row[0], Some(1_150.0));
    assert_eq!(row[5..], [Some(2_300.0 / volts), Some(-1_150.0 / volts), Some(0.0)]);
}
