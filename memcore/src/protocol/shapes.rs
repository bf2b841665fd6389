//! Devices of one make describe the same channels: their sessions share what follows from that, and only the first of a thousand
//! pays for it.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, Weak};

use super::rows::Layout;
use super::table::ChannelTable;
use crate::model::Channel;

/// Fewer than these are never searched for those that nobody uses any more.
const FEW: usize = 64;

/// What a list of channels means to a session.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    pub(crate) table: Arc<ChannelTable>,
    pub(crate) layout: Arc<Layout>,
}

impl Shape {
    pub(crate) fn of(channels: Vec<Channel>) -> Self {
        let mut table = ChannelTable::default();
        table.describe(channels);
        let layout = Arc::new(Layout::of(&table));
        Self { table: Arc::new(table), layout }
    }
}

/// The shapes of the sessions of a server. It holds none that no session uses, beyond a few.
#[derive(Debug, Default)]
pub struct Shapes(Mutex<Known>);

/// A shape that lasts for as long as a session uses it.
type Used = (Weak<ChannelTable>, Weak<Layout>);

#[derive(Debug, Default)]
struct Known {
    /// By a hash of the channels' names: lists that share one are told apart by what they are.
    shapes: HashMap<u64, Vec<Used>>,
    /// How many lists are looked at again for unused ones.
    full: usize,
}

impl Shapes {
    /// The shape of that list of channels, shared with every session of the same list.
    pub(crate) fn of(&self, channels: Vec<Channel>) -> Shape {
        let mut hasher = DefaultHasher::new();
        channels.iter().for_each(|channel| channel.name.hash(&mut hasher));
        let key = hasher.finish();
        let mut known = self.0.lock().unwrap_or_else(|e| e.into_inner());
        let alive = known.shapes.get(&key).into_iter().flatten();
        let mut alive = alive.filter_map(|(table, layout)| Some((table.upgrade()?, layout.upgrade()?)));
        if let Some((table, layout)) = alive.find(|(table, _)| table.channels() == channels) {
            return Shape { table, layout };
        }
        let shape = Shape::of(channels);
        known.forget_unused();
        let alike = known.shapes.entry(key).or_default();
        alike.retain(|(table, _)| table.strong_count() > 0);
        alike.push((Arc::downgrade(&shape.table), Arc::downgrade(&shape.layout)));
        shape
    }
}

impl Known {
    fn forget_unused(&mut self) {
        if self.shapes.len() < self.full.max(FEW) {
            return;
        }
        self.shapes.retain(|_, alike| {
            alike.retain(|(table, _)| table.strong_count() > 0);
            !alike.is_empty()
        });
        self.full = 2 * self.shapes.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Unit;

    fn channels(name: &str, unit: Unit) -> Vec<Channel> {
        vec![Channel::gauge(name, unit).unwrap().build().unwrap()]
    }

    #[test]
    fn the_same_list_is_shared_and_one_that_differs_is_not() {
        let shapes = Shapes::default();
        let first = shapes.of(channels("power", Unit::Watt));
        assert!(Arc::ptr_eq(&first.table, &shapes.of(channels("power", Unit::Watt)).table));
        let other = shapes.of(channels("power", Unit::Kilowatt));
        assert!(!Arc::ptr_eq(&first.table, &other.table));
        assert_eq!(other.table.channels()[0].unit, Unit::Kilowatt);
    }

    #[test]
    fn lists_that_nobody_uses_are_forgotten() {
        let shapes = Shapes::default();
        let kept = shapes.of(channels("kept", Unit::Watt));
        for number in 0..10_000 {
            shapes.of(channels(&format!("passing{number}"), Unit::Watt));
        }
        assert!(shapes.0.lock().unwrap().shapes.len() <= FEW + 1);
        assert!(Arc::ptr_eq(&kept.table, &shapes.of(channels("kept", Unit::Watt)).table));
    }
}
