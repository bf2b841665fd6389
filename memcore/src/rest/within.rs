//! The operator and the site that a path names, and the series that a request selects within them.

use serde::Deserialize;
use utoipa::IntoParams;

use super::problem::Problem;
use crate::error::Error;
use crate::model::{DeviceName, Name, Selection};
use crate::runtime::ServerHandle;

/// More patterns than this are no question of a person.
const SELECTIONS_MAX: usize = 64;

/// An operator, as paths name it.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct AtOperator {
    /// The operator, such as `local`.
    #[param(value_type = String)]
    pub(super) operator: Name,
}

/// A site, as paths name it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct Place {
    /// The operator, such as `local`.
    #[param(value_type = String)]
    pub(super) operator: Name,
    /// The site, such as `home1`.
    #[param(value_type = String)]
    pub(super) site: Name,
}

impl Place {
    /// What a text selects of the site: a pattern within it, `*.power`, or in full, `home1.*.power`, perhaps with conditions,
    /// `>{quantity=power}`. Everything where it says nothing.
    ///
    /// # Errors
    /// 400 for what is no selection, or one of another operator or site.
    pub(super) fn selection(&self, text: Option<&str>) -> Result<Selection, Problem> {
        let text = text.map_or(">", str::trim);
        let full = self.in_full(text);
        full.parse().map_err(|e: Error| Problem::from(e).at("series")).and_then(|selection| self.keep(text, selection))
    }

    /// What each of some texts selects; everything where there is none.
    pub(super) fn selections(&self, texts: &[String]) -> Result<Vec<Selection>, Problem> {
        if texts.is_empty() {
            return Ok(vec![self.selection(None)?]);
        }
        if texts.len() > SELECTIONS_MAX {
            let said = texts.len();
            return Err(Problem::invalid(
                "series",
                format!("series stands {said} times, expected at most {SELECTIONS_MAX}"),
            ));
        }
        texts.iter().map(|text| self.selection(Some(text))).collect()
    }

    fn in_full(&self, text: &str) -> String {
        let names = text.find('{').map_or(text, |at| &text[..at]);
        let Self { operator, site } = self;
        if names.contains('/') {
            return text.to_owned();
        }
        let starts = names.strip_prefix(site.as_str()).is_some_and(|rest| rest.starts_with('.'));
        match names {
            "" => format!("{operator}/{site}.>{text}"),
            _ if starts => format!("{operator}/{text}"),
            _ => format!("{operator}/{site}.{text}"),
        }
    }

    fn keep(&self, text: &str, selection: Selection) -> Result<Selection, Problem> {
        let pattern = selection.pattern().to_string();
        let (operator, names) = pattern.split_once('/').unwrap_or((crate::model::OPERATOR_DEFAULT, &pattern));
        let site = names.split('.').next().unwrap_or_default();
        if operator == self.operator.as_str() && site == self.site.as_str() {
            return Ok(selection);
        }
        let (operator, site) = (&self.operator, &self.site);
        let text = crate::model::shorten(text);
        Err(Problem::invalid(
            "series",
            format!("series is {text:?}, expected series of {operator}/{site}, such as `*.power`"),
        ))
    }

    /// Whether a device is of the site.
    pub(super) fn has(&self, device: &DeviceName) -> bool {
        device.operator == self.operator && device.site == self.site
    }

    /// 404 where the site has neither series nor devices.
    pub(super) fn check(&self, server: &ServerHandle) -> Result<(), Problem> {
        let known = !server.memcore().series(self.selection(None)?).is_empty()
            || server.devices().iter().any(|status| self.has(&status.device));
        if known { Ok(()) } else { Err(self.unknown()) }
    }

    fn unknown(&self) -> Problem {
        Problem::not_found(format!("site {} of {} is not known", self.site, self.operator))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(operator: &str) -> Place {
        Place { operator: Name::new(operator).unwrap(), site: Name::new("home1").unwrap() }
    }

    #[test]
    fn series_are_named_within_the_site_or_in_full() {
        for (operator, text, full) in [
            ("local", "*.power", "home1.*.power"),
            ("local", "home1.*.power", "home1.*.power"),
            ("local", "local/home1.pv.power", "home1.pv.power"),
            ("local", ">", "home1.>"),
            ("local", "{quantity=power}", "home1.>{quantity=power}"),
            ("acme", "pv.power", "acme/home1.pv.power"),
            ("acme", "acme/home1.pv.>", "acme/home1.pv.>"),
        ] {
            assert_eq!(place(operator).selection(Some(text)).unwrap().to_string(), full, "{text}");
        }
        assert_eq!(place("acme").selection(None).unwrap().to_string(), "acme/home1.>");
    }

    #[test]
    fn series_of_others_are_refused() {
        for text in
            ["acme/home1.pv.power", "local/home2.pv.power", "*/>", "*/home1.>", "local/*.pv.power", "a b", "local/>"]
        {
            let problem = place("local").selection(Some(text)).unwrap_err();
            assert_eq!((problem.status, problem.field.as_deref()), (400, Some("series")), "{text}: {problem:?}");
        }
    }
}
