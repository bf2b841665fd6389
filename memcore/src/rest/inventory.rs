//! What there is: the devices of an operator, enrolled, heard or only with a history, and what is known of them now.

use std::collections::HashMap;

use super::api::Api;
use super::problem::Problem;
use super::staleness::is_stale;
use crate::model::{Channel, ChannelName, DeviceName, DeviceStatus, Name, Pattern, Sample, SeriesName, Timestamp};
use crate::runtime::OWN_DEVICES;

/// A device, as it is known.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) status: DeviceStatus,
    /// Its channels with their latest sample, where they were asked for.
    pub(super) channels: Vec<(ChannelName, Channel, Option<Sample>)>,
}

impl Known {
    /// When it was last heard: by this server, or by an earlier one as far as that left traces.
    pub(super) fn last_seen(&self) -> Option<Timestamp> {
        let login = self.status.proofs.iter().filter_map(|proof| proof.last_used).max();
        let sample = self.channels.iter().filter_map(|(.., latest)| latest.map(|sample| sample.time)).max();
        self.status.last_seen.or_else(|| login.max(sample))
    }

    /// Whether it is a device of the site: not what the server itself writes down of its decisions and plans.
    pub(super) fn is_device(&self) -> bool {
        let DeviceStatus { device, connected, last_seen, proofs, .. } = &self.status;
        *connected || last_seen.is_some() || !proofs.is_empty() || !OWN_DEVICES.contains(&device.device.as_str())
    }

    /// Whether all that it measures is too old.
    pub(super) fn is_stale(&self, now: Timestamp) -> bool {
        let mut measured = self.channels.iter().filter_map(|(_, channel, latest)| latest.map(|latest| (channel, latest)));
        !measured.any(|(channel, latest)| !is_stale(channel, latest.time, now))
    }
}

impl Api {
    /// The devices of an operator, of one site or of all of them, by name, with their channels. It reads the store: not for a thread that
    /// serves the network.
    ///
    /// # Errors
    /// As the store.
    pub(super) fn known(&self, operator: &Name, site: Option<&Name>) -> Result<Vec<Known>, Problem> {
        let within = |device: &DeviceName| device.operator == *operator && site.is_none_or(|site| device.site == *site);
        let selected = match site {
            Some(site) => format!("{operator}/{site}.>"),
            None => format!("{operator}/>"),
        };
        let selected: Pattern = selected.parse()?;
        let memcore = self.server().memcore();
        let mut latest: HashMap<SeriesName, Sample> = memcore.latest(&selected)?.into_iter().collect();
        let mut channels: HashMap<DeviceName, Vec<_>> = HashMap::new();
        for (series, channel) in memcore.series(&selected) {
            let sample = latest.remove(&series);
            channels.entry(series.device).or_default().push((series.channel, channel, sample));
        }
        let enrolled = self.server().devices().into_iter().filter(|status| within(&status.device));
        let mut known: Vec<Known> = enrolled
            .map(|status| Known { channels: channels.remove(&status.device).unwrap_or_default(), status })
            .collect();
        known.extend(
            channels.into_iter().map(|(device, channels)| Known { status: only_history(device, channels.len()), channels }),
        );
        known.sort_by(|a, b| a.status.device.cmp(&b.status.device));
        for device in &mut known {
            device.channels.sort_by(|(a, ..), (b, ..)| a.cmp(b));
        }
        Ok(known)
    }

    /// As [`known`](Self::known), of a site that is to have something.
    ///
    /// # Errors
    /// 404 where it has neither a device nor a history.
    pub(super) fn known_at(&self, operator: &Name, site: &Name) -> Result<Vec<Known>, Problem> {
        let known = self.known(operator, Some(site))?;
        if known.is_empty() {
            Err(Problem::not_found(format!("site {site} of {operator} is not known")))
        } else {
            Ok(known)
        }
    }

    /// A device of a site.
    ///
    /// # Errors
    /// 404, naming the site or the device.
    pub(super) fn known_device(&self, device: &DeviceName) -> Result<Known, Problem> {
        let mut known = self.known_at(&device.operator, &device.site)?.into_iter();
        let unknown = || Problem::not_found(format!("device {} is not known at site {}", device.device, device.site));
        known.find(|known| known.status.device == *device).ok_or_else(unknown)
    }

    /// Whether this server controls that site.
    pub(super) fn controls(&self, operator: &Name, site: &Name) -> bool {
        self.server().controlled_site().is_some_and(|(its, controlled)| its == *operator && controlled == *site)
    }

    /// Runs what reads files or the store where it keeps nobody from the network.
    ///
    /// # Errors
    /// Those of the work.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let api = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&api)).await;
        done.unwrap_or_else(|e| Err(Problem::internal(format!("the work broke off: {e}"))))
    }
}

/// A device that was imported: nobody enrolled it, and it never came.
fn only_history(device: DeviceName, channels: usize) -> DeviceStatus {
    DeviceStatus { device, connected: false, last_seen: None, channels, points: 0, rate: None, proofs: Vec::new() }
}
