//! Which rows stand for the present.

use super::*;
use crate::control::SiteModel;

const NOON: i64 = 1_782_907_200;
const PERIOD: i64 = 5;

/// A grid's meter and a load's, with a period of five seconds.
struct Meters {
    model: CheckedModel,
    situation: Situation,
    now: Moment,
}

impl Meters {
    fn new(more: &str) -> Self {
        let written = format!(
            "site = \"home1\"\n{more}\n[[asset]]\nname = \"grid\"\nrole = \"grid_meter\"\nfrozen_after = \"5m\"\n\
             [[asset]]\nname = \"house\"\nrole = \"load\"\nassumed_w = 3000\n"
        );
        let model = toml::from_str::<SiteModel>(&written).unwrap().check().unwrap();
        let now = Moment { wall: Timestamp::from_seconds(NOON), elapsed: Duration::from_secs(100) };
        Self { situation: Situation::new(&model), model, now }
    }

    fn pass(&mut self, seconds: i64) {
        self.now = self.now.after(Span::from_seconds(seconds));
    }

    /// The wall clock is set.
    fn set(&mut self, seconds: i64) {
        self.now.wall = self.now.wall.saturating_add(Span::from_seconds(seconds));
    }

    /// A row of the grid's meter with a time that is so many seconds off the wall clock.
    fn row(&mut self, value: f64, off_s: i64) {
        let time = self.now.wall.saturating_add(Span::from_seconds(off_s));
        self.at("home1.grid.power", value, time);
    }

    fn at(&mut self, series: &str, value: f64, time: Timestamp) {
        assert!(self.situation.read(&self.model, &series.parse().unwrap(), Sample { time, value }, self.now));
    }

    /// Rows of the present, one each period.
    fn rows(&mut self, count: i64, value: f64, off_s: i64) {
        for _ in 0..count {
            self.pass(PERIOD);
            self.row(value, off_s);
        }
    }

    fn grid_w(&self) -> Option<f64> {
        self.situation.grid_w(&self.model, self.now)
    }
}

#[test]
fn a_meter_that_is_silent_for_three_periods_is_lost() {
    let mut meters = Meters::new("");
    assert_eq!(meters.grid_w(), None);
    meters.rows(1, 700.0, 0);
    meters.pass(15);
    assert_eq!(meters.grid_w(), Some(700.0));
    meters.pass(1);
    assert_eq!(meters.grid_w(), None);
}

#[test]
fn no_number_and_the_same_row_again_are_silence() {
    let mut meters = Meters::new("");
    meters.rows(1, 700.0, 0);
    let time = meters.now.wall;
    for second in 0..16 {
        meters.pass(1);
        meters.row(if second % 2 == 0 { f64::NAN } else { f64::INFINITY }, 0);
        meters.at("home1.grid.power", 700.0, time);
    }
    assert_eq!(meters.grid_w(), None);
}

#[test]
fn what_was_measured_while_the_link_was_down_is_history() {
    let mut meters = Meters::new("");
    meters.rows(10, 700.0, 0);
    // An hour without link; then its rows, oldest first, a hundred each second.
    meters.pass(3_600);
    for row in 0..719 {
        meters.at("home1.grid.power", 9_000.0, meters.now.wall.saturating_add(Span::from_seconds(-3_600 + row * PERIOD)));
        if row % 100 == 99 {
            meters.pass(1);
        }
        assert!(row > 700 || meters.grid_w().is_none(), "row {row}");
    }
    meters.rows(1, 800.0, 0);
    assert_eq!(meters.grid_w(), Some(800.0));
    // Late rows between those of the present change nothing.
    meters.row(9_000.0, -1_800);
    assert_eq!(meters.grid_w(), Some(800.0));
}

#[test]
fn a_wall_clock_that_is_set_makes_nothing_old_and_no_history_new() {
    for hour in [-3_600, 3_600] {
        let mut meters = Meters::new("");
        meters.rows(10, 700.0, 0);
        // The server's clock is set by an hour, the device's is right as before.
        meters.set(hour);
        meters.rows(10, 800.0, -hour);
        assert_eq!(meters.grid_w(), Some(800.0), "{hour}");
        // A backlog whose times fit the wrong clock.
        meters.pass(600);
        for row in 0..100 {
            meters.row(9_000.0, -hour - 600 + row * PERIOD);
        }
        assert_eq!(meters.grid_w(), None, "{hour}");
        meters.rows(1, 900.0, -hour);
        assert_eq!(meters.grid_w(), Some(900.0), "{hour}");
    }
}

#[test]
fn a_device_whose_clock_is_set_is_believed_again_within_three_periods() {
    for hour in [-3_600, 3_600, 50 * 365 * 86_400] {
        let mut meters = Meters::new("");
        meters.rows(10, 700.0, 0);
        meters.rows(3, 800.0, hour);
        assert_eq!(meters.grid_w(), Some(800.0), "{hour}");
    }
}

#[test]
fn one_row_from_the_future_does_not_make_the_present_old() {
    let mut meters = Meters::new("");
    meters.rows(10, 700.0, 0);
    meters.row(9_000.0, 86_400);
    assert_eq!(meters.grid_w(), Some(700.0));
    meters.rows(1, 800.0, 0);
    assert_eq!(meters.grid_w(), Some(800.0));
}

#[test]
fn a_backlog_at_the_start_is_history_and_a_device_with_a_wrong_clock_is_heard() {
    let mut meters = Meters::new("");
    for row in 0..100 {
        meters.row(9_000.0, -3_600 + row * PERIOD);
    }
    assert_eq!(meters.grid_w(), None);
    let mut meters = Meters::new("");
    meters.rows(3, 700.0, -30 * 365 * 86_400);
    assert_eq!(meters.grid_w(), Some(700.0));
}

#[test]
fn a_meter_that_hangs_while_others_move_is_lost() {
    let mut meters = Meters::new("");
    for round in 0..59 {
        meters.rows(1, 712.3, 0);
        meters.at("home1.house.power", 700.0, meters.now.wall);
        assert!(meters.grid_w().is_some(), "round {round}");
    }
    // Nothing moves at night: that is no fault.
    meters.rows(60, 712.3, 0);
    assert_eq!(meters.grid_w(), Some(712.3));
    meters.at("home1.house.power", 2_900.0, meters.now.wall);
    assert_eq!(meters.grid_w(), None);
    meters.rows(1, 712.4, 0);
    assert_eq!(meters.grid_w(), Some(712.4));
}

#[test]
fn the_mean_of_the_running_quarter_is_that_of_what_was_measured() {
    let mut meters = Meters::new("");
    meters.row(4_000.0, 0);
    meters.rows(60, 4_000.0, 0);
    meters.rows(60, 1_000.0, 0);
    let demand = meters.situation.demand(&meters.model, meters.now).unwrap();
    // The first of the lower rows ends the last of the higher.
    assert!((demand.mean_w - (4_000.0 * 305.0 + 1_000.0 * 295.0) / 600.0).abs() < 1e-6, "{demand:?}");
    assert_eq!((demand.measured.as_secs(), demand.left.as_secs()), (600, 300));
    meters.rows(61, 1_000.0, 0);
    let demand = meters.situation.demand(&meters.model, meters.now).unwrap();
    assert_eq!((demand.mean_w, demand.measured.as_secs(), demand.left.as_secs()), (1_000.0, 5, 895));
}

#[test]
fn a_clock_that_is_set_by_an_hour_leaves_the_quarter_alone_and_by_five_minutes_moves_its_end() {
    let mut meters = Meters::new("");
    meters.rows(61, 4_000.0, 0);
    meters.set(3_600);
    let hour = meters.situation.demand(&meters.model, meters.now).unwrap();
    assert_eq!((hour.mean_w, hour.left.as_secs()), (4_000.0, 900 - 305));
    meters.set(300);
    let minutes = meters.situation.demand(&meters.model, meters.now).unwrap();
    assert_eq!((minutes.mean_w, minutes.left.as_secs()), (4_000.0, 900 - 605));
}

#[test]
fn percent_is_no_state_of_charge() {
    let battery = "[[asset]]\nname = \"battery\"\nrole = \"battery\"\nsoc = \"soc\"\nsetpoint = \"power\"\nrange_w = [-5000, 5000]\nstorage = { capacity_wh = 10000 }";
    let mut meters = Meters::new(battery);
    meters.at("home1.battery.soc", 95.9, meters.now.wall);
    let place = meters.model.place("battery").unwrap();
    assert_eq!(meters.situation.fresh(&meters.model, place, Measure::Soc, meters.now), None);
}
