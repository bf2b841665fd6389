//! What documents mean: which field is the time, which names the device, and which channel each other one is.
//!
//! Told in this order: what the mapping says; the forms that are known (a reading of memcore, a reply of a HEM board, a value
//! with its unit); the names of fields. `docs/energy-data.md` (Imports) has the rules.

use std::collections::HashMap;

use super::document::{DEPTH_MAX, Object, Value, at_path, field};
use super::document_names::{self as names, Named, Names};
use super::document_time::Times;
use super::gathered::{self, Cell, Gathered, Series, SeriesId};
use super::hem;
use super::mapping::Mapping;
use super::understood::{Understood, UnderstoodColumn};
use crate::error::{Error, Result};
use crate::model::{Channel, DeviceName, SeriesName, Timestamp, shorten};

/// Documents of a file, read one after the other.
pub(super) struct Documents {
    mapping: Mapping,
    names: Names,
    times: Times,
    series: Series,
    /// What the fields of a device's documents are, by their paths.
    fields: HashMap<DeviceName, HashMap<String, Field>>,
}

/// What a field is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Field {
    Series(SeriesId),
    /// A text of which nobody says that it is a number.
    Remark,
    PassedOver,
}

/// What a document says for all that is nested in it.
#[derive(Debug, Clone, Default)]
struct Context {
    time: Option<Timestamp>,
    named: Named,
}

/// Rows of one document, until all of it is known to be good.
type Found = Vec<(Timestamp, Vec<Cell>)>;

impl Documents {
    pub(super) fn new(mapping: &Mapping) -> Result<Self> {
        Ok(Self {
            mapping: mapping.clone(),
            names: Names::new(mapping),
            times: Times::new(mapping)?,
            series: Series::default(),
            fields: HashMap::new(),
        })
    }

    pub(super) fn series(&self) -> &Series {
        &self.series
    }

    /// Says what the first documents of a file were understood as. They are taken again later.
    pub(super) fn sample(&mut self, documents: &[Value], into: &mut Understood) {
        let mut aside = Gathered::default();
        for document in documents {
            // What is wrong with it is said when it is taken.
            let _ = self.take(0, document, &mut aside);
        }
        into.time = self.times.understood();
        let mut columns: Vec<(&String, Field)> =
            self.fields.values().flatten().map(|(path, field)| (path, *field)).collect();
        columns.sort();
        let column = |(path, field): (&String, Field)| match field {
            Field::Remark => UnderstoodColumn::skipped(path, "a text"),
            Field::PassedOver => UnderstoodColumn::skipped(path, "declared so"),
            Field::Series(id) => self.series.get(id).understood(path),
        };
        into.columns = columns.into_iter().map(column).collect();
        self.names.forget();
        self.times.forget();
    }

    /// Takes one document, whole or, with the reason, not at all.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid), naming the field, its value and what was expected.
    pub(super) fn take(&mut self, number: u64, document: &Value, into: &mut Gathered) -> Result<()> {
        let Value::Object(object) = document else {
            return Err(Error::invalid(format!("{} is no document, expected an object of fields", document.describe())));
        };
        let mut found = Found::new();
        self.read(object, &Context::default(), 0, &mut found)?;
        if found.is_empty() {
            return Err(Error::invalid("no field of it is a value, expected numbers"));
        }
        for (_, cells) in &found {
            gathered::check(cells, &self.series)?;
        }
        found.into_iter().for_each(|(time, cells)| into.push(number, time, cells));
        Ok(())
    }

    fn read(&mut self, object: &Object, outer: &Context, depth: usize, found: &mut Found) -> Result<()> {
        let mut context = outer.clone();
        self.names.of(object, &mut context.named);
        if let Some((key, time)) = self.times.of(object, &self.names.whose(object, &context.named))? {
            context.time = Some(time);
            context.named.time = Some(key);
        }
        if let Some(reply) = hem::Reply::of(object)? {
            return self.reply(&reply, &context, found);
        }
        if let Some((channel, value)) = self.names.long(object) {
            return self.long(object, channel, value, &context, found);
        }
        let mut row = Vec::new();
        let mut path = String::new();
        self.fields(object, &context, depth, &mut path, &mut row, found)?;
        if !row.is_empty() {
            found.push((time(&context)?, row));
        }
        Ok(())
    }

    /// Fields of an object, by their paths.
    fn fields(
        &mut self,
        object: &Object,
        context: &Context,
        depth: usize,
        path: &mut String,
        row: &mut Vec<Cell>,
        found: &mut Found,
    ) -> Result<()> {
        if depth > DEPTH_MAX {
            return Err(Error::invalid(format!("nested more than {DEPTH_MAX} deep")));
        }
        for (key, value) in object {
            let outer = path.len();
            if outer > 0 {
                path.push('.');
            }
            path.push_str(key);
            // Names with an underscore before them are MongoDB's own.
            let passed_over = key.starts_with('_') && !self.mapping.columns.contains_key(path.as_str());
            if !(passed_over || context.named.is(path)) {
                self.field(value, context, depth, path, row, found)?;
            }
            path.truncate(outer);
        }
        Ok(())
    }

    fn field(
        &mut self,
        value: &Value,
        context: &Context,
        depth: usize,
        path: &mut String,
        row: &mut Vec<Cell>,
        found: &mut Found,
    ) -> Result<()> {
        match value {
            Value::Object(inner) if hem::Reply::is(inner) => self.read(inner, context, depth + 1, found),
            Value::Object(inner) => match names::reading(inner) {
                Some((value, unit)) => self.cell(&Value::clone(value), unit, context, path, row),
                None => self.fields(inner, context, depth + 1, path, row, found),
            },
            Value::List(items) if items.iter().any(|item| matches!(item, Value::Object(_))) => {
                items.iter().try_for_each(|item| match item {
                    Value::Object(inner) => self.read(inner, context, depth + 1, found),
                    other => Err(Error::invalid(format!("{path} has {} among its documents", other.describe()))),
                })
            }
            Value::List(items) => self.list(items, context, path, row),
            Value::Text(text) => match hem::Reply::parse(text) {
                Some(reply) => self.read(&reply, context, depth + 1, found),
                None => self.cell(value, None, context, path, row),
            },
            _ => self.cell(value, None, context, path, row),
        }
    }

    /// A list of numbers is a channel each: `currents.0`, `currents.1`.
    fn list(&mut self, items: &[Value], context: &Context, path: &mut String, row: &mut Vec<Cell>) -> Result<()> {
        let length = path.len();
        for (at, item) in items.iter().enumerate() {
            path.push_str(&format!(".{at}"));
            self.cell(item, None, context, path, row)?;
            path.truncate(length);
        }
        Ok(())
    }

    fn cell(
        &mut self,
        value: &Value,
        unit: Option<&str>,
        context: &Context,
        path: &str,
        row: &mut Vec<Cell>,
    ) -> Result<()> {
        if matches!(value, Value::Time(_) | Value::List(_) | Value::Object(_)) {
            return Ok(());
        }
        let device = self.names.device(&context.named)?;
        let key = unit.map_or_else(|| path.to_owned(), |unit| format!("{path} [{unit}]"));
        let is_text = matches!(value, Value::Text(_));
        let known = self.fields.get(&device).and_then(|fields| fields.get(&key)).copied();
        let field = match known.filter(|known| is_text || *known != Field::Remark) {
            Some(field) => field,
            None => {
                let known = names::known(&self.mapping, &device, path, unit, matches!(value, Value::Bool(_)))?;
                let field = match known {
                    None => Field::PassedOver,
                    Some(known) if is_text && known.unit.is_none() => Field::Remark,
                    Some(known) => Field::Series(self.series.id(known)?),
                };
                self.fields.entry(device).or_default().insert(key, field);
                field
            }
        };
        if let Field::Series(id) = field {
            row.push((id, number(path, value)?));
        }
        Ok(())
    }

    /// What a HEM board replied: a value a node.
    fn reply(&mut self, reply: &hem::Reply<'_>, context: &Context, found: &mut Found) -> Result<()> {
        let device = self.names.device(&context.named)?;
        let mut row = Vec::new();
        for (node, value) in reply.values() {
            let path = format!("node{node}.{}", reply.channel());
            let known = names::known_in(&self.mapping, &device, &path, reply.unit())?;
            let id = known.map(|known| self.series.id(known)).transpose()?;
            let field = id.map_or(Field::PassedOver, Field::Series);
            self.fields.entry(device.clone()).or_default().entry(path.clone()).or_insert(field);
            if let Some(id) = id {
                row.push((id, number(&path, value)?));
            }
        }
        found.push((time(context)?, row));
        Ok(())
    }

    /// A value that says in other fields of what it is.
    fn long(
        &mut self,
        object: &Object,
        channel: Option<&str>,
        value: &Value,
        context: &Context,
        found: &mut Found,
    ) -> Result<()> {
        let series: SeriesName = match (channel, self.names.series(object)) {
            (_, Some(series)) => series.parse()?,
            (Some(channel), None) => self.names.device(&context.named)?.channel(channel.parse()?),
            (None, None) => return Err(Error::invalid("a value without a series, expected a field of that name")),
        };
        let text = |name: Option<&str>, default: &str| {
            at_path(object, name.unwrap_or(default)).and_then(Value::text).filter(|text| !text.is_empty())
        };
        let long = self.mapping.long.as_ref();
        let unit = text(long.and_then(|long| long.unit.as_deref()), "unit");
        let quantity = text(long.and_then(|long| long.quantity.as_deref()), "quantity");
        let Some(mut known) = names::known_series(&self.mapping, series, unit.as_deref())? else { return Ok(()) };
        if let (Some(quantity), Some(unit), None) = (quantity, known.unit, &known.description) {
            let channel = Channel::of(known.series.channel.as_str(), quantity.parse()?, unit)?;
            known.description = Some(channel.build()?);
        }
        let id = self.series.id(known)?;
        found.push((time(context)?, vec![(id, number("value", value)?)]));
        Ok(())
    }
}

fn time(context: &Context) -> Result<Timestamp> {
    context.time.ok_or_else(|| {
        Error::invalid(
            "no field of it is a time, expected one named time, ts, timestamp, datetime or date; a mapping can say which",
        )
    })
}

/// The number that a field holds, or nothing.
fn number(path: &str, value: &Value) -> Result<Option<f64>> {
    let number = match value {
        Value::Null => return Ok(None),
        Value::Text(text) if text.trim().is_empty() => return Ok(None),
        Value::Bool(on) => Some(f64::from(u8::from(*on))),
        Value::Text(text) => text.trim().parse().ok(),
        other => other.number(),
    };
    match number {
        Some(value) if value.is_nan() => Ok(None),
        Some(value) if value.is_finite() => Ok(Some(value)),
        _ => Err(Error::invalid(format!(
            "{} is {}, expected a finite number that a float holds exactly, or null",
            shorten(path),
            value.describe()
        ))),
    }
}

/// Whether a document is one that memcore wrote: a series, its time and its value.
pub(super) fn is_memcore(document: &Value) -> bool {
    let Value::Object(object) = document else { return false };
    let has = |name| field(object, name).is_some();
    has("series") && has("value") && (has("time") || has("time_us"))
}
