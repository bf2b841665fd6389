//! CSV and its like: the long and the wide layout that `query` and `export` write, and the files of other programs, whose form
//! is told by their content or by a mapping.

mod columns;
mod dialect;
pub(super) mod forms;
mod gathered;
mod layout;
mod number;
pub(super) mod plain_times;
mod quotes;
mod records;
mod row_times;
pub(super) mod times;
mod titles;
mod whose;

use self::columns::WideColumn;
pub(super) use self::columns::{is_generated, named};
use self::dialect::Start;
use self::forms::{DayOrMonth, Told};
use self::gathered::{LongRows, WideRows};
use self::layout::{Layout, TimeCells};
use self::number::Numbers;
use self::records::Records;
use self::row_times::RowTimes;
use self::whose::Whose;
use super::ImportRequest;
use super::mapping::{Mapping, SkippedTimes, TimeForm};
use super::refused::Refused;
use super::source::{Opened, ROWS, Source};
use super::understood::{Understood, UnderstoodTime};
use crate::energy::{self, LocalClock};
use crate::error::{Error, Result};
use crate::runtime::frame::Rows;

/// An open file whose form is understood.
struct Csv {
    records: Records,
    times: RowTimes,
    numbers: Numbers,
    body: Body,
    understood: Understood,
    own: bool,
    failed: Option<Error>,
    done: bool,
}

/// Where rows go as they are read.
enum Body {
    Wide { columns: Vec<WideColumn>, rows: WideRows, clock: Box<LocalClock>, whose: Whose },
    Long(Box<LongRows>),
}

/// Opens a file.
pub(super) fn open(mut opened: Opened, request: &ImportRequest) -> Result<Box<dyn Source>> {
    opened.look_at_lines()?;
    let mut mapping = request.effective_mapping();
    let start = dialect::start(&opened.start, opened.start_is_whole(), &mapping.file)?;
    layout::resolve(&start.names, &mut mapping);
    let time = layout::time_cells(&start, &mapping, &request.frame.time)?;
    let (layout, columns) = layout::layout(&start, &time, &mapping)?;
    let form = match mapping.time.form {
        Some(form) => form,
        None => form_of(&opened, &start, &time)?,
    };
    let local = form.is_local();
    let mut understood =
        Understood { format: "csv".into(), text: Some(start.dialect.clone()), columns, ..Default::default() };
    understood.time = Some(told_time(&start, &time, form, local, &mapping));
    if local && mapping.time.zone.is_none() {
        understood.notes.push("times have no zone and are read as UTC: say the zone if a wall clock showed them".into());
    }
    let own = is_own(&layout, &start, &mapping);
    if let (Layout::Long(cells), false) = (&layout, own) {
        understood.long = Some(cells.mapping(&start.names));
    }
    let numbers = Numbers { comma: start.dialect.decimal == ',', own };
    let times = RowTimes::new(time, form, &start);
    let body = Body::new(layout, &start, numbers, &mapping)?;
    let records = Records::open(opened, &start)?;
    Ok(Box::new(Csv { records, times, numbers, body, understood, own, failed: None, done: false }))
}

impl Body {
    fn new(layout: Layout, start: &Start, numbers: Numbers, mapping: &Mapping) -> Result<Self> {
        let zone = energy::zone_of(mapping.time.zone.as_deref().unwrap_or("UTC"))?;
        let clock = LocalClock::new(zone, mapping.time.skipped.unwrap_or_default().into());
        Ok(match layout {
            Layout::Wide(columns) => {
                let whose = Whose::new(start, mapping);
                Self::Wide { rows: WideRows::new(columns.len(), ROWS), columns, clock: Box::new(clock), whose }
            }
            Layout::Long(cells) => {
                let title = start.names[cells.value].clone();
                Self::Long(Box::new(LongRows::new(cells, &title, numbers, mapping, clock)))
            }
        })
    }
}

impl From<SkippedTimes> for energy::Skipped {
    fn from(skipped: SkippedTimes) -> Self {
        match skipped {
            SkippedTimes::Refuse => Self::Refuse,
            SkippedTimes::Before => Self::OffsetBefore,
        }
    }
}

/// Whether memcore wrote it: values are as stored.
fn is_own(layout: &Layout, start: &Start, mapping: &Mapping) -> bool {
    match layout {
        Layout::Long(cells) => mapping.long.is_none() && cells.series.is_some_and(|at| start.names[at] == "series"),
        Layout::Wide(columns) => {
            mapping.device.is_none() && columns.iter().all(|column| columns::whole_series(&column.title).is_some())
        }
    }
}

fn told_time(start: &Start, time: &TimeCells, form: TimeForm, local: bool, mapping: &Mapping) -> UnderstoodTime {
    let columns = [Some(time.cell), time.of_day].into_iter().flatten().map(|cell| start.names[cell].clone()).collect();
    let zone = local.then(|| mapping.time.zone.clone().unwrap_or_else(|| "UTC".into()));
    let elapsed = time.elapsed.map(|cell| start.names[cell].clone());
    UnderstoodTime { columns, form: form.name().into(), zone, elapsed }
}

/// The form of a file's times; more of it is read where its start leaves open whether days or months come first.
fn form_of(opened: &Opened, start: &Start, time: &TimeCells) -> Result<TimeForm> {
    let title = &start.names[time.cell];
    let texts: Vec<&str> = start.rows.iter().filter_map(|row| row.get(time.cell)).map(String::as_str).collect();
    match forms::tell(title, &texts) {
        Told::Form(form) => Ok(form),
        Told::Numbers => Err(plain_times::doubt(title, &texts)),
        // Nothing says anything where nothing stands.
        Told::Nothing if start.rows.is_empty() => Ok(TimeForm::Zoned),
        Told::Nothing => Err(forms::unknown(title, &texts)),
        Told::DayOrMonth => {
            let mut records = Records::open(opened.again()?, start)?;
            let mut watch = DayOrMonth::default();
            while records.next()? {
                if let Some(form) = records.record.get(time.cell).and_then(|cell| watch.see(cell.trim_ascii())) {
                    return Ok(form);
                }
            }
            watch.conclude(title)
        }
    }
}

impl Csv {
    /// Reads rows until there are enough of them or none are left.
    fn fill_wide(&mut self, refused: &mut Refused) -> Result<()> {
        let Self { records, times, numbers, body: Body::Wide { columns, rows, clock, whose }, .. } = self else {
            return Ok(());
        };
        while rows.times.len() < ROWS {
            if !records.next()? {
                self.done = true;
                break;
            }
            let known = records.check_width().and_then(|()| whose.check(&records.record));
            let time = match known.and_then(|()| times.read(&records.record, clock)) {
                Ok(time) => time,
                Err(e) => {
                    records.refuse(refused, &e)?;
                    continue;
                }
            };
            rows.times.push(time);
            rows.numbers.push(records.row - 1);
            for (column, values) in columns.iter().zip(&mut rows.values) {
                let value = numbers.read(&column.title, records.record.get(column.cell).unwrap_or_default());
                // A bad cell is left out; the others of its row are as good as ever.
                values.push(match value {
                    Ok(value) => value,
                    Err(e) => {
                        records.refuse_cell(refused, &e)?;
                        None
                    }
                });
            }
        }
        Ok(())
    }

    fn fill_long(&mut self, refused: &mut Refused) -> Result<()> {
        let Self { records, times, body: Body::Long(rows), .. } = self else { return Ok(()) };
        while rows.waiting() < ROWS {
            if !records.next()? {
                self.done = true;
                break;
            }
            let record = &records.record;
            let mut read = |rows: &mut LongRows| rows.push(records.row - 1, record, |clock| times.read(record, clock));
            if let Err(e) = records.check_width().and_then(|()| read(rows)) {
                records.refuse(refused, &e)?;
            }
        }
        Ok(())
    }
}

impl Source for Csv {
    fn next(&mut self, refused: &mut Refused) -> Result<Option<Vec<Rows>>> {
        if let Some(e) = self.failed.take() {
            self.done = true;
            return Err(e);
        }
        if self.done {
            return Ok(None);
        }
        // What stands before the end is given first.
        self.failed = self.fill_wide(refused).and_then(|()| self.fill_long(refused)).err();
        let rows = match &mut self.body {
            Body::Wide { columns, rows, .. } => std::mem::replace(rows, WideRows::new(columns.len(), ROWS)).rows(columns),
            Body::Long(rows) => rows.rows(),
        };
        Ok(Some(rows))
    }

    fn part(&self) -> Option<f64> {
        Some(self.records.part.get())
    }

    fn is_stored_form(&self) -> bool {
        self.own
    }

    fn understood(&self) -> Understood {
        self.understood.clone()
    }
}
