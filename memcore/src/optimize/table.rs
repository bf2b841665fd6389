//! A plan as one table: a row a step, a column for everything that is known of each step.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, RecordBatch, TimestampMicrosecondArray};
use arrow_schema::{DataType, Field, Schema, TimeUnit};

use super::Plan;
use crate::error::{Error, ErrorKind, Result};
use crate::model::Timestamp;

impl Plan {
    /// Every column of numbers of the plan with its name, one number a step: the schedule as `battery.charge_w`, the prices of buses
    /// as `main.price_per_kwh`, what stored energy is worth as `battery.water_value_per_kwh`, and limits that bind as
    /// `grid.import_limit_w.shadow_price`.
    #[must_use]
    pub fn columns(&self) -> Vec<(String, &[f64])> {
        let mut columns = Vec::new();
        for (part, name) in self.parts.iter().enumerate() {
            let quantities = self.schedule.quantities(part).iter();
            columns.extend(quantities.map(|held| (format!("{name}.{}", held.name()), self.schedule.column(part, *held))));
        }
        columns.extend(self.prices.iter().map(|of| (format!("{}.price_per_kwh", of.bus), &of.per_kwh[..])));
        columns.extend(self.water_values.iter().map(|of| (format!("{}.water_value_per_kwh", of.part), &of.per_kwh[..])));
        let shadow = self.shadow_prices.iter();
        columns.extend(shadow.map(|of| (format!("{}.{}.shadow_price", of.part, of.limit), &of.values[..])));
        columns
    }

    /// The plan as an Arrow table: `time` and `end` of each step, UTC in microseconds, and [`columns`](Self::columns). The schema's
    /// metadata has the `currency` of all prices.
    ///
    /// # Errors
    /// Internal should Arrow refuse it.
    pub fn table(&self) -> Result<RecordBatch> {
        let instants = |times: &[Timestamp]| -> ArrayRef {
            let micros = times.iter().map(|time| time.as_micros());
            Arc::new(TimestampMicrosecondArray::from_iter_values(micros).with_timezone("UTC"))
        };
        let time = |name: &str| Field::new(name, DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), false);
        let mut fields = vec![time("time"), time("end")];
        let mut arrays = vec![instants(self.horizon.starts()), instants(&self.horizon.borders()[1..])];
        for (name, values) in self.columns() {
            fields.push(Field::new(name, DataType::Float64, false));
            arrays.push(Arc::new(Float64Array::from(values.to_vec())));
        }
        let about = HashMap::from([("currency".to_owned(), self.currency.code().to_owned())]);
        RecordBatch::try_new(Arc::new(Schema::new_with_metadata(fields, about)), arrays)
            .map_err(|e| Error::new(ErrorKind::Internal, "the plan is no table").caused_by(e))
    }
}
