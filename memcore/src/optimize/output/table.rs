//! A plan as a table of Arrow: a row a step, a column for each quantity of each part, then prices and water values.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, RecordBatch, TimestampMicrosecondArray};
use arrow_schema::{DataType, Field, Schema, TimeUnit};

use super::super::{Horizon, Plan};
use crate::error::{Error, ErrorKind, Result};
use crate::model::Timestamp;

impl Plan {
    /// The plan as a table: `time` and `end` (UTC, microseconds), `hours`, then a column for each quantity of each part
    /// (`battery.charge_w`), for the price at each bus (`main.price_per_kwh`) and for the value of each store
    /// (`battery.water_value_per_kwh`). The schema's metadata has the `currency`, the `objective` and the `status`.
    ///
    /// # Errors
    /// Internal where Arrow refuses the columns, which is a defect.
    pub fn to_record_batch(&self) -> Result<RecordBatch> {
        let columns = self.columns().map(|(_, _, name, values)| (name, values));
        let prices = self.prices.iter().map(|price| (format!("{}.price_per_kwh", price.bus), &price.per_kwh[..]));
        let water =
            self.water_values.iter().map(|value| (format!("{}.water_value_per_kwh", value.part), &value.per_kwh[..]));
        let status = serde_json::to_value(self.status).unwrap_or_default();
        let metadata = [
            ("currency", self.currency.code().to_owned()),
            ("objective", self.objective.to_string()),
            ("status", status.as_str().unwrap_or_default().to_owned()),
        ];
        steps_table(&self.horizon, columns.chain(prices).chain(water), metadata)
    }
}

/// A table with a row a step: `time`, `end`, `hours` and those columns.
pub(in crate::optimize) fn steps_table<'a>(
    horizon: &Horizon,
    columns: impl Iterator<Item = (String, &'a [f64])>,
    metadata: impl IntoIterator<Item = (&'static str, String)>,
) -> Result<RecordBatch> {
    let instants = |times: &[Timestamp]| -> ArrayRef {
        let micros = times.iter().map(|time| time.as_micros());
        Arc::new(TimestampMicrosecondArray::from_iter_values(micros).with_timezone("UTC"))
    };
    let time_type = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let mut fields = vec![
        Field::new("time", time_type.clone(), false),
        Field::new("end", time_type, false),
        Field::new("hours", DataType::Float64, false),
    ];
    let mut arrays: Vec<ArrayRef> = vec![
        instants(horizon.starts()),
        instants(&horizon.borders()[1..]),
        Arc::new(Float64Array::from(horizon.step_hours())),
    ];
    for (name, values) in columns {
        fields.push(Field::new(name, DataType::Float64, false));
        arrays.push(Arc::new(Float64Array::from(values.to_vec())));
    }
    let metadata: HashMap<_, _> = metadata.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    let schema = Arc::new(Schema::new(fields).with_metadata(metadata));
    RecordBatch::try_new(schema, arrays)
        .map_err(|e| Error::new(ErrorKind::Internal, format!("cannot make a table of the plan: {e}")).caused_by(e))
}
