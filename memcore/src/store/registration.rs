//! Registration: what the manifest must be told of a device and its channels, and how many of both there may be. A device
//! that invents names is stopped at its own quota, and fills neither the memory nor the quota of another.

use std::collections::{HashMap, HashSet};
use std::sync::{MutexGuard, PoisonError};

use super::manifest::{ManifestWriter, Record};
use super::options::StoreOptions;
use super::shared::{Shared, Writing};
use super::state::State;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Channel, DeviceName};

/// Registrations that wait for the manifest: whoever gets it writes down all of them, with one sync. As many as there are
/// threads that wait in [`register`].
#[derive(Debug, Default)]
pub(super) struct Registrations {
    asked: Vec<Asked>,
    numbers: u64,
    answers: HashMap<u64, Result<()>>,
}

#[derive(Debug)]
struct Asked {
    number: u64,
    device: DeviceName,
    channels: Vec<Channel>,
}

impl Registrations {
    fn ask(&mut self, device: &DeviceName, channels: &[Channel]) -> u64 {
        self.numbers += 1;
        self.asked.push(Asked { number: self.numbers, device: device.clone(), channels: channels.to_vec() });
        self.numbers
    }

    /// What may be written down together: of a device only the first, because the others build on it.
    fn take_group(&mut self) -> Vec<Asked> {
        let mut devices = HashSet::new();
        let all = std::mem::take(&mut self.asked);
        let (group, later) = all.into_iter().partition(|asked| devices.insert(asked.device.clone()));
        self.asked = later;
        group
    }
}

fn registrations(writing: &Writing) -> MutexGuard<'_, Registrations> {
    writing.registrations.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Registers channels of a device; durable when it returns.
pub(super) fn register(shared: &Shared, device: &DeviceName, channels: &[Channel]) -> Result<()> {
    let writing = shared.writing()?;
    let number = registrations(writing).ask(device, channels);
    let mut manifest = writing.lock_manifest();
    loop {
        if let Some(answer) = registrations(writing).answers.remove(&number) {
            return answer;
        }
        // Closing sets its mark before it takes the lock: nothing may be written after it gave the folder back.
        if let Err(e) = shared.writing() {
            registrations(writing).asked.retain(|asked| asked.number != number);
            return Err(e);
        }
        let group = registrations(writing).take_group();
        if group.is_empty() {
            // Never: what was asked is answered by the one who took it, and the manifest was held meanwhile.
            return Err(Error::new(ErrorKind::Internal, format!("the registration of {device} was lost")));
        }
        let answers = write_down(shared, &mut manifest, group);
        registrations(writing).answers.extend(answers);
    }
}

/// Writes down what is new of these registrations, and says what became of each.
fn write_down(shared: &Shared, manifest: &mut ManifestWriter, group: Vec<Asked>) -> Vec<(u64, Result<()>)> {
    let (mut records, mut devices, mut waiting, mut answers) = (Vec::new(), 0, Vec::new(), Vec::new());
    let state = shared.read();
    for Asked { number, device, channels } in group {
        match new_facts(&state, &device, &channels, devices, &shared.options) {
            Ok(facts) if facts.is_empty() => answers.push((number, Ok(()))),
            Ok(facts) => {
                devices += usize::from(state.device_id(&device).is_none());
                records.extend(facts);
                waiting.push(number);
            }
            Err(e) => answers.push((number, Err(e))),
        }
    }
    drop(state);
    let written = if records.is_empty() { Ok(()) } else { shared.record(manifest, records) };
    let copy = |e: &Error| Error::new(e.kind(), e.message()).with_retry(e.retry());
    answers.extend(waiting.into_iter().map(|number| (number, written.as_ref().map_err(copy).copied())));
    answers
}

/// What the manifest must be told to register these channels, after so many new devices `ahead` of this one.
pub(super) fn new_facts(
    state: &State,
    name: &DeviceName,
    channels: &[Channel],
    ahead: usize,
    options: &StoreOptions,
) -> Result<Vec<Record>> {
    let mut records = Vec::new();
    let known = state.device_id(name);
    let devices = state.devices.len() + ahead;
    if known.is_none() && devices >= options.max_devices {
        let message = format!("device {name} would be one more than the {} that may be registered", options.max_devices);
        return Err(Error::new(ErrorKind::LimitReached, message));
    }
    let quota = options.max_channels_per_device;
    let id = known.unwrap_or(devices as u32);
    if known.is_none() {
        records.push(Record::Device { id, name: name.clone() });
    }
    let device = known.map(|id| &state.devices[id as usize]);
    let mut next = device.map_or(0, |device| device.channels.len()) as u32;
    let mut fresh: HashMap<_, &Channel> = HashMap::new();
    for channel in channels {
        channel.check().map_err(|e| e.context(format_args!("device {name}")))?;
        let column = device.and_then(|device| device.column(&channel.name));
        let before = column.and_then(|column| Some(&device?.channels[column as usize]));
        if let Some(before) = before.or_else(|| fresh.get(&channel.name).copied()) {
            before.check_compatible(channel).map_err(|e| e.context(format_args!("device {name}")))?;
        }
        let column = match column {
            Some(_) if before == Some(channel) => continue,
            Some(column) => column,
            None if fresh.contains_key(&channel.name) => continue,
            None => {
                next += 1;
                next - 1
            }
        };
        // Said at once: a list of a million names is not gone through.
        if next as usize > quota {
            let message = format!("device {name} would have {next} channels or more, expected at most {quota}");
            return Err(Error::new(ErrorKind::LimitReached, message));
        }
        fresh.insert(channel.name.clone(), channel);
        records.push(Record::Channel { device: id, column, channel: Box::new(channel.clone()) });
    }
    Ok(records)
}
