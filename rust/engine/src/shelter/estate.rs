//! What earlier lives left in their shelters, for the logs that go on and for those that only end.

use super::backlog;
use super::figures::Figures;
use super::flight::{self, Flight, Origin};
use super::layout::{self, at, Layout, DESKS, PLACE, PLACES};
use super::memory::Memory;
use super::place::{self, Legacy};
use super::reached::Checkpoint;
use crate::clock::Clock;
use crate::known::Interface;
use siprecord_core::pcapng::block::is_sound;
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is known of a log whose writer died.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// From where on the log has to be read, and the interfaces described until there, and perhaps some more.
    pub known: Option<(u64, Vec<Interface>)>,
    /// Blocks that may not be in the log, in the order of their positions.
    pub pieces: Vec<Piece>,
}

/// Whole blocks, and where they belong in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    pub position: u64,
    pub blocks: Vec<u8>,
}

/// A batch that was taken from a socket, of which nothing is in the log.
pub struct Batch {
    pub memory: Arc<Memory>,
    pub layout: Layout,
    pub origin: Origin,
}

#[derive(Default)]
pub struct Estate {
    lives: Vec<Life>,
}

/// The shelter of one earlier life.
struct Life {
    file: OwnedFd,
    layout: Layout,
    /// By the log's path.
    places: HashMap<PathBuf, (u32, Legacy)>,
    desks: Vec<Left>,
}

/// A desk that holds something.
struct Left {
    path: PathBuf,
    memory: Arc<Memory>,
}

impl Estate {
    /// Takes in what a descriptor leads to, older lives first.
    pub fn inherit(&mut self, file: OwnedFd) -> io::Result<()> {
        self.lives.push(Life::open(file)?);
        Ok(())
    }

    /// What is left for this log.
    pub fn find(&self, path: &Path) -> Found {
        let mut found = Found::default();
        for life in &self.lives {
            if let Some((index, legacy)) = life.places.get(path) {
                if let Some(interfaces) = &legacy.interfaces {
                    if found
                        .known
                        .as_ref()
                        .is_none_or(|(whole, _)| *whole <= legacy.whole)
                    {
                        found.known = Some((legacy.whole, interfaces.clone()));
                    }
                }
                found.pieces.extend(life.backlog(*index));
            }
            found.pieces.extend(
                life.desks_of(path)
                    .filter_map(|left| gathered(left, life.layout)),
            );
        }
        if let Some((whole, interfaces)) = &mut found.known {
            for (number, interface) in (0..).zip(interfaces) {
                if let Some(checkpoint) = self.reached(path, number) {
                    *whole = checkpoint.position.min(*whole);
                    interface.known.reached = checkpoint.reached;
                    interface.known.all_heard = true;
                }
            }
        }
        found.pieces.retain(|piece| is_sound(&piece.blocks));
        found.pieces.sort_by_key(|piece| piece.position);
        found
    }

    /// What was counted of a stream of this log; the latest life knows most.
    pub fn figures(&self, path: &Path, interface: u32) -> Option<Figures> {
        self.lives.iter().rev().find_map(|life| {
            let (index, _) = life.places.get(path)?;
            place::read_figures(&life.place(*index).ok()?, interface)
        })
    }

    /// The clock of this recording; the latest life knows.
    pub fn clock(&self, path: &Path) -> Option<Clock> {
        self.lives.iter().rev().find_map(|life| {
            let (index, _) = life.places.get(path)?;
            place::read_clock(&life.place(*index).ok()?)
        })
    }

    /// How far the rollover counters of a stream had come; the latest life knows most.
    fn reached(&self, path: &Path, interface: u32) -> Option<Checkpoint> {
        self.lives.iter().rev().find_map(|life| {
            let (index, _) = life.places.get(path)?;
            place::read_reached(&life.place(*index).ok()?, interface)
        })
    }

    /// The pieces of this log are safe elsewhere.
    pub fn written(&self, path: &Path) {
        for life in &self.lives {
            for left in life.desks_of(path) {
                Flight(left.memory.clone()).emptied();
            }
            if let Some((index, _)) = life.places.get(path) {
                if let Ok(memory) = life.place(*index) {
                    memory.word(backlog::BACKLOG).set(0);
                }
            }
        }
    }

    /// Nothing is left for this log.
    pub fn let_go(&mut self, path: &Path) {
        for life in &mut self.lives {
            life.places.remove(path);
            life.desks.retain(|left| left.path != path);
        }
    }

    /// Takes out a batch of this log, of one interface or of any.
    pub fn batch(&mut self, path: &Path, interface: Option<u32>) -> Option<Batch> {
        self.lives
            .iter_mut()
            .find_map(|life| life.batch(path, interface))
    }

    /// All logs that something may be left for.
    pub fn paths(&self) -> Vec<PathBuf> {
        let mut paths: Vec<_> = self.lives.iter().flat_map(Life::paths).collect();
        paths.sort();
        paths.dedup();
        paths
    }
}

impl Life {
    fn open(file: OwnedFd) -> io::Result<Self> {
        let metadata = std::fs::File::from(file.try_clone()?).metadata()?;
        if metadata.len() < layout::HEAD as u64 {
            return Err(io::Error::other("it is no shelter"));
        }
        let head = Memory::of(file.as_fd(), 0, layout::HEAD)?;
        let layout = Layout::read(&head)?;
        if metadata.len() < layout.file_length() {
            return Err(io::Error::other("it is too short for a shelter"));
        }
        let mut life = Self {
            file,
            layout,
            places: HashMap::new(),
            desks: Vec::new(),
        };
        let places = life.find_places(head.word(at::PLACES).get().min(u64::from(PLACES)) as u32)?;
        let desks = head.word(at::DESKS).get().min(u64::from(DESKS)) as u32;
        for desk in 0..desks {
            life.find_desk(desk, &places)?;
        }
        Ok(life)
    }

    fn find_places(&mut self, count: u32) -> io::Result<HashMap<u32, PathBuf>> {
        let mut paths = HashMap::new();
        for index in 0..count {
            if let Some(legacy) = place::read(&self.place(index)?) {
                paths.insert(index, legacy.path.clone());
                self.places.insert(legacy.path.clone(), (index, legacy));
            }
        }
        Ok(paths)
    }

    fn place(&self, index: u32) -> io::Result<Memory> {
        Memory::of(self.file.as_fd(), self.layout.place(index), PLACE)
    }

    fn find_desk(&mut self, desk: u32, places: &HashMap<u32, PathBuf>) -> io::Result<()> {
        let (offset, length) = (self.layout.desk(desk), self.layout.desk_length());
        let memory = Arc::new(Memory::of(self.file.as_fd(), offset, length)?);
        let flight = Flight(memory.clone());
        if flight.held() != (0, None) {
            if let Some(path) = places.get(&flight.aimed().place) {
                let path = path.clone();
                self.desks.push(Left { path, memory });
            }
        }
        Ok(())
    }

    fn desks_of<'a>(&'a self, path: &'a Path) -> impl Iterator<Item = &'a Left> {
        self.desks.iter().filter(move |left| left.path == path)
    }

    fn backlog(&self, index: u32) -> Option<Piece> {
        let place = self.place(index).ok()?;
        let (position, blocks) =
            backlog::read(self.file.as_fd(), self.layout, (index, &place)).ok()??;
        Some(Piece { position, blocks })
    }

    fn batch(&mut self, path: &Path, interface: Option<u32>) -> Option<Batch> {
        let wanted = |left: &Left| {
            let origin = Flight(left.memory.clone()).held().1?;
            let fits = interface.is_none_or(|interface| interface == origin.interface);
            (left.path == path && fits).then_some(origin)
        };
        let (index, origin) = self
            .desks
            .iter()
            .enumerate()
            .find_map(|(index, left)| Some((index, wanted(left)?)))?;
        Some(Batch {
            memory: self.desks.swap_remove(index).memory,
            layout: self.layout,
            origin,
        })
    }

    fn paths(&self) -> Vec<PathBuf> {
        let desks = self.desks.iter().map(|left| left.path.clone());
        let waiting = self
            .places
            .iter()
            .filter(|(_, (index, _))| self.backlog(*index).is_some());
        desks.chain(waiting.map(|(path, _)| path.clone())).collect()
    }
}

fn gathered(left: &Left, layout: Layout) -> Option<Piece> {
    let flight = Flight(left.memory.clone());
    let (length, _) = flight.held();
    if length == 0 || length > layout.gather_length() {
        return None;
    }
    Some(Piece {
        position: flight.aimed().position,
        blocks: left.memory.read(layout.gather_at(), length),
    })
}

/// Where the receiver of a desk begins.
pub const RECEIVER_AT: usize = flight::LENGTH;
