//! Whose the rows of a wide file are, where columns of it say so: all are imported as one device's.

use csv::ByteRecord;

use super::dialect::{Start, decoded};
use super::layout;
use crate::error::{Error, Result};
use crate::model::{DeviceName, shorten};
use crate::runtime::import::mapping::Mapping;

/// Watches that what says whose a row is says the same in all of them.
pub(super) struct Whose {
    /// The device that all rows become; without one the titles are whole series.
    device: Option<DeviceName>,
    names: Vec<Name>,
}

struct Name {
    cell: usize,
    title: String,
    /// What the first row says.
    first: Option<Vec<u8>>,
}

impl Whose {
    pub(super) fn new(start: &Start, mapping: &Mapping) -> Self {
        let name = |cell: usize| Name { cell, title: start.names[cell].clone(), first: None };
        Self { device: mapping.device.clone(), names: layout::names(start, mapping).into_iter().map(name).collect() }
    }

    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for a row of another device than the first.
    #[inline]
    pub(super) fn check(&mut self, record: &ByteRecord) -> Result<()> {
        let Some(device) = &self.device else { return Ok(()) };
        for Name { cell, title, first } in &mut self.names {
            let text = record.get(*cell).unwrap_or_default().trim_ascii();
            if text.is_empty() || first.as_deref() == Some(text) {
                continue;
            }
            let Some(first) = first else {
                *first = Some(text.to_vec());
                continue;
            };
            let (text, first) = (decoded(text), decoded(first));
            return Err(Error::invalid(format!(
                "{title} is {:?}, expected {:?} as above since all is imported as {device}: import a file of each, or pass \
                 the column over if it names none",
                shorten(&text),
                shorten(&first)
            )));
        }
        Ok(())
    }
}
