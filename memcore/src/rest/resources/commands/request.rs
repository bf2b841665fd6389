//! From what a request says to a command: the channel, the unit, spans, and the identity.

use axum::http::HeaderValue;

use super::answer::CommandAsked;
use crate::error::{Error, ErrorKind};
use crate::model::{Channel, CommandId, SeriesName, Span, Unit};
use crate::rest::problem::Problem;
use crate::rest::times;
use crate::rest::within::Place;
use crate::runtime::{CommandRequest, ServerHandle};

/// How long a command may wait for its device at the most.
const WITHIN_LONGEST: Span = Span::from_seconds(86_400);

/// Who asks, and how that is called where it may be asked again.
#[derive(Debug)]
pub(super) struct AskedBy {
    author: String,
    key: Option<String>,
}

impl AskedBy {
    pub(super) fn new(author: String, key: Option<&HeaderValue>) -> Self {
        let key = key.and_then(|key| key.to_str().ok()).map(str::to_owned);
        Self { author, key }
    }

    /// The identity that follows from the key: of each caller and site its own, so that nobody can hit upon the commands of others, and
    /// the same after the server was started again.
    fn id(&self, place: &Place) -> Result<Option<CommandId>, Problem> {
        let Some(key) = &self.key else { return Ok(None) };
        let mut hash = ring::digest::Context::new(&ring::digest::SHA256);
        for part in [self.author.as_str(), place.operator.as_str(), place.site.as_str(), key] {
            hash.update(&(part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let hash = hash.finish();
        let hex = hash.as_ref().iter().take(16).map(|byte| format!("{byte:02x}"));
        Ok(Some(CommandId::new(&format!("k-{}", hex.collect::<String>()))?))
    }
}

impl CommandAsked {
    /// The command that is asked for.
    ///
    /// # Errors
    /// 400, naming the field; 404 for a channel that is not registered.
    pub(super) fn into_request(
        self,
        place: &Place,
        server: &ServerHandle,
        asker: &AskedBy,
    ) -> Result<CommandRequest, Problem> {
        let (series, field) = self.target(place)?;
        let channel = server.memcore().store().channel(&series);
        let unknown = || Problem::not_found(format!("channel {series} is not registered at site {}", place.site)).at(field);
        let unit = unit(self.unit.as_deref(), &channel.ok_or_else(unknown)?)?;
        let base = |value: f64| unit.map_or(value, |unit| unit.to_base(value));
        let mut request = CommandRequest::new(series, base(self.value)).by(asker.author.clone());
        request.fallback = self.fallback.map(base);
        request.lease = self.lease.as_deref().map(|text| times::length("lease", text)).transpose()?;
        if let Some(text) = &self.within {
            let within = times::length("within", text)?;
            if within <= Span::default() || within > WITHIN_LONGEST {
                let detail = format!("within is {within}, expected more than zero and at most {WITHIN_LONGEST}");
                return Err(Problem::invalid("within", detail));
            }
            request.expires_in = Some(within);
        }
        request.safety = self.safety;
        request.id = asker.id(place)?;
        Ok(request)
    }

    /// The channel, and which field says it.
    fn target(&self, place: &Place) -> Result<(SeriesName, &'static str), Problem> {
        let (text, field) = match (&self.series, &self.channel) {
            (Some(series), None) => (series.clone(), "series"),
            (None, Some(channel)) => (format!("{}/{}.{channel}", place.operator, place.site), "channel"),
            (None, None) => return Err(Problem::invalid("series", "series is missing: expected it, or channel")),
            (Some(_), Some(_)) => return Err(Problem::invalid("channel", "expected series or channel, not both")),
        };
        let series: SeriesName = text.parse().map_err(|e: Error| Problem::invalid(field, e.message()))?;
        if place.has(&series.device) {
            return Ok((series, field));
        }
        let detail = format!("{field} is {series}, expected a channel of {}/{}", place.operator, place.site);
        Err(Problem::invalid(field, detail))
    }
}

/// A value in kW for a channel of volts is a mistake, not a value.
fn unit(text: Option<&str>, channel: &Channel) -> Result<Option<Unit>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let unit: Unit = text.parse().map_err(|e: Error| Problem::invalid("unit", e.message()))?;
    if unit.measures(channel.quantity) {
        return Ok(Some(unit));
    }
    Err(Problem::invalid(
        "unit",
        format!("unit is {unit}, which does not measure {}, the quantity of the channel", channel.quantity),
    ))
}

/// A command that was refused, with the field that is to blame.
pub(super) fn of_refused(e: Error) -> Problem {
    let field = match e.kind() {
        ErrorKind::Invalid => {
            let said = e.message().split_once(": ").map_or(e.message(), |(_, said)| said);
            let word = said.split_whitespace().next().unwrap_or_default();
            match word {
                "value" | "fallback" | "lease" => Some(word.to_owned()),
                _ => Some("series".to_owned()),
            }
        }
        ErrorKind::Conflict if e.message().starts_with("command id") => Some("Idempotency-Key".to_owned()),
        _ => None,
    };
    let problem = Problem::from(e);
    match field {
        Some(field) => problem.at(field),
        None => problem,
    }
}
