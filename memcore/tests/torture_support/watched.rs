//! A disk that is photographed before its operations, as a power cut just then might leave it.

use std::io;
use std::sync::{Arc, Mutex};

use memcore::store::{Disk, DiskFile, SimulatedDisk};

use super::Progress;
use crate::store_support::Dice;

/// A simulated disk and the images that were taken of it.
#[derive(Debug, Clone)]
pub struct Watched {
    disk: SimulatedDisk,
    watch: Arc<Mutex<Watch>>,
    progress: Arc<Progress>,
}

#[derive(Debug)]
struct Watch {
    dice: Dice,
    one_in: u64,
    images: Vec<(SimulatedDisk, Progress)>,
}

impl Watched {
    /// An image before one of so many operations.
    pub fn new(disk: SimulatedDisk, seed: u64, one_in: u64, progress: Arc<Progress>) -> Self {
        let watch = Watch { dice: Dice(seed), one_in, images: Vec::new() };
        Self { disk, watch: Arc::new(Mutex::new(watch)), progress }
    }

    pub fn take_images(&self) -> Vec<(SimulatedDisk, Progress)> {
        std::mem::take(&mut self.watch.lock().unwrap().images)
    }

    fn moment(&self) {
        let mut watch = self.watch.lock().unwrap();
        let Watch { dice, one_in, images } = &mut *watch;
        if dice.below(*one_in) == 0 {
            // What is acknowledged must be on the disk already: looked at first.
            let acknowledged = self.progress.now();
            let image = self.disk.crash(&mut || dice.roll());
            let given = self.progress.now();
            images.push((image, acknowledged.until(&given)));
        }
    }

    fn file(&self, file: io::Result<Box<dyn DiskFile>>) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(WatchedFile { file: file?, of: self.clone() }))
    }
}

impl Disk for Watched {
    fn list(&self) -> io::Result<Vec<String>> {
        self.disk.list()
    }
    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        self.file(self.disk.open(name))
    }
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        self.moment();
        self.file(self.disk.create(name))
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.moment();
        self.disk.rename(from, to)
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        self.moment();
        self.disk.remove(name)
    }
    fn sync_folder(&self) -> io::Result<()> {
        self.moment();
        self.disk.sync_folder()
    }
    fn lock(&self) -> io::Result<bool> {
        self.disk.lock()
    }
    fn unlock(&self) {
        self.disk.unlock();
    }
}

#[derive(Debug)]
struct WatchedFile {
    file: Box<dyn DiskFile>,
    of: Watched,
}

impl DiskFile for WatchedFile {
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_at(into, offset)
    }
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.of.moment();
        self.file.write_at(bytes, offset)
    }
    fn sync(&self) -> io::Result<()> {
        self.of.moment();
        self.file.sync()
    }
    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }
    fn reserve(&self, length: u64, zeros: bool) -> io::Result<()> {
        self.of.moment();
        self.file.reserve(length, zeros)
    }
}
