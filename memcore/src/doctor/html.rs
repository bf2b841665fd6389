//! A report as one page of HTML that needs nothing else.

use std::fmt::Write;

use super::draw::escaped;
use super::finding::{number, percent};
use super::report::{Checkup, Finding, Report, Severity};

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;\
color:#222;background:#fff}h1{font-size:1.4rem}table{border-collapse:collapse;width:100%;font-size:.85rem}\
th,td{text-align:left;padding:.25rem .6rem;border-bottom:1px solid #ddd}td.n,th.n{text-align:right}\
article{border-left:4px solid #999;padding:.1rem 0 .1rem 1rem;margin:1.6rem 0}article.fault{border-color:#d55e00}\
article.warning{border-color:#e69f00}h2{font-size:1.05rem;margin:.2rem 0}p{margin:.3rem 0}.s{color:#666;font-size:.85rem}\
code{background:#f2f2f2;padding:0 .25rem}svg{width:100%;height:auto}\
@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}th,td{border-color:#444}.s{color:#aaa}\
code{background:#2a2a2a}}";

impl Report {
    /// The report as one page of HTML with its pictures, good in light and in dark.
    #[must_use]
    pub fn to_html(&self) -> String {
        let body = self.to_html_fragment();
        format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
             content=\"width=device-width,initial-scale=1\"><title>memcore doctor</title><style>{STYLE}</style></head>\
             <body><h1>What the doctor found</h1>{body}</body></html>\n"
        )
    }

    /// What stands in the body of the page, for notebooks.
    #[must_use]
    pub fn to_html_fragment(&self) -> String {
        let mut html = String::from(
            "<table><tr><th>series</th><th>what</th><th class=\"n\">values</th><th>every</th><th class=\"n\">covered</th>\
             <th class=\"n\">from</th><th class=\"n\">to</th></tr>",
        );
        self.series.iter().for_each(|checkup| row(checkup, &mut html));
        html.push_str("</table>");
        if self.findings.is_empty() {
            html.push_str("<p>Nothing was found.</p>");
        }
        self.findings.iter().for_each(|finding| article(finding, &mut html));
        html
    }
}

fn row(checkup: &Checkup, html: &mut String) {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".into());
    let _ = write!(
        html,
        "<tr><td>{}</td><td>{}</td><td class=\"n\">{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
         <td class=\"n\">{}</td></tr>",
        escaped(&checkup.series),
        checkup.what(),
        checkup.points,
        or_none(checkup.cadence.map(|cadence| cadence.to_string())),
        or_none(checkup.coverage.map(percent)),
        or_none(checkup.min.map(number)),
        or_none(checkup.max.map(number)),
    );
}

fn article(finding: &Finding, html: &mut String) {
    let severity = finding.severity.name();
    let _ = write!(
        html,
        "<article class=\"{severity}\"><h2>{}: {}</h2><p>{}</p><p class=\"s\">{severity}, confidence {:.2}, {}</p>",
        finding.kind.name().replace('_', " "),
        escaped(&finding.series.join(", ")),
        escaped(&finding.message),
        finding.confidence,
        finding.place(),
    );
    for declaration in &finding.declare {
        let _ = write!(html, "<p>Declare <code>{}</code></p>", escaped(&declaration.to_string()));
    }
    if let Some(repair) = &finding.repair {
        let _ = write!(html, "<p>{}</p>", escaped(&super::report::sentence(repair)));
    }
    let _ = write!(html, "{}</article>", finding.plot.to_svg());
}

impl Severity {
    /// Its name, as JSON has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Fault => "fault",
        }
    }
}
