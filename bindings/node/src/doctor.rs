//! The doctor: over files and history, and what it found.

use std::collections::HashMap;
use std::sync::Arc;

use memcore::doctor::{Examination, Report, Role};
use memcore::model::{Selection, Timestamp};
use memcore::{BalanceRequest, Error, Memcore, SiteBalance};
use napi::Env;
use napi::bindgen_prelude::{BigInt, BigInt64Array, Function, PromiseRaw};
use napi_derive::napi;

use crate::bulk::Told;
use crate::channel::span;
use crate::energy::{Holds, NativeBalance};
use crate::error::{Result, ToNode, on_disk};
use crate::history::NativeHistory;
use crate::time::instant;
use crate::upkeep::{ImportSettings, NativeStop, hears, json, tell};

/// How to look.
#[napi(object)]
pub struct LookSettings {
    /// The zone of local times, or of the site.
    pub tz: Option<String>,
    /// Degrees north and east.
    pub position: Option<Vec<f64>>,
    /// What series are in the energy balance.
    pub roles: Option<HashMap<String, String>>,
    /// Only these kinds of findings.
    pub only: Option<Vec<String>>,
}

impl LookSettings {
    fn examination(self) -> memcore::Result<Examination> {
        let position = match self.position.as_deref() {
            None => None,
            Some(&[north, east]) => Some((north, east)),
            Some(other) => return Err(Error::invalid(format!("position has {} numbers, expected two", other.len()))),
        };
        let mut examination = Examination { zone: self.tz, position, ..Examination::default() };
        for (name, role) in self.roles.into_iter().flatten() {
            examination.roles.push((name, role.parse::<Role>()?));
        }
        for kind in self.only.into_iter().flatten() {
            examination.only.push(kind.parse()?);
        }
        Ok(examination)
    }
}

/// What a doctor found.
#[napi]
pub struct NativeFindings {
    report: Report,
    told: String,
    mapping: String,
}

impl NativeFindings {
    fn of(report: Report) -> memcore::Result<Self> {
        Ok(Self { told: json(&report)?, mapping: json(&memcore::mapping_of(&report))?, report })
    }
}

#[napi]
impl NativeFindings {
    /// All of it, as JSON.
    #[napi(catch_unwind)]
    pub fn json(&self) -> String {
        self.told.clone()
    }

    /// What should be declared, as JSON.
    #[napi(catch_unwind)]
    pub fn declarations(&self) -> Result<String> {
        json(&self.report.declarations()).to_node()
    }

    /// A mapping that reads it right, as JSON.
    #[napi(catch_unwind)]
    pub fn mapping(&self) -> String {
        self.mapping.clone()
    }

    /// The picture of the finding at that place.
    #[napi(catch_unwind)]
    pub fn svg(&self, finding: u32) -> String {
        self.report.findings.get(finding as usize).map_or_else(String::new, |finding| finding.plot.to_svg())
    }

    /// A page of it.
    #[napi(catch_unwind)]
    pub fn html(&self) -> String {
        self.report.to_html()
    }
}

/// Examines a file, of which nothing is stored.
#[napi(catch_unwind, ts_return_type = "Promise<NativeFindings>")]
pub(crate) fn examine_file<'env>(
    env: &'env Env,
    path: String,
    settings: ImportSettings,
    look: LookSettings,
    stop: &NativeStop,
    told: Option<Function<'_, Told, ()>>,
) -> Result<PromiseRaw<'env, NativeFindings>> {
    let request = settings.request(&path).to_node()?;
    let examination = look.examination().to_node()?;
    let mut tell = tell(hears(told)?, Arc::clone(&stop.0));
    env.spawn_future(on_disk(move || {
        let examined = memcore::examine_file(&request, &examination, &mut tell)?;
        Ok(NativeFindings { told: json(&examined)?, mapping: json(&examined.mapping)?, report: examined.report })
    }))
}

/// Over which time a site is balanced.
#[napi(object)]
pub struct BalanceSettings {
    /// The site whose devices are told by their names.
    pub site: Option<String>,
    /// Pairs of a role and a selection.
    pub parts: Vec<Vec<String>>,
    /// Only from this instant on, in microseconds.
    pub start: Option<BigInt>,
    /// Only before this instant.
    pub end: Option<BigInt>,
    /// One row a bucket.
    pub every: Option<String>,
    /// The zone whose calendar the buckets follow.
    pub tz: Option<String>,
    /// What flows both ways within it is netted.
    pub step: Option<String>,
}

impl BalanceSettings {
    fn request(&self, memcore: &Memcore, holds: &Holds) -> memcore::Result<BalanceRequest> {
        let mut request = BalanceRequest::new().rule(holds.rule.parse()?);
        for part in &self.parts {
            if let [role, selection] = &part[..] {
                let selection: Selection = selection.parse().map_err(|e: Error| e.context(role))?;
                request = request.part(role.parse()?, selection);
            }
        }
        if let Some(site) = &self.site {
            let roles = memcore.roles(site)?;
            request = roles.into_iter().fold(request, |request, (series, role)| request.part(role, series));
        }
        if let Some(every) = &self.every {
            request = request.every(memcore::Every::parse(every, self.tz.as_deref())?);
        }
        let at = |time: &Option<BigInt>| time.as_ref().map(instant).transpose();
        request = at(&self.start)?.into_iter().fold(request, BalanceRequest::from);
        request = at(&self.end)?.into_iter().fold(request, BalanceRequest::to);
        let length = |field: &str, text: &Option<String>| text.as_deref().map(|text| span(field, text)).transpose();
        request = length("step", &self.step)?.into_iter().fold(request, BalanceRequest::step);
        Ok(length("maxGap", &holds.max_gap)?.into_iter().fold(request, BalanceRequest::max_gap))
    }
}

/// The balance of a site, a row a bucket.
#[napi]
pub struct NativeSiteBalance(SiteBalance);

#[napi]
impl NativeSiteBalance {
    /// Where each bucket starts, and where the last one ends, in microseconds.
    #[napi(catch_unwind)]
    pub fn borders(&self) -> BigInt64Array {
        BigInt64Array::new(self.0.borders.iter().map(|time| time.as_micros()).collect())
    }

    /// What flowed in each of them.
    #[napi(catch_unwind)]
    pub fn balance(&self) -> NativeBalance {
        NativeBalance(self.0.balance.clone())
    }

    /// Pairs of a series that was read and its role.
    #[napi(catch_unwind)]
    pub fn series(&self) -> Vec<Vec<String>> {
        self.0.series.iter().map(|(series, role)| vec![series.to_string(), role.name().to_owned()]).collect()
    }
}

#[napi]
impl NativeHistory {
    /// Examines the selected series.
    #[napi(catch_unwind, ts_return_type = "Promise<NativeFindings>")]
    #[allow(clippy::too_many_arguments, reason = "JavaScript's side has one caller, which names them")]
    pub fn examine<'env>(
        &self,
        env: &'env Env,
        selection: String,
        start: Option<BigInt>,
        end: Option<BigInt>,
        look: LookSettings,
        stop: &NativeStop,
        told: Option<Function<'_, Told, ()>>,
    ) -> Result<PromiseRaw<'env, NativeFindings>> {
        let (memcore, selection) = (self.0.clone(), selection.parse::<Selection>().to_node()?);
        let at = |time: Option<BigInt>, open| time.map_or(Ok(open), |time| instant(&time)).to_node();
        let (start, end) = (at(start, Timestamp::MIN)?, at(end, Timestamp::MAX)?);
        let examination = look.examination().to_node()?;
        let mut tell = tell(hears(told)?, Arc::clone(&stop.0));
        env.spawn_future(on_disk(move || {
            memcore.examine(selection, start, end, &examination, &mut tell).and_then(NativeFindings::of)
        }))
    }

    /// The balance of a site.
    #[napi]
    pub async fn balance(&self, settings: BalanceSettings, holds: Holds) -> Result<NativeSiteBalance> {
        let memcore = self.0.clone();
        on_disk(move || memcore.balance(&settings.request(&memcore, &holds)?)).await.map(NativeSiteBalance)
    }
}
