//! What a subscriber wants to hear.

use crate::error::{Error, Result};
use crate::model::{DeviceName, Name, Pattern, Selection, SeriesName, shorten};
use crate::rest::access::Topic;
use crate::rest::problem::Problem;
use crate::rest::within::Place;

/// More patterns than this are no question of a person.
const PATTERNS_MAX: usize = 64;

/// Topics of an operator, of some series or all. Subscribers that want the same share what is made for them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Filter {
    operator: Name,
    site: Option<Name>,
    /// In the order of [`Topic::ALL`].
    topics: Vec<Topic>,
    /// All where there is none.
    series: Vec<Pattern>,
}

impl Filter {
    /// # Errors
    /// 400, naming the field.
    pub(super) fn new(operator: Name, site: Option<&str>, topics: &[String], series: &[String]) -> Result<Self, Problem> {
        let site = site.map(Name::new).transpose().map_err(|e| Problem::from(e).at("site"))?;
        let wanted = topics.iter().map(|topic| topic_of(topic.trim())).collect::<Result<Vec<_>, _>>()?;
        let topics = Topic::ALL.into_iter().filter(|topic| wanted.is_empty() || wanted.contains(topic)).collect();
        if series.len() > PATTERNS_MAX {
            let said = series.len();
            return Err(Problem::invalid("series", format!("series stands {said} times, expected at most {PATTERNS_MAX}")));
        }
        let series = series.iter().map(|text| pattern(&operator, site.as_ref(), text)).collect::<Result<_, _>>()?;
        Ok(Self { operator, site, topics, series })
    }

    /// Whose data it is about.
    pub(super) fn operator(&self) -> &Name {
        &self.operator
    }

    /// Which topics.
    pub(super) fn topics(&self) -> &[Topic] {
        &self.topics
    }

    pub(super) fn wants(&self, topic: Topic) -> bool {
        self.topics.contains(&topic)
    }

    /// Whether it is about that site at all.
    pub(super) fn covers(&self, operator: &Name, site: &Name) -> bool {
        self.operator == *operator && self.site.as_ref().is_none_or(|wanted| wanted == site)
    }

    pub(super) fn covers_device(&self, device: &DeviceName) -> bool {
        self.covers(&device.operator, &device.site)
    }

    pub(super) fn covers_series(&self, series: &SeriesName) -> bool {
        self.covers_device(&series.device) && (self.series.is_empty() || self.series.iter().any(|one| one.matches(series)))
    }
}

fn topic_of(text: &str) -> Result<Topic, Problem> {
    Topic::ALL.into_iter().find(|topic| topic.name() == text).ok_or_else(|| {
        let names = Topic::ALL.map(Topic::name).join(", ");
        Problem::invalid("topics", format!("topic is {:?}, expected of {names}", shorten(text)))
    })
}

/// A pattern within the operator, and within the site where one is named.
fn pattern(operator: &Name, site: Option<&Name>, text: &str) -> Result<Pattern, Problem> {
    let named = |e: Error| Problem::from(e).at("series");
    let selection = match site {
        Some(site) => Place { operator: operator.clone(), site: site.clone() }.selection(Some(text))?,
        None if text.contains('/') => text.parse::<Selection>().map_err(named)?,
        None => format!("{operator}/{text}").parse::<Selection>().map_err(named)?,
    };
    let whole = selection.pattern().to_string();
    let (of, _) = whole.split_once('/').unwrap_or((crate::model::OPERATOR_DEFAULT, ""));
    if of != operator.as_str() {
        let text = shorten(text);
        return Err(Problem::invalid(
            "series",
            format!("series is {text:?}, expected series of {operator}, such as `home1.>`"),
        ));
    }
    if !selection.is_unconditional() {
        return Err(Problem::invalid("series", "series has conditions, expected names and wildcards alone"));
    }
    Ok(selection.pattern().clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(site: Option<&str>, topics: &[&str], series: &[&str]) -> Result<Filter, Problem> {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        Filter::new(Name::new("acme").unwrap(), site, &owned(topics), &owned(series))
    }

    #[test]
    fn nothing_of_another_operator_or_site_is_heard() {
        let all = filter(None, &[], &[]).unwrap();
        let heard = |filter: &Filter, series: &str| filter.covers_series(&series.parse().unwrap());
        assert!(heard(&all, "acme/home1.pv.power") && !heard(&all, "home1.pv.power"));
        let site = filter(Some("home1"), &["readings"], &["*.power"]).unwrap();
        assert!(heard(&site, "acme/home1.pv.power") && !heard(&site, "acme/home2.pv.power"));
        assert!(!heard(&site, "acme/home1.pv.energy") && !site.wants(Topic::Events));
        let full = filter(None, &[], &["acme/home1.>", "home2.pv.power"]).unwrap();
        assert!(heard(&full, "acme/home1.x.y") && heard(&full, "acme/home2.pv.power"));
    }

    #[test]
    fn what_cannot_be_heard_is_refused_by_name() {
        for (site, topics, series, field) in [
            (None, "reading", ">", "topics"),
            (Some("a b"), "readings", ">", "site"),
            (None, "readings", "local/home1.>", "series"),
            (None, "readings", "*/>", "series"),
            (None, "readings", "home1.>{quantity=power}", "series"),
            (Some("home1"), "readings", "acme/home2.pv.power", "series"),
        ] {
            let problem = filter(site, &[topics], &[series]).unwrap_err();
            assert_eq!((problem.status, problem.field.as_deref()), (400, Some(field)), "{problem:?}");
        }
    }
}
