//! Registration: what the manifest must be told of a device and its channels, and how many of both there may be. A device
//! that invents names is stopped at its own quota, and fills neither the memory nor the quota of another.

use std::collections::HashMap;

use super::manifest::Record;
use super::options::StoreOptions;
use super::state::State;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Channel, DeviceName};

/// What the manifest must be told to register these channels.
pub(super) fn new_facts(
    state: &State,
    name: &DeviceName,
    channels: &[Channel],
    options: &StoreOptions,
) -> Result<Vec<Record>> {
    let mut records = Vec::new();
    let known = state.device_id(name);
    if known.is_none() && state.devices.len() >= options.max_devices {
        let message = format!("device {name} would be one more than the {} that may be registered", options.max_devices);
        return Err(Error::new(ErrorKind::LimitReached, message));
    }
    let quota = options.max_channels_per_device;
    let id = known.unwrap_or(state.devices.len() as u32);
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
