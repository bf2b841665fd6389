//! ESPI, the XML of Green Button: entries of an Atom feed, read as a stream.
//!
//! Source: NAESB REQ.21 as its schema `espi.xsd` has it (namespace `http://naesb.org/espi`). Names are taken without their
//! prefixes, which differ from utility to utility.

use std::io::{BufReader, Read};

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::error::{Error, Result};

/// Readings that are handed on at a time.
const READINGS: usize = 4_096;

/// No field that counts is longer.
const TEXT_MAX: usize = 1_024;

/// Elements within elements; nothing of ESPI comes near.
const DEPTH_MAX: usize = 64;

/// Faults in the XML after which the rest is given up.
const FAULTS_MAX: u32 = 100;

/// The addresses by which entries know each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Links {
    pub(super) own: String,
    pub(super) up: String,
    pub(super) related: Vec<String>,
}

/// What the numbers of a meter reading mean, by the codes of the standard; 0 where nothing was said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ReadingType {
    pub(super) accumulation: u32,
    pub(super) commodity: u32,
    pub(super) qualifier: u32,
    pub(super) flow: u32,
    /// The number of the currency of ISO 4217.
    pub(super) currency: u32,
    pub(super) default_quality: u32,
    pub(super) interval_seconds: i64,
    pub(super) power_of_ten: i32,
    pub(super) uom: u32,
}

/// One reading, as its text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) start: String,
    pub(super) duration: String,
    pub(super) value: String,
    pub(super) cost: String,
    /// Codes of its qualities; none where the type's default holds.
    pub(super) qualities: Vec<String>,
}

/// A part of a feed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Item {
    UsagePoint(Links),
    MeterReading(Links),
    ReadingType(Links, ReadingType),
    Readings(Links, Vec<Reading>),
    /// Something that cannot be read, after which the file goes on.
    Fault(String),
}

/// Reads a feed item by item.
pub(super) struct Feed<R> {
    reader: Reader<BufReader<R>>,
    buffer: Vec<u8>,
    stack: Vec<String>,
    text: String,
    entry: Entry,
    ready: std::collections::VecDeque<Item>,
    faults: u32,
    done: bool,
}

/// What was read of an entry.
#[derive(Debug, Default)]
struct Entry {
    links: Links,
    content: Option<Content>,
    readings: Vec<Reading>,
    reading: Reading,
    /// Whether its reading type was read to its end: half of one may mean something else.
    is_whole: bool,
}

#[derive(Debug)]
enum Content {
    UsagePoint,
    MeterReading,
    ReadingType(ReadingType),
    Readings,
}

impl<R: Read> Feed<R> {
    pub(super) fn new(reader: R) -> Self {
        let mut reader = Reader::from_reader(BufReader::with_capacity(1 << 16, reader));
        reader.config_mut().check_end_names = false;
        reader.config_mut().trim_text(true);
        Self {
            reader,
            buffer: Vec::new(),
            stack: Vec::new(),
            text: String::new(),
            entry: Entry::default(),
            ready: std::collections::VecDeque::new(),
            faults: 0,
            done: false,
        }
    }

    /// The next item; none at the end.
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io) where the file cannot be read.
    pub(super) fn next(&mut self) -> Result<Option<Item>> {
        while self.ready.is_empty() && !self.done {
            self.step()?;
        }
        Ok(self.ready.pop_front())
    }

    fn step(&mut self) -> Result<()> {
        self.buffer.clear();
        let mut buffer = std::mem::take(&mut self.buffer);
        let before = self.reader.buffer_position();
        match self.reader.read_event_into(&mut buffer) {
            Ok(Event::Start(element)) => self.start(&element, false),
            Ok(Event::Empty(element)) => self.start(&element, true),
            Ok(Event::End(element)) => self.end(element.local_name().as_ref()),
            Ok(Event::Text(text)) => self.append(&text.xml10_content()),
            Ok(Event::CData(text)) => self.append(&text.into_inner()),
            Ok(Event::GeneralRef(reference)) => {
                if let Ok(Some(character)) = reference.resolve_char_ref() {
                    self.append(character.encode_utf8(&mut [0; 4]));
                }
            }
            Ok(Event::Eof) => self.finish(),
            Ok(_) => {}
            Err(quick_xml::Error::Io(e)) => return Err(Error::io("read", std::io::Error::new(e.kind(), e.to_string()))),
            Err(e) => {
                self.fault(format!("byte {}: cannot be read as XML: {e}", self.reader.error_position()));
                // A reader that stands still would say so for ever.
                if self.reader.buffer_position() == before || self.faults > FAULTS_MAX {
                    self.finish();
                }
            }
        }
        self.buffer = buffer;
        Ok(())
    }

    fn fault(&mut self, what: String) {
        self.faults += 1;
        self.ready.push_back(Item::Fault(what));
    }

    fn append(&mut self, text: &str) {
        if self.text.len() + text.len() <= TEXT_MAX {
            self.text.push_str(text);
        }
    }

    fn start(&mut self, element: &BytesStart<'_>, is_empty: bool) {
        self.text.clear();
        let name = element.local_name();
        let name: &str = name.as_ref();
        match name {
            "entry" => self.flush(),
            "link" => self.link(element),
            "UsagePoint" => self.content(Content::UsagePoint),
            "MeterReading" => self.content(Content::MeterReading),
            "ReadingType" => self.content(Content::ReadingType(ReadingType::default())),
            "IntervalBlock" => self.content(Content::Readings),
            "IntervalReading" => self.entry.reading = Reading::default(),
            _ => {}
        }
        if is_empty {
            self.entry.is_whole |= name == "ReadingType";
            return;
        }
        if self.stack.len() >= DEPTH_MAX {
            self.fault(format!("elements are nested more than {DEPTH_MAX} deep"));
            return self.finish();
        }
        self.stack.push(name.to_owned());
    }

    fn content(&mut self, content: Content) {
        // Some files have no entries around what they hold.
        let goes_on = matches!((&self.entry.content, &content), (Some(Content::Readings), Content::Readings));
        if self.entry.content.is_some() && !goes_on {
            let links = self.entry.links.clone();
            self.flush();
            self.entry.links = links;
        }
        self.entry.content = Some(content);
    }

    fn link(&mut self, element: &BytesStart<'_>) {
        let attribute = |name: &str| {
            let found = element.attributes().flatten().find(|attribute| attribute.key.as_ref() == name)?;
            Some(found.value.trim().trim_end_matches('/').to_owned())
        };
        let (Some(rel), Some(href)) = (attribute("rel"), attribute("href")) else { return };
        match rel.as_str() {
            "self" => self.entry.links.own = href,
            "up" => self.entry.links.up = href,
            "related" => self.entry.links.related.push(href),
            _ => {}
        }
    }

    fn end(&mut self, name: &str) {
        // An end without its start is passed over; a start without its end ends with what is around it.
        let Some(at) = self.stack.iter().rposition(|open| open == name) else { return };
        self.stack.truncate(at);
        let around = self.stack.last().map(String::as_str);
        let text = std::mem::take(&mut self.text);
        match (name, around, &mut self.entry.content) {
            ("entry", ..) => self.flush(),
            ("IntervalReading", ..) => {
                let reading = std::mem::take(&mut self.entry.reading);
                self.entry.readings.push(reading);
                if self.entry.readings.len() >= READINGS && !self.entry.links.own.is_empty() {
                    self.hand_on();
                }
            }
            ("ReadingType", ..) => self.entry.is_whole = true,
            ("start", Some("timePeriod"), _) => self.entry.reading.start = text,
            ("duration", Some("timePeriod"), _) => self.entry.reading.duration = text,
            ("value", Some("IntervalReading"), _) => self.entry.reading.value = text,
            ("cost", Some("IntervalReading"), _) => self.entry.reading.cost = text,
            ("quality", Some("ReadingQuality"), _) => self.entry.reading.qualities.push(text),
            (name, Some("ReadingType"), Some(Content::ReadingType(of))) => of.set(name, &text),
            _ => {}
        }
    }

    fn hand_on(&mut self) {
        let readings = std::mem::take(&mut self.entry.readings);
        if !readings.is_empty() {
            self.ready.push_back(Item::Readings(self.entry.links.clone(), readings));
        }
    }

    /// An entry is over.
    fn flush(&mut self) {
        self.hand_on();
        let Entry { links, content, is_whole, .. } = std::mem::take(&mut self.entry);
        match content {
            Some(Content::UsagePoint) => self.ready.push_back(Item::UsagePoint(links)),
            Some(Content::MeterReading) => self.ready.push_back(Item::MeterReading(links)),
            Some(Content::ReadingType(of)) if is_whole => self.ready.push_back(Item::ReadingType(links, of)),
            Some(Content::ReadingType(_) | Content::Readings) | None => {}
        }
    }

    fn finish(&mut self) {
        if self.done {
            return;
        }
        self.done = true;
        if self.stack.iter().any(|open| open == "IntervalReading") {
            self.fault("the file ends within a reading".into());
        } else if !self.stack.is_empty() {
            self.fault("the file ends before the feed does".into());
        }
        self.flush();
    }
}

impl ReadingType {
    fn set(&mut self, name: &str, text: &str) {
        let code = || text.trim().parse().unwrap_or_default();
        match name {
            "accumulationBehaviour" => self.accumulation = code(),
            "commodity" => self.commodity = code(),
            "currency" => self.currency = code(),
            "dataQualifier" => self.qualifier = code(),
            "defaultQuality" => self.default_quality = code(),
            "flowDirection" => self.flow = code(),
            "intervalLength" => self.interval_seconds = text.trim().parse().unwrap_or_default(),
            "powerOfTenMultiplier" => self.power_of_ten = text.trim().parse().unwrap_or_default(),
            "uom" => self.uom = code(),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(xml: &str) -> Vec<Item> {
        let mut feed = Feed::new(std::io::Cursor::new(xml.to_owned()));
        std::iter::from_fn(|| feed.next().unwrap()).collect()
    }

    const READING: &str = "<espi:IntervalReading><espi:timePeriod><espi:duration>900</espi:duration><espi:start>7</espi:start>\
        </espi:timePeriod><espi:value>12</espi:value></espi:IntervalReading>";

    #[test]
    fn entries_are_told_by_their_content_with_their_links() {
        let xml = format!(
            "<?xml version=\"1.0\"?><feed xmlns=\"http://www.w3.org/2005/Atom\" xmlns:espi=\"http://naesb.org/espi\">\
             <entry><link rel=\"self\" href=\"ReadingType/7\"/><content><espi:ReadingType><espi:uom>72</espi:uom>\
             <espi:powerOfTenMultiplier>-3</espi:powerOfTenMultiplier></espi:ReadingType></content></entry>\
             <entry><content><espi:IntervalBlock>{READING}</espi:IntervalBlock></content>\
             <link rel=\"up\" href=\"UsagePoint/1/MeterReading/1/IntervalBlock/\"/></entry></feed>"
        );
        let of = ReadingType { uom: 72, power_of_ten: -3, ..ReadingType::default() };
        let links = |own: &str, up: &str| Links { own: own.into(), up: up.into(), related: Vec::new() };
        let reading = Reading { start: "7".into(), duration: "900".into(), value: "12".into(), ..Reading::default() };
        assert_eq!(
            items(&xml),
            [
                Item::ReadingType(links("ReadingType/7", ""), of),
                Item::Readings(links("", "UsagePoint/1/MeterReading/1/IntervalBlock"), vec![reading]),
            ]
        );
    }

    #[test]
    fn a_feed_that_ends_early_gives_what_it_has() {
        let xml = format!("<feed><entry><content><IntervalBlock>{READING}<IntervalReading><value>1");
        let found = items(&xml);
        assert!(found.contains(&Item::Fault("the file ends within a reading".into())), "{found:?}");
        assert!(found.iter().any(|item| matches!(item, Item::Readings(_, readings) if readings.len() == 1)), "{found:?}");
    }
}
