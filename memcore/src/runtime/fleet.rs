//! Plans of many sites as a long work: it says how far it is, and can be given up between sites.

use std::sync::Arc;
use std::thread;
use std::time::Instant;

use super::Progress;
use crate::error::{Error, Result};
use crate::optimize::{Options, Outcome, Site, solve_many};

/// A thread is given so many sites at once at least: what it waits for others then matters little.
const SITES_PER_THREAD: usize = 16;

/// Plans many sites in parallel, in the order in which they are given. `progress` hears a hundred times at most how many are done;
/// its error ends the work. Unless told, there are as many threads as the machine has processors for this program.
///
/// # Errors
/// That of `progress`, and the first site's that says what it cannot mean, with its place and name.
pub fn plan_many(
    sites: &[Arc<Site>],
    options: &Options,
    threads: Option<usize>,
    progress: &mut dyn FnMut(&Progress) -> Result<()>,
) -> Result<Vec<Outcome>> {
    let begun = Instant::now();
    let processors = || thread::available_parallelism().map_or(1, usize::from);
    let threads = threads.unwrap_or_else(processors).max(1);
    let at_once = (sites.len() / 100).max(threads.saturating_mul(SITES_PER_THREAD));
    let mut outcomes = Vec::with_capacity(sites.len());
    for some in sites.chunks(at_once) {
        let some: Vec<Site> = some.iter().map(|site| Site::clone(site)).collect();
        for (site, outcome) in some.iter().zip(solve_many(&some, options, Some(threads), None)) {
            let place = outcomes.len();
            let named = |e: Error| e.context(format_args!("sites[{place}] ({})", site.name));
            outcomes.push(outcome.map_err(named)?);
        }
        let mut told = Progress::of_part(outcomes.len() as f64 / sites.len() as f64, begun);
        told.rows = outcomes.len() as u64;
        told.points = told.rows;
        progress(&told)?;
    }
    Ok(outcomes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Currency, Span};
    use crate::optimize::{Grid, Horizon, Load};

    fn home(power_w: f64) -> Arc<Site> {
        let horizon = Horizon::even("2026-01-01T00:00:00Z".parse().unwrap(), Span::from_seconds(3600), 1).unwrap();
        let assets = [Grid::new("grid", 0.3).into(), Load::new("house", power_w).into()];
        Arc::new(Site::new(Currency::EUR, horizon, assets))
    }

    #[test]
    fn every_site_has_its_plan_and_progress_is_told() {
        let sites: Vec<_> = (0..40).map(|number| home(f64::from(number) * 1000.0)).collect();
        let mut told = Vec::new();
        let outcomes = plan_many(&sites, &Options::default(), Some(1), &mut |progress| {
            told.push(progress.rows);
            Ok(())
        });
        let costs: Vec<f64> = outcomes.unwrap().iter().map(|outcome| outcome.plan().unwrap().objective).collect();
        assert!(costs.iter().enumerate().all(|(number, cost)| (cost - 0.3 * number as f64).abs() < 1e-9), "{costs:?}");
        assert_eq!(told, [16, 32, 40]);
    }

    #[test]
    fn a_wrong_site_is_named_and_whoever_hears_of_progress_may_end_it() {
        let options = Options::default();
        let wrong = plan_many(&[home(1.0), home(f64::NAN)], &options, None, &mut |_| Ok(())).unwrap_err();
        assert!(wrong.message().starts_with("sites[1] (site)"), "{wrong}");
        let ended = plan_many(&[home(1.0)], &options, None, &mut |_| Err(Error::invalid("enough"))).unwrap_err();
        assert_eq!(ended.message(), "enough");
    }
}
