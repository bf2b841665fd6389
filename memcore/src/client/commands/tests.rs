use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};

use super::*;
use crate::journal::decode;
use crate::model::{CommandRules, Quantity, Span, Unit, ValidRange};

/// What a device drives, and what is on its disk: both outlive a crash of its program.
#[derive(Clone, Default)]
struct Plant {
    /// Every value that was set, in order.
    applied: Arc<Mutex<Vec<f64>>>,
    values: Arc<Mutex<HashMap<ChannelName, f64>>>,
    /// Values that the handler refuses for now.
    refused: Arc<Mutex<Vec<f64>>>,
    disk: Disk,
}

#[derive(Clone, Default)]
struct Disk {
    lines: Arc<Mutex<Vec<u8>>>,
    synced: Arc<Mutex<usize>>,
    full: Arc<Mutex<bool>>,
}

impl Disk {
    fn room(&self) -> io::Result<()> {
        if *self.full.lock().unwrap() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

impl Medium for Disk {
    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        self.room()?;
        self.lines.lock().unwrap().extend_from_slice(lines);
        Ok(())
    }
    fn sync(&mut self) -> io::Result<()> {
        *self.synced.lock().unwrap() = self.lines.lock().unwrap().len();
        Ok(())
    }
    fn replace(&mut self, lines: &[u8]) -> io::Result<()> {
        self.room()?;
        *self.lines.lock().unwrap() = lines.to_vec();
        self.sync()
    }
}

impl Plant {
    fn handlers(&self) -> Handlers {
        let (plant, read) = (self.clone(), self.values.clone());
        let set = move |channel: &ChannelName, value: f64| {
            if plant.refused.lock().unwrap().contains(&value) {
                return Err(Refused { code: "stuck".into(), reason: "the contactor is stuck".into() });
            }
            plant.applied.lock().unwrap().push(value);
            plant.values.lock().unwrap().insert(channel.clone(), value);
            assert!(value.to_bits() != (-666.0f64).to_bits(), "the handler breaks off after its effect");
            Ok(value)
        };
        Handlers { set: Box::new(set), read: Some(Box::new(move |channel| read.lock().unwrap().get(channel).copied())) }
    }

    /// The device's program starts at `now` of its monotonic clock.
    fn start(&self, channel: &Channel, now: Duration) -> Commands {
        let (records, _) = decode(&self.disk.lines.lock().unwrap(), KIND).unwrap();
        let meter = Channel::gauge("meter", Unit::Watt).unwrap().build().unwrap();
        let channels = [channel.clone(), meter];
        let mut commands = Commands::new(&channels, self.handlers(), Some(Box::new(self.disk.clone())), records);
        commands.begin(now);
        commands
    }

    /// The power fails: what was not synced is gone.
    fn power_cut(&self) {
        let synced = *self.disk.synced.lock().unwrap();
        self.disk.lines.lock().unwrap().truncate(synced);
    }

    fn applied(&self) -> Vec<f64> {
        self.applied.lock().unwrap().clone()
    }
}

fn battery(rules: CommandRules) -> Channel {
    let power = Channel::gauge("power", Unit::Watt).unwrap().range(ValidRange::new(-5000.0, 5000.0).unwrap());
    power.rules(rules).build().unwrap()
}

fn free() -> CommandRules {
    CommandRules::default()
}

fn set(id: &str, value: f64) -> Instruction {
    Instruction {
        id: CommandId::new(id).unwrap(),
        channel: ChannelName::new("power").unwrap(),
        value,
        expires: Timestamp::from_seconds(60),
        lease: None,
        fallback: None,
        safety: false,
    }
}

fn leased(id: &str, value: f64) -> Instruction {
    Instruction { lease: Some(Span::from_seconds(900)), fallback: Some(0.0), ..set(id, value) }
}

fn safety(id: &str, value: f64) -> Instruction {
    Instruction { safety: true, ..set(id, value) }
}

const fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// By the server's clock, before anything here expires.
const EARLY: Timestamp = Timestamp::from_seconds(1);

fn done(value: f64) -> Answer {
    Answer::Done { value: Some(value) }
}

fn code(answer: &Answer) -> &str {
    match answer {
        Answer::Refused { code, .. } => code,
        other => panic!("{other:?} is no refusal"),
    }
}

#[test]
fn one_id_has_one_effect_and_one_answer() {
    let plant = Plant::default();
    let mut device = plant.start(&battery(free()), at(0));
    for second in 0..3 {
        assert_eq!(device.carry_out(&leased("c1", -2000.0), at(second), EARLY), done(-2000.0));
    }
    assert_eq!(plant.applied(), [-2000.0]);
}

#[test]
fn an_expired_command_has_no_effect() {
    let plant = Plant::default();
    let mut device = plant.start(&battery(free()), at(0));
    assert_eq!(code(&device.carry_out(&set("c1", 1.0), at(0), Timestamp::from_seconds(60))), "expired");
    assert!(plant.applied().is_empty());
}

#[test]
fn a_lease_ends_in_the_fallback_unless_it_is_refreshed() {
    let plant = Plant::default();
    let mut device = plant.start(&battery(free()), at(0));
    device.carry_out(&leased("c1", -2000.0), at(0), EARLY);
    device.carry_out(&leased("c2", -2000.0), at(600), EARLY);
    assert!(device.handle_timeout(at(900)).is_empty());
    assert_eq!(device.deadline(), Some(at(1500)));
    assert_eq!(device.handle_timeout(at(1500)), [Outcome::Fell(ChannelName::new("power").unwrap(), 0.0)]);
    assert_eq!(plant.applied(), [-2000.0, -2000.0, 0.0]);
    assert_eq!(device.deadline(), None);
}

#[test]
fn a_lease_without_a_fallback_takes_the_declared_one() {
    let plant = Plant::default();
    let mut device = plant.start(&battery(CommandRules { fallback: Some(100.0), ..free() }), at(0));
    device.carry_out(&Instruction { fallback: None, ..leased("c1", -2000.0) }, at(1), EARLY);
    device.handle_timeout(at(901));
    assert_eq!(plant.applied(), [100.0, -2000.0, 100.0]);
}

#[test]
fn what_the_device_never_offered_is_refused_and_not_clamped() {
    let plant = Plant::default();
    let mut device = plant.start(&battery(free()), at(0));
    let meter = ChannelName::new("meter").unwrap();
    for (wrong, expected) in [
        (Instruction { channel: meter, ..leased("c1", 1.0) }, "not_writable"),
        (leased("c2", 5001.0), "out_of_range"),
        (set("c3", -5000.5), "out_of_range"),
        (Instruction { fallback: Some(-5001.0), ..leased("c4", 1.0) }, "out_of_range"),
        (Instruction { fallback: None, ..leased("c5", 1.0) }, "bad_message"),
        (Instruction { lease: None, ..leased("c6", 1.0) }, "bad_message"),
        (Instruction { lease: Some(Span::default()), ..leased("c7", 1.0) }, "bad_message"),
        (set("c8", f64::NAN), "bad_value"),
        (Instruction { fallback: Some(f64::INFINITY), ..leased("c9", 1.0) }, "bad_value"),
    ] {
        assert_eq!(code(&device.carry_out(&wrong, at(0), EARLY)), expected, "{wrong:?}");
    }
    assert!(plant.applied().is_empty());
}

#[test]
fn a_handler_that_breaks_off_leaves_the_outcome_unknown_and_its_lease_counts() {
    let plant = Plant::default();
    let mut device = plant.start(&battery(free()), at(0));
    let answer = device.carry_out(&leased("c1", -666.0), at(0), EARLY);
    assert_eq!(answer, Answer::Unknown { value: Some(-666.0) }, "with what is read back");
    assert_eq!(device.carry_out(&leased("c1", -666.0), at(1), EARLY), answer, "and never again");
    device.handle_timeout(at(900));
    assert_eq!(plant.applied(), [-666.0, 0.0]);
}

#[test]
fn closing_ends_the_leases() {
    let plant = Plant::default();
    let mut device = plant.start(&battery(free()), at(0));
    device.carry_out(&leased("c1", -2000.0), at(0), EARLY);
    device.end_leases(at(1));
    assert_eq!(plant.applied(), [-2000.0, 0.0]);
    assert_eq!(device.deadline(), None);
}

#[test]
fn a_cold_start_holds_the_fallback_until_the_first_valid_command() {
    let plant = Plant::default();
    let mut device = plant.start(&battery(CommandRules { fallback: Some(100.0), ..free() }), at(0));
    device.carry_out(&set("c1", 9000.0), at(1), EARLY);
    assert_eq!(plant.applied(), [100.0], "an invalid command does not leave it");
    assert_eq!(device.carry_out(&set("c2", 2000.0), at(2), EARLY), done(2000.0));
    assert_eq!(device.deadline(), None, "and nothing takes it back");
}

#[test]
fn a_fallback_that_is_refused_is_tried_each_second_until_it_is_taken() {
    let plant = Plant::default();
    let mut device = plant.start(&battery(free()), at(0));
    device.carry_out(&leased("c1", 2000.0), at(0), EARLY);
    plant.refused.lock().unwrap().push(0.0);
    for second in 900..903 {
        assert!(device.handle_timeout(at(second)).is_empty());
        assert_eq!(device.deadline(), Some(at(second + 1)));
    }
    plant.refused.lock().unwrap().clear();
    assert_eq!(device.handle_timeout(at(903)).len(), 1);
    assert_eq!(plant.applied(), [2000.0, 0.0]);
}

#[test]
fn minimum_times_hold_but_never_against_safety_or_a_fallback() {
    let minutes = |minutes: i64| Some(Span::from_seconds(60 * minutes));
    let rules = CommandRules { fallback: Some(0.0), min_on: minutes(5), min_off: minutes(3), ..free() };
    let plant = Plant::default();
    let mut device = plant.start(&battery(rules), at(0));
    let refused = device.carry_out(&set("on-early", 2000.0), at(60), EARLY);
    let Answer::Refused { code, reason } = refused else { panic!("{refused:?}") };
    assert_eq!((code.as_str(), reason.as_str()), ("unsafe", "it stays off for another 120.0 s"));
    assert_eq!(device.carry_out(&set("on", 2000.0), at(180), EARLY), done(2000.0));
    assert_eq!(device.carry_out(&set("more", 3000.0), at(200), EARLY), done(3000.0), "on stays on");
    assert_eq!(self::code(&device.carry_out(&set("off-early", 0.0), at(479), EARLY)), "unsafe");
    assert_eq!(device.carry_out(&safety("off-now", 0.0), at(479), EARLY), done(0.0));
    assert_eq!(self::code(&device.carry_out(&set("on-again", 1.0), at(500), EARLY)), "unsafe");
    assert_eq!(self::code(&device.carry_out(&safety("on-for-safety", 1.0), at(501), EARLY)), "unsafe");
    device.carry_out(&Instruction { lease: Some(Span::from_seconds(10)), ..leased("short", 50.0) }, at(700), EARLY);
    device.handle_timeout(at(710));
    assert_eq!(plant.applied(), [0.0, 2000.0, 3000.0, 0.0, 50.0, 0.0]);
}

#[test]
fn a_relay_toggled_a_thousand_times_a_second_switches_by_its_minimum_times_and_off_for_safety_passes() {
    let second = Some(Span::from_seconds(1));
    let relay = Channel::of("power", Quantity::Switch, Unit::OnOff).unwrap();
    let relay = relay.rules(CommandRules { min_on: second, min_off: second, ..free() }).build().unwrap();
    let plant = Plant::default();
    plant.values.lock().unwrap().insert(relay.name.clone(), 0.0);
    let mut device = plant.start(&relay, at(0));
    for millisecond in 0..10_000u64 {
        let id = format!("t{millisecond}");
        device.carry_out(&set(&id, (millisecond % 2) as f64), Duration::from_millis(millisecond), EARLY);
    }
    let switched: Vec<_> = plant.applied().chunk_by(|a, b| a == b).map(|run| run[0]).collect();
    assert_eq!(switched.len(), 10, "{switched:?}");
    let on = *plant.values.lock().unwrap().get(&relay.name).unwrap() != 0.0;
    device.carry_out(&safety("off", 0.0), Duration::from_millis(10_000), EARLY);
    assert_eq!((on, plant.applied().last()), (true, Some(&0.0)));
}

#[test]
fn a_value_goes_to_its_target_as_fast_as_the_channel_may_change() {
    let plant = Plant::default();
    let mut device = plant.start(&battery(CommandRules { fallback: Some(0.0), ramp_per_s: Some(400.0), ..free() }), at(0));
    assert_eq!(device.carry_out(&set("c1", 250.0), at(1), EARLY), Answer::Accepted);
    assert_eq!(device.carry_out(&set("c1", 250.0), at(1), EARLY), Answer::Accepted, "asked again, it is on its way");
    let mut outcomes = Vec::new();
    while let Some(deadline) = device.deadline() {
        outcomes.extend(device.handle_timeout(deadline));
    }
    assert_eq!(outcomes, [Outcome::Answered(CommandId::new("c1").unwrap(), done(250.0))]);
    assert_eq!(plant.applied(), [0.0, 100.0, 200.0, 250.0]);
    assert_eq!(device.carry_out(&set("c1", 250.0), at(9), EARLY), done(250.0));
    assert_eq!(device.carry_out(&set("c2", 300.0), at(9), EARLY), done(300.0), "near enough to be there at once");
    assert_eq!(device.carry_out(&safety("c3", 0.0), at(9), EARLY), done(0.0), "safety does not wait");
}

#[test]
fn a_newer_command_takes_over_from_where_the_value_is() {
    let plant = Plant::default();
    let mut device = plant.start(&battery(CommandRules { fallback: Some(0.0), ramp_per_s: Some(400.0), ..free() }), at(0));
    device.carry_out(&set("up", 4000.0), at(1), EARLY);
    device.handle_timeout(Duration::from_millis(1250));
    assert_eq!(device.carry_out(&set("down", -100.0), Duration::from_millis(1300), EARLY), Answer::Accepted);
    let up = CommandId::new("up").unwrap();
    let over = Outcome::Answered(up, Answer::Unknown { value: Some(100.0) });
    assert_eq!(device.handle_timeout(Duration::from_millis(1300)), [over], "it had part of its effect");
    while let Some(deadline) = device.deadline() {
        device.handle_timeout(deadline);
    }
    assert_eq!(plant.applied(), [0.0, 100.0, 200.0, 100.0, 0.0, -100.0]);
}

#[test]
fn a_lease_that_ends_on_the_way_is_not_held_back_by_the_ramp() {
    let plant = Plant::default();
    let mut device = plant.start(&battery(CommandRules { fallback: Some(0.0), ramp_per_s: Some(400.0), ..free() }), at(0));
    let short = Instruction { lease: Some(Span::from_millis(600)), ..leased("c1", 4000.0) };
    assert_eq!(device.carry_out(&short, at(1), EARLY), Answer::Accepted);
    let mut outcomes = Vec::new();
    while let Some(deadline) = device.deadline() {
        outcomes.extend(device.handle_timeout(deadline));
    }
    assert_eq!(plant.applied(), [0.0, 100.0, 200.0, 300.0, 0.0]);
    let unknown = Answer::Unknown { value: Some(0.0) };
    let power = ChannelName::new("power").unwrap();
    assert_eq!(outcomes, [Outcome::Fell(power, 0.0), Outcome::Answered(short.id, unknown)]);
}

#[test]
fn a_value_is_set_again_before_the_hardware_forgets_it_and_only_while_its_lease_lasts() {
    let hold = Some(Span::from_seconds(1200));
    let plant = Plant::default();
    let mut device = plant.start(&battery(CommandRules { hold, ..free() }), at(0));
    device.carry_out(&leased("c1", 2000.0), at(0), EARLY);
    device.handle_timeout(at(600));
    assert_eq!(plant.applied(), [2000.0, 2000.0]);
    device.handle_timeout(at(900));
    for _ in 0..3 {
        device.handle_timeout(device.deadline().unwrap());
    }
    assert_eq!(plant.applied()[2..], [0.0; 4], "then the fallback holds, and is not forgotten either");
    device.carry_out(&set("c2", 1000.0), at(9000), EARLY);
    plant.refused.lock().unwrap().push(1000.0);
    device.handle_timeout(at(9600));
    assert_eq!(device.deadline(), Some(at(9601)), "a try that fails is repeated in time");
}

#[test]
fn the_server_is_not_told_what_the_sdk_keeps_by_itself() {
    let rules = CommandRules { fallback: Some(0.0), hold: Some(Span::from_seconds(1200)), ..free() };
    assert_eq!(told(&[battery(rules)])[0].rules, CommandRules { fallback: Some(0.0), ..free() });
}

#[test]
fn after_a_restart_an_id_has_the_same_answer_and_no_second_effect() {
    let plant = Plant::default();
    let mut device = plant.start(&battery(free()), at(0));
    device.carry_out(&set("done", 1000.0), at(0), EARLY);
    let refused = device.carry_out(&set("refused", 9000.0), at(1), EARLY);
    let mut device = plant.start(&battery(free()), at(0));
    assert_eq!(device.carry_out(&set("done", 1000.0), at(0), EARLY), done(1000.0));
    assert_eq!(device.carry_out(&set("refused", 9000.0), at(0), EARLY), refused);
    assert_eq!(plant.applied(), [1000.0]);
}

#[test]
fn an_id_that_was_begun_before_a_power_cut_is_unknown_and_never_begun_again() {
    let plant = Plant::default();
    let mut device = plant.start(&battery(free()), at(0));
    assert_eq!(device.carry_out(&set("c1", 1000.0), at(0), EARLY), done(1000.0));
    plant.power_cut();
    let mut device = plant.start(&battery(free()), at(0));
    let unknown = Answer::Unknown { value: Some(1000.0) };
    assert_eq!(device.carry_out(&set("c1", 1000.0), at(0), EARLY), unknown, "with what the channel reads back");
    plant.values.lock().unwrap().clear();
    assert_eq!(device.carry_out(&set("c1", 1000.0), at(1), EARLY), unknown, "the same answer again");
    assert_eq!(plant.applied(), [1000.0]);
}

#[test]
fn leases_that_were_open_at_a_crash_end_at_the_next_start_before_anybody_can_command() {
    for cut in [false, true] {
        let plant = Plant::default();
        let mut device = plant.start(&battery(CommandRules { fallback: Some(100.0), ..free() }), at(0));
        device.carry_out(&Instruction { fallback: Some(50.0), ..leased("c1", -2000.0) }, at(0), EARLY);
        if cut {
            plant.power_cut();
        }
        let mut device = plant.start(&battery(CommandRules { fallback: Some(100.0), ..free() }), at(0));
        assert_eq!(plant.applied(), [100.0, -2000.0, 50.0], "the fallback that its sender chose");
        device.handle_timeout(at(2000));
        plant.start(&battery(CommandRules { fallback: Some(100.0), ..free() }), at(0));
        assert_eq!(plant.applied()[3..], [100.0], "that lease is over");
    }
}

#[test]
fn the_last_thousand_ids_are_remembered_and_the_journal_stays_small() {
    let plant = Plant::default();
    let mut device = plant.start(&battery(free()), at(0));
    for number in 0..20_000 {
        device.carry_out(&set(&format!("c{number}"), 1.0), at(0), EARLY);
        assert!(plant.disk.lines.lock().unwrap().len() < 1_000_000);
    }
    let effects = plant.applied().len();
    let mut device = plant.start(&battery(free()), at(0));
    for number in 20_000 - 1024..20_000 {
        assert_eq!(device.carry_out(&set(&format!("c{number}"), 1.0), at(0), EARLY), done(1.0));
    }
    assert_eq!(plant.applied().len(), effects);
}

#[test]
fn a_full_disk_keeps_commands_out_and_lets_off_for_safety_pass() {
    let plant = Plant::default();
    let mut device = plant.start(&battery(free()), at(0));
    *plant.disk.full.lock().unwrap() = true;
    assert_eq!(code(&device.carry_out(&set("c1", 1.0), at(0), EARLY)), "internal");
    assert_eq!(device.carry_out(&safety("c2", 0.0), at(1), EARLY), done(0.0));
    *plant.disk.full.lock().unwrap() = false;
    assert_eq!(device.carry_out(&set("c3", 1.0), at(2), EARLY), done(1.0), "and it goes on when there is room");
    let mut device = plant.start(&battery(free()), at(0));
    assert_eq!(device.carry_out(&safety("c2", 0.0), at(1), EARLY), done(0.0), "what happened meanwhile is remembered");
    assert_eq!(plant.applied(), [0.0, 1.0]);
}

#[test]
fn a_handler_that_cannot_tell_makes_the_command_unknown_with_what_the_channel_reads() {
    let set_handler = |_: &ChannelName, _| Err(Refused::unknown("no word from the board"));
    let handlers = Handlers { set: Box::new(set_handler), read: Some(Box::new(|_| Some(7.0))) };
    let mut commands = Commands::new(&[battery(free())], handlers, None, Vec::new());
    let answer = commands.carry_out(&set("c1", 5.0), at(0), EARLY);
    assert_eq!(answer, Answer::Unknown { value: Some(7.0) });
}
