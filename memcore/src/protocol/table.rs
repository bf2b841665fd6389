//! The channels of a session: what the values of its data messages belong to.

use std::collections::HashMap;

use crate::model::{Channel, ChannelName};

/// The channels of a session in the order in which they were described.
#[derive(Debug, Default, Clone)]
pub(crate) struct ChannelTable {
    channels: Vec<Channel>,
    places: HashMap<ChannelName, usize>,
    /// The places of channels and of those with the qualities of their values.
    qualities: Vec<(usize, usize)>,
}

impl ChannelTable {
    /// Adds channels; one that stands already is described anew.
    pub(crate) fn describe(&mut self, channels: Vec<Channel>) {
        for channel in channels {
            if let Some(place) = self.places.get(&channel.name) {
                self.channels[*place] = channel;
            } else {
                self.places.insert(channel.name.clone(), self.channels.len());
                self.channels.push(channel);
            }
        }
        let beside = |(place, channel): (usize, &Channel)| Some((*self.places.get(&channel.qualified()?)?, place));
        self.qualities = self.channels.iter().enumerate().filter_map(beside).collect();
    }

    /// The places of channels, each with that of the channel of the qualities of its values.
    pub(crate) fn qualities(&self) -> &[(usize, usize)] {
        &self.qualities
    }

    pub(crate) fn channels(&self) -> &[Channel] {
        &self.channels
    }

    /// How many channels there are: how many places one row has.
    pub(crate) fn width(&self) -> usize {
        self.channels.len()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Channel> {
        self.places.get(name).map(|place| &self.channels[*place])
    }

    /// The place of a channel. Devices name their channels in the order in which they described them, so the one
    /// after the last is tried before the name is looked up.
    pub(crate) fn place(&self, name: &str, guess: usize) -> Option<usize> {
        match self.channels.get(guess) {
            Some(channel) if channel.name.as_str() == name => Some(guess),
            _ => self.places.get(name).copied(),
        }
    }
}
