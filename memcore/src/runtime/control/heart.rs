//! What a tick works with: the controller, what it hears, what was said and ordered. Whoever holds it decides; nothing here waits.

use std::collections::HashMap;
use std::time::Duration;

use super::feed::Feed;
use super::log::ControlEvent;
use super::noting::Noting;
use super::orders::{Heard, Numbered};
use super::planner::SitePlanner;
use super::status::Paused;
use super::ticks::TickTimes;
use crate::control::{Controller, Decision, Moment, Order, PlanNews};
use crate::model::{CommandId, SeriesName};

pub(crate) struct Heart {
    pub(crate) controller: Controller,
    pub(crate) feed: Feed,
    /// Where the site is to be planned.
    pub(crate) planner: Option<SitePlanner>,
    pub(crate) times: TickTimes,
    pub(crate) noting: Noting,
    pub(crate) last: Option<Decision>,
    pub(crate) paused: Option<Paused>,
    /// Of each asset: until when a person holds it.
    pub(crate) held: Vec<Option<Duration>>,
    /// The last order to each channel, given or not.
    pub(crate) orders: HashMap<SeriesName, Order>,
    /// Control has just gone on: what was ordered last is ordered again.
    pub(crate) order_all: bool,
}

impl std::fmt::Debug for Heart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Heart").field("controller", &self.controller).finish_non_exhaustive()
    }
}

/// What comes out of a tick.
#[derive(Debug, Default)]
pub(crate) struct Beat {
    pub(crate) events: Vec<ControlEvent>,
    pub(crate) orders: Vec<Numbered>,
}

impl Heart {
    pub(crate) fn new(controller: Controller, feed: Feed, planner: Option<SitePlanner>, paused: Option<Paused>) -> Self {
        let model = controller.model();
        let (noting, held) = (Noting::new(model), vec![None; model.assets().len()]);
        let (times, last, orders, order_all) = (TickTimes::default(), None, HashMap::new(), false);
        Self { controller, feed, planner, times, noting, last, paused, held, orders, order_all }
    }

    /// Hears what has come, and decides. `number` gives each order the id of its command.
    pub(crate) fn beat(&mut self, heard: Vec<Heard>, now: Moment, mut number: impl FnMut() -> Option<CommandId>) -> Beat {
        let Self { controller, feed, planner, noting, .. } = self;
        feed.drain(now, |series, sample, seen| {
            controller.read(series, sample, seen);
        });
        let mut beat = Beat::default();
        for heard in heard {
            controller.answered(heard.order.number, &heard.state, now);
            beat.events.extend(noting.answered(controller.model(), heard, now));
        }
        if let Some(planner) = planner {
            let news = planner.tick(controller, now).news;
            let planned = |news: PlanNews| ControlEvent::Planned { time_us: now.wall, news: news.to_string() };
            beat.events.extend(news.into_iter().map(planned));
            noting.set_fault("planner", planner.fault());
        }
        let mut decision = controller.tick(now);
        for order in self.take_orders(&mut decision, now) {
            // Without random numbers there is no id: the lease ends, and the device is where it is safe.
            let Some(id) = number() else { continue };
            self.noting.ordered(self.controller.model(), &order, &id);
            beat.orders.push(Numbered { id, order });
        }
        beat.events.extend(self.noting.decided(&decision, &self.controller, now, self.paused.as_ref()));
        self.last = Some(decision);
        beat
    }

    /// The orders that are to be given: none while control is paused, none to what a person holds unless for safety.
    fn take_orders(&mut self, decision: &mut Decision, now: Moment) -> Vec<Order> {
        let mut orders = std::mem::take(&mut decision.orders);
        for order in &orders {
            self.orders.insert(order.target.clone(), order.clone());
        }
        if self.paused.is_some() {
            return Vec::new();
        }
        if std::mem::take(&mut self.order_all) {
            let missing = self.orders.values().filter(|last| orders.iter().all(|order| order.target != last.target));
            let missing: Vec<_> = missing.cloned().collect();
            orders.extend(missing);
        }
        for until in &mut self.held {
            if until.is_some_and(|until| until <= now.elapsed) {
                (*until, self.order_all) = (None, true);
            }
        }
        orders.retain(|order| order.safety || self.held[order.asset].is_none());
        orders
    }
}
