//! JSON of Home Assistant: the answer to `recorder/statistics_during_period` or `recorder.get_statistics`, the file of the
//! integration "Import Statistics", and states as `/api/history/period` answers them.

use super::ImportRequest;
use super::document::{Object, Value, field};
use super::gathered::Gathered;
use super::home_assistant::{FIELDS, HomeAssistant, Row};
use super::mapping::Mapping;
use super::refused::Refused;
use super::source::Source;
use super::understood::Understood;
use crate::error::{Error, Result};
use crate::runtime::frame::Rows;

struct Statistics {
    entities: HomeAssistant,
    /// Rows of each entity, in the order of the file.
    rows: std::vec::IntoIter<Item>,
    count: usize,
    row: u64,
    understood: Understood,
}

/// A row, with what stands around it.
#[derive(Debug, Clone)]
struct Item {
    id: String,
    unit: Option<String>,
    row: Value,
}

/// Opens documents that are answers of Home Assistant; none where they are not.
///
/// # Errors
/// [`Invalid`](crate::ErrorKind::Invalid) where what was declared does not fit.
pub(super) fn open(documents: &[Value], request: &ImportRequest) -> Result<Option<Box<dyn Source>>> {
    let mut mapping = request.effective_mapping();
    let mut items = Vec::new();
    for document in documents {
        match items_of(document, &mut mapping) {
            Some(of) => items.extend(of),
            None => return Ok(None),
        }
    }
    if items.is_empty() {
        return Ok(None);
    }
    let mut sample = HomeAssistant::new(&mapping);
    for item in items.iter().take(1000) {
        // What is wrong with a row is said when it is taken.
        let _ = take(&mut sample, 0, item, &mut Gathered::default());
    }
    let understood = sample.understood("home assistant json");
    let (count, rows) = (items.len(), items.into_iter());
    Ok(Some(Box::new(Statistics { entities: HomeAssistant::new(&mapping), rows, count, row: 0, understood })))
}

/// Whether a document is such an answer.
pub(super) fn is(document: &Value) -> bool {
    items_of(document, &mut Mapping::default()).is_some_and(|items| !items.is_empty())
}

fn items_of(document: &Value, mapping: &mut Mapping) -> Option<Vec<Item>> {
    match document {
        Value::Object(object) => {
            let inner = ["result", "statistics"].iter().find_map(|name| field(object, name));
            match (inner, field(object, "entities")) {
                (Some(inner), _) => items_of(inner, mapping),
                (None, Some(Value::List(entities))) => {
                    if let (Some(Value::Text(zone)), None) = (field(object, "timezone_identifier"), &mapping.time.zone) {
                        mapping.time.zone = Some(zone.clone());
                    }
                    entities.iter().map(entity).collect::<Option<Vec<_>>>().map(|items| items.concat())
                }
                _ => object
                    .iter()
                    .map(|(id, rows)| statistic(id, rows))
                    .collect::<Option<Vec<_>>>()
                    .map(|items| items.concat()),
            }
        }
        Value::List(rows) => states(rows),
        _ => None,
    }
}

/// `"sensor.x": [{"start": ..., "mean": ...}, ...]`
fn statistic(id: &str, rows: &Value) -> Option<Vec<Item>> {
    let Value::List(rows) = rows else { return None };
    let is_row = |row: &Value| match row {
        Value::Object(row) => field(row, "start").is_some() && fields(row).iter().any(Option::is_some),
        _ => false,
    };
    let plausible = id.contains(['.', ':']) && rows.first().is_none_or(is_row);
    let item = |row: &Value| Item { id: id.to_owned(), unit: None, row: row.clone() };
    plausible.then(|| rows.iter().map(item).collect())
}

/// `{"id": "sensor.x", "unit": "kWh", "values": [{"datetime": ..., "state": ..., "sum": ...}, ...]}`
fn entity(entity: &Value) -> Option<Vec<Item>> {
    let Value::Object(entity) = entity else { return None };
    let (Some(Value::Text(id)), Some(Value::List(rows))) = (field(entity, "id"), field(entity, "values")) else {
        return None;
    };
    let unit = field(entity, "unit").and_then(Value::text);
    Some(rows.iter().map(|row| Item { id: id.clone(), unit: unit.clone(), row: row.clone() }).collect())
}

/// `[{"entity_id": "sensor.x", "state": "1", "last_changed": ...}, {"state": "2", "last_changed": ...}, ...]`
fn states(rows: &[Value]) -> Option<Vec<Item>> {
    let is_list = |value: &Value| matches!(value, Value::List(_));
    if !rows.is_empty() && rows.iter().all(is_list) {
        let lists = rows.iter().map(|rows| if let Value::List(rows) = rows { states(rows) } else { None });
        return lists.collect::<Option<Vec<_>>>().map(|items| items.concat());
    }
    let mut id: Option<String> = None;
    let mut unit = None;
    let item = |row: &Value| {
        let Value::Object(object) = row else { return None };
        if let Some(Value::Text(entity)) = field(object, "entity_id") {
            id = Some(entity.clone());
            unit = match field(object, "attributes") {
                Some(Value::Object(attributes)) => field(attributes, "unit_of_measurement").and_then(Value::text),
                _ => None,
            };
        }
        field(object, "state").and(field(object, "last_changed"))?;
        Some(Item { id: id.clone()?, unit: unit.clone(), row: row.clone() })
    };
    rows.iter().map(item).collect()
}

fn fields(row: &Object) -> [Option<&Value>; 6] {
    FIELDS.map(|name| field(row, name).or_else(|| field(row, "change").filter(|_| name == "delta")))
}

fn take(entities: &mut HomeAssistant, number: u64, item: &Item, into: &mut Gathered) -> Result<()> {
    let Item { id, unit, row } = item;
    let Value::Object(object) = row else {
        return Err(Error::invalid(format!("{} is no row of {id}, expected an object", row.describe())));
    };
    let time = |name: &str| field(object, name).filter(|value| !matches!(value, Value::Null)).cloned();
    if let (Some(at), Some(Value::Text(state))) = (time("last_changed"), field(object, "state")) {
        return entities.state_in(number, id, unit.as_deref(), state, &at, into);
    }
    let start = time("start").or_else(|| time("datetime"));
    let start = start.ok_or_else(|| Error::invalid(format!("a row of {id} without a time, expected start or datetime")))?;
    let mut values = [None; 6];
    for ((value, told), name) in values.iter_mut().zip(fields(object)).zip(FIELDS) {
        *value = match told {
            None | Some(Value::Null) => None,
            Some(told) => Some(told.number().filter(|value| value.is_finite()).ok_or_else(|| {
                Error::invalid(format!("{name} of {id} is {}, expected a finite number or null", told.describe()))
            })?),
        };
    }
    entities.statistic(number, &Row { id, unit: unit.as_deref(), start, end: time("end"), values }, into)
}

impl Source for Statistics {
    fn next(&mut self, refused: &mut Refused) -> Result<Option<Vec<Rows>>> {
        let mut gathered = Gathered::default();
        let before = self.row;
        while !gathered.is_full() {
            let Some(item) = self.rows.next() else { break };
            if let Err(e) = take(&mut self.entities, self.row, &item, &mut gathered) {
                refused.take(self.row, None, &item.row.to_json(), &e)?;
            }
            self.row += 1;
        }
        Ok((self.row > before).then(|| gathered.rows(self.entities.series())))
    }

    fn part(&self) -> Option<f64> {
        Some(self.row as f64 / self.count.max(1) as f64)
    }

    fn understood(&self) -> Understood {
        self.understood.clone()
    }
}
