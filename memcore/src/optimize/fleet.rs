//! Many sites in one call, and one site again and again: the memory of the engines is kept from one plan to the next.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::solve::Memory;
use super::{Options, Outcome, Site, State};
use crate::error::Result;

/// Plans many sites, in the order in which they are given; each result is what [`Site::solve`] returns, whatever the number of
/// threads. Unless told, there are as many threads as the machine has processors for this program, and never more than sites.
///
/// `progress` is called after each site with how many are done and how many there are, from any thread and in any order.
pub fn solve_many(
    sites: &[Site],
    options: &Options,
    threads: Option<usize>,
    progress: Option<&(dyn Fn(usize, usize) + Sync)>,
) -> Vec<Result<Outcome>> {
    let processors = || thread::available_parallelism().map_or(1, usize::from);
    let threads = threads.unwrap_or_else(processors).clamp(1, sites.len().max(1));
    let fleet = Fleet { sites, options, progress, next: AtomicUsize::new(0), done: AtomicUsize::new(0) };
    if threads == 1 {
        return fleet.work().into_iter().map(|(_, outcome)| outcome).collect();
    }
    let mut outcomes = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| fleet.work())).collect();
        let joined =
            workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        joined.flatten().collect::<Vec<_>>()
    });
    outcomes.sort_unstable_by_key(|(place, _)| *place);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

/// What the threads of a fleet share.
struct Fleet<'a> {
    sites: &'a [Site],
    options: &'a Options,
    progress: Option<&'a (dyn Fn(usize, usize) + Sync)>,
    /// The next site that nobody plans yet.
    next: AtomicUsize,
    done: AtomicUsize,
}

impl Fleet<'_> {
    /// Plans one site after the other until none is left.
    fn work(&self) -> Vec<(usize, Result<Outcome>)> {
        let mut memory = Memory::default();
        let mut outcomes = Vec::new();
        loop {
            let place = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(site) = self.sites.get(place) else { return outcomes };
            outcomes.push((place, site.solve_in(self.options, &mut memory)));
            let done = 1 + self.done.fetch_add(1, Ordering::Relaxed);
            if let Some(progress) = self.progress {
                progress(done, self.sites.len());
            }
        }
    }
}

/// A site that is planned again and again, as a controller does: change what has changed, and solve. A plan is the same as
/// [`Site::solve`] makes of the same site; only memory is kept. See [`warm_starts`](Self::warm_starts) for more than that.
///
/// ```
/// use memcore::model::{Currency, Span};
/// use memcore::optimize::{Asset, Battery, Grid, Horizon, Load, Options, Planner, Site, State};
/// # fn main() -> memcore::Result<()> {
/// let horizon = Horizon::even("2026-01-01T00:00:00Z".parse()?, Span::from_seconds(3600), 2)?;
/// let grid = Grid::new("grid", [0.20, 0.30]);
/// let battery = Battery::new("battery", 10_000.0, 5_000.0, 5_000.0, 5_000.0);
/// let assets = [grid.into(), Load::new("house", 1_000.0).into(), battery.into()];
/// let mut planner = Planner::new(Site::new(Currency::EUR, horizon, assets), Options::default());
/// let first = planner.solve()?;
///
/// // An hour later, the battery was measured, and there are new prices.
/// planner.set_state(&State { energy_wh: vec![("battery".to_owned(), 6_050.0)], ..State::default() })?;
/// if let Asset::Grid(grid) = &mut planner.site_mut().assets[0] {
///     grid.buy_per_kwh = [0.30, 0.25].into();
/// }
/// let second = planner.solve()?;
/// # assert!(first.plan().is_some() && second.plan().unwrap().objective < 0.6);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Planner {
    site: Site,
    options: Options,
    memory: Memory,
}

impl Planner {
    /// A planner of a site, which is checked with each plan.
    #[must_use]
    pub fn new(site: Site, options: Options) -> Self {
        Self { site, options, memory: Memory::default() }
    }

    /// Whether a site that goes to HiGHS is solved from the plan before, where it has the same parts and steps as then: several times as
    /// fast for sites without anything that is on or off. False unless told.
    ///
    /// Such a plan costs the same and is verified as any other, and where the verifier refuses it the site is solved cold. Where several
    /// plans are equally good it may be another one of them than [`Site::solve`] gives. The solver lives on a thread of the planner's own.
    #[must_use]
    pub fn warm_starts(self, warm: bool) -> Self {
        Self { memory: self.memory.warm_starts(warm), ..self }
    }

    /// The site as it is.
    #[must_use]
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// The site, to be changed: prices, forecasts, limits, anything.
    pub fn site_mut(&mut self) -> &mut Site {
        &mut self.site
    }

    /// Takes over a measured state: energies, temperatures, what runs, peaks so far.
    ///
    /// # Errors
    /// Invalid where it names what the site does not have.
    pub fn set_state(&mut self, state: &State) -> Result<()> {
        self.site.set_state(state)
    }

    /// The best plan for another site, in the place of the one before.
    ///
    /// # Errors
    /// Those of [`Site::solve`].
    pub fn solve_for(&mut self, site: &Site) -> Result<Outcome> {
        self.site.clone_from(site);
        self.solve()
    }

    /// The best plan for the site as it is.
    ///
    /// # Errors
    /// Those of [`Site::solve`].
    pub fn solve(&mut self) -> Result<Outcome> {
        self.site.solve_in(&self.options, &mut self.memory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Currency, Span};
    use crate::optimize::{Asset, Battery, Grid, Horizon, Load};

    /// A home whose evening price depends on its number; every fifth one's battery is wrong.
    fn home(number: usize) -> Site {
        let horizon = Horizon::even("2026-01-01T00:00:00Z".parse().unwrap(), Span::from_seconds(3600), 4).unwrap();
        let evening = 0.20 + 0.01 * number as f64;
        let capacity_wh = if number % 5 == 4 { -1.0 } else { 10_000.0 };
        let assets = [
            Grid::new("grid", [0.20, 0.20, evening, evening]).into(),
            Load::new("house", 1_000.0).into(),
            Battery::new("battery", capacity_wh, 5_000.0, 5_000.0, 2_000.0).into(),
        ];
        Site::new(Currency::EUR, horizon, assets)
    }

    #[test]
    fn a_fleet_gives_each_site_its_own_plan_whatever_the_number_of_threads() {
        let sites: Vec<Site> = (0..23).map(home).collect();
        let options = Options::default();
        let alone: Vec<_> = sites.iter().map(|site| site.solve(&options)).collect();
        for threads in [Some(1), Some(3), Some(99), None] {
            let calls = AtomicUsize::new(0);
            let counted = |done: usize, of: usize| {
                assert!((1..=23).contains(&done) && of == 23);
                calls.fetch_add(1, Ordering::Relaxed);
            };
            let outcomes = solve_many(&sites, &options, threads, Some(&counted));
            assert_eq!(calls.into_inner(), 23);
            assert_eq!(outcomes.len(), alone.len());
            for (number, (together, alone)) in outcomes.iter().zip(&alone).enumerate() {
                match (together, alone) {
                    (Ok(together), Ok(alone)) => assert_eq!(together, alone),
                    (Err(refused), Err(_)) => assert!(refused.to_string().contains("capacity_wh") && number % 5 == 4),
                    other => panic!("site {number}: {other:?}"),
                }
            }
        }
        assert!(solve_many(&[], &options, None, None).is_empty());
    }

    #[test]
    fn a_planner_plans_what_the_site_has_become() {
        let options = Options::default();
        let mut planner = Planner::new(home(9 - 1), options.clone());
        let first = planner.solve().unwrap();
        planner.set_state(&State { energy_wh: vec![("battery".to_owned(), 4_000.0)], ..State::default() }).unwrap();
        if let Asset::Grid(grid) = &mut planner.site_mut().assets[0] {
            grid.buy_per_kwh = [0.5, 0.1, 0.1, 0.5].into();
        }
        let second = planner.solve().unwrap();
        assert_eq!(second, planner.site().solve(&options).unwrap());
        assert!(second != first);
    }

    fn is_sent_between_threads(_: &impl Send) {}

    #[cfg(feature = "highs")]
    #[test]
    fn a_warm_planner_costs_what_a_cold_one_does_also_after_a_site_without_a_plan() {
        let options = Options { engine: Some(crate::optimize::Engine::Highs), ..Options::default() };
        let mut planner = Planner::new(home(0), options.clone()).warm_starts(true);
        // Import limits of ample, none, and ample again; then another price.
        let mut hot = Vec::new();
        for (limit_w, evening) in [(10_000.0, 0.3), (10_000.0, 0.5), (0.0, 0.5), (10_000.0, 0.5), (10_000.0, 0.2)] {
            if let Asset::Grid(grid) = &mut planner.site_mut().assets[0] {
                grid.import_limit_w = Some(limit_w.into());
                grid.buy_per_kwh = [0.3, 0.2, evening, evening].into();
            }
            let cold = planner.site().solve(&options).unwrap();
            match (planner.solve().unwrap(), cold) {
                (Outcome::Plan(warm), Outcome::Plan(cold)) => {
                    assert!((warm.objective - cold.objective).abs() < 1e-9, "{} {}", warm.objective, cold.objective);
                    assert_eq!(warm.status, cold.status);
                    hot.push(warm.engine.why.contains("hot: begun from the plan before"));
                    assert!(!cold.engine.why.contains("hot"));
                }
                (Outcome::Infeasible(warm), Outcome::Infeasible(cold)) => assert_eq!(warm.text, cold.text),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(hot, [false, true, false, true], "it begins anew after the site without a plan");
    }

    #[test]
    fn a_plain_planner_may_be_sent_and_so_may_a_warm_one() {
        is_sent_between_threads(&Planner::new(home(0), Options::default()));
        is_sent_between_threads(&Planner::new(home(0), Options::default()).warm_starts(true));
    }
}
