//! The two layouts of a stream: their schemas, and answers of the store in them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, DictionaryArray, Int32Array, RecordBatch, RecordBatchOptions, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};

use super::Exported;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Channel, SeriesName, Unit};
use crate::store::{Aggregate, Query, QueryResult};

/// Under this key the metadata of a raw stream hold the descriptions of its series: JSON, by their names.
pub(in crate::runtime) const CHANNELS: &str = "memcore.channels";

/// Which layout.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::runtime) struct Form {
    /// One row a time and one column a series; otherwise one row a value, with its series.
    pub(in crate::runtime) wide: bool,
    /// A column with the quantity, where a unit does not say it: for files without metadata.
    pub(in crate::runtime) quantities: bool,
}

/// What the batches look like.
#[derive(Debug)]
pub(super) struct Layout {
    series: Vec<SeriesName>,
    columns: Vec<String>,
    schema: SchemaRef,
    titles: Vec<String>,
    long: Option<Long>,
}

/// What stands beside the values of the long layout, each by the place of its series.
#[derive(Debug)]
struct Long {
    names: ArrayRef,
    units: ArrayRef,
    quantities: Option<ArrayRef>,
}

impl Layout {
    pub(super) fn new(series: &[Exported], query: &Query, form: Form) -> Result<Self> {
        let columns = query.column_names();
        let names: Vec<SeriesName> = series.iter().map(|one| one.name.clone()).collect();
        let ambiguous = series.iter().any(|one| one.channel.base_unit().only_quantity().is_none());
        let mut fields = vec![time()];
        let mut titles = vec!["time".to_owned()];
        let long = (!form.wide).then(|| {
            fields = vec![text("series"), time()];
            titles = vec!["series".to_owned(), "time".to_owned()];
            for column in &columns {
                fields.push(Field::new(column, kind(column), true));
                titles.push(column.clone());
            }
            fields.push(text("unit"));
            titles.push("unit".to_owned());
            let texts = |of: fn(&Exported) -> String| -> ArrayRef {
                Arc::new(StringArray::from_iter_values(series.iter().map(of)))
            };
            // A unit such as `1` does not say what is measured.
            let quantities = (form.quantities && ambiguous && query.is_raw()).then(|| {
                fields.push(text("quantity"));
                titles.push("quantity".to_owned());
                texts(|one| one.channel.quantity.name().to_owned())
            });
            let first = columns[0].clone();
            let units = series.iter().map(|one| unit(&first, one.channel.base_unit()));
            let units: ArrayRef = Arc::new(StringArray::from_iter_values(units));
            Long { names: texts(|one| one.name.to_string()), units, quantities }
        });
        if form.wide {
            for (one, column) in series.iter().flat_map(|one| columns.iter().map(move |column| (one, column))) {
                let name = if columns.len() == 1 { one.name.to_string() } else { format!("{}:{column}", one.name) };
                titles.push(title(&name, column, &one.channel));
                fields.push(Field::new(name, kind(column), true).with_metadata(meaning(column, &one.channel)));
            }
        }
        let metadata = if query.is_raw() { descriptions(series)? } else { HashMap::new() };
        let schema = Arc::new(Schema::new_with_metadata(fields, metadata));
        Ok(Self { series: names, columns, schema, titles, long })
    }

    pub(super) fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// How the columns are called where they have no metadata.
    pub(super) fn titles(&self) -> &[String] {
        &self.titles
    }

    pub(super) fn series(&self) -> usize {
        self.series.len()
    }

    /// A batch of the store with one dictionary for the whole stream, and the units.
    pub(super) fn long_batch(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let Some(long) = &self.long else { return Err(Error::new(ErrorKind::Internal, "the layout is not long")) };
        let series = batch.column_by_name("series").and_then(|column| column.as_any_dictionary_opt());
        let series = series.ok_or_else(|| Error::new(ErrorKind::Internal, "the answer has no series"))?;
        let names = series.values().as_string::<i32>();
        let place = |name: Option<&str>| {
            let name: SeriesName = name.unwrap_or_default().parse()?;
            let place = self.series.binary_search(&name).ok().and_then(|place| i32::try_from(place).ok());
            place.ok_or_else(|| Error::new(ErrorKind::Conflict, format!("series {name} was registered meanwhile")))
        };
        let places = names.iter().map(place).collect::<Result<Vec<i32>>>()?;
        let places = Int32Array::from_iter_values(series.normalized_keys().into_iter().map(|key| places[key]));
        let coded = |texts: &ArrayRef| -> ArrayRef {
            Arc::new(DictionaryArray::<Int32Type>::new(places.clone(), Arc::clone(texts)))
        };
        let mut columns = vec![coded(&long.names)];
        for name in ["time"].into_iter().chain(self.columns.iter().map(String::as_str)) {
            columns.extend(batch.column_by_name(name).cloned());
        }
        columns.push(coded(&long.units));
        columns.extend(long.quantities.as_ref().map(coded));
        self.batch(columns, batch.num_rows())
    }

    /// An answer with its series side by side.
    pub(super) fn wide_batch(&self, result: &QueryResult) -> Result<RecordBatch> {
        let columns = self.wide(result)?;
        let rows = columns.first().map_or(0, |column| column.len());
        self.batch(columns, rows)
    }

    fn batch(&self, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
        RecordBatch::try_new_with_options(self.schema(), columns, &RecordBatchOptions::new().with_row_count(Some(rows)))
            .map_err(|e| Error::new(ErrorKind::Internal, "the stream does not fit its schema").caused_by(e))
    }

    /// Series that have no row of their own in the answer are null throughout.
    fn wide(&self, result: &QueryResult) -> Result<Vec<ArrayRef>> {
        let wide = result.wide()?;
        let column = |field: &Arc<Field>| match wide.column_by_name(field.name()) {
            Some(column) => Arc::clone(column),
            None => arrow_array::new_null_array(field.data_type(), wide.num_rows()),
        };
        Ok(self.schema.fields().iter().map(column).collect())
    }
}

fn time() -> Field {
    Field::new("time", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), false)
}

fn text(name: &str) -> Field {
    Field::new_dictionary(name, DataType::Int32, DataType::Utf8, false)
}

fn kind(column: &str) -> DataType {
    if column == "count" { DataType::UInt64 } else { DataType::Float64 }
}

fn unit(column: &str, base: Unit) -> String {
    let aggregate = column.parse::<Aggregate>().ok();
    aggregate.map_or_else(|| base.symbol().to_owned(), |aggregate| aggregate.unit(base).into_owned())
}

fn meaning(column: &str, channel: &Channel) -> HashMap<String, String> {
    let unit = unit(column, channel.base_unit());
    HashMap::from([("unit".to_owned(), unit), ("quantity".to_owned(), channel.quantity.name().to_owned())])
}

/// `home1.pv.power [W]`; with the quantity where the unit leaves it open.
fn title(name: &str, column: &str, channel: &Channel) -> String {
    let unit = unit(column, channel.base_unit());
    match channel.base_unit().only_quantity() {
        None if column == "value" => format!("{name} [{unit} {}]", channel.quantity),
        _ => format!("{name} [{unit}]"),
    }
}

fn descriptions(series: &[Exported]) -> Result<HashMap<String, String>> {
    let described: BTreeMap<&SeriesName, &Channel> = series.iter().map(|one| (&one.name, &one.channel)).collect();
    let text = serde_json::to_string(&described).map_err(|e| Error::new(ErrorKind::Internal, e.to_string()))?;
    Ok(HashMap::from([(CHANNELS.to_owned(), text)]))
}
