//! What the shelter knows of one recording: its log, the interfaces in it, and what waits to be written.

use super::backlog::{Backlog, BACKLOG};
use super::figures::{self, Figures, Slot};
use super::layout::{PLACE, REACHED};
use super::memory::Memory;
use super::reached::{self, Checkpoint};
use super::Shelter;
use crate::clock::Clock;
use crate::known::{Interface, Known};
use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const STATE: usize = 0;
const FREE: u64 = 0;
/// It has a log, of which nothing is known.
const TAKEN: u64 = 1;
/// What it says of the log and its interfaces counts.
const KNOWN: u64 = 2;
const WHOLE: usize = 8;
/// Lengths of the path and of all that is said of the interfaces.
const LENGTHS: usize = 16;
/// The three leads of its clock; the first is 0 when they are not known.
const LEADS: usize = 32;
/// The figures of its streams.
const FIGURES: usize = 64;
const TEXT: usize = FIGURES + figures::LENGTH;
const OVERFLOW: u32 = u32::MAX;

/// A recording's place, given back when this value goes.
pub struct Place {
    shelter: Arc<Shelter>,
    index: u32,
    memory: Arc<Memory>,
    pub backlog: Backlog,
}

impl Place {
    pub(super) fn new(shelter: Arc<Shelter>, index: u32, path: &Path) -> io::Result<Self> {
        let layout = shelter.layout();
        let offset = layout.place(index);
        let memory = Arc::new(Memory::of(shelter.as_fd(), offset, PLACE)?);
        let path = path.as_os_str().as_bytes();
        if path.len() > REACHED - TEXT {
            return Err(io::Error::from_raw_os_error(libc::ENAMETOOLONG));
        }
        memory.write(TEXT, path);
        figures::clear(&memory, FIGURES);
        memory.word(LENGTHS).set(path.len() as u64);
        memory.word(WHOLE).set(0);
        memory.word(BACKLOG).set(0);
        memory.word(LEADS).set(0);
        memory.word(STATE).set(TAKEN);
        let backlog = Backlog::new(shelter.clone(), index, memory.clone());
        Ok(Self {
            shelter,
            index,
            memory,
            backlog,
        })
    }

    /// The recording's clock, for the next life.
    pub fn note_clock(&self, clock: &Clock) {
        for (index, lead) in clock.leads().into_iter().enumerate() {
            self.memory.word(LEADS + index * 8).set(lead as u64);
        }
    }

    pub fn index(&self) -> u32 {
        self.index
    }

    /// Room for the figures of a stream, as long as there is some.
    pub fn figures(&self, interface: u32) -> Option<Slot> {
        Slot::take(&self.memory, FIGURES, interface)
    }

    /// All interfaces described up to here are known now.
    pub fn know(&self, whole: u64) {
        self.note_whole(whole);
        self.memory.word(STATE).set(KNOWN);
    }

    /// Up to here the log has whole blocks, and all interfaces described in it are known or lie behind.
    pub fn note_whole(&self, position: u64) {
        self.memory.word(WHOLE).set(position);
    }

    /// The log describes one more interface.
    pub fn add(&self, interface: &Interface) {
        let lengths = self.memory.word(LENGTHS);
        let (path, used) = (lengths.get() as u32, (lengths.get() >> 32) as u32);
        let name = interface.known.name.as_bytes();
        let at = TEXT + path as usize + used as usize;
        if used == OVERFLOW || at + 12 + name.len() > REACHED {
            return lengths.set(u64::from(path) | u64::from(OVERFLOW) << 32);
        }
        let mut entry = interface.offset.to_le_bytes().to_vec();
        entry.extend_from_slice(&interface.known.link_type.to_le_bytes());
        entry.extend_from_slice(&(name.len() as u16).to_le_bytes());
        entry.extend_from_slice(name);
        self.memory.write(at, &entry);
        lengths.set(u64::from(path) | u64::from(used + entry.len() as u32) << 32);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.memory.word(STATE).set(FREE);
        self.shelter.put_back(self.index);
    }
}

/// A place as an earlier life left it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Legacy {
    pub path: PathBuf,
    pub whole: u64,
    /// None when they are not known, or more than fit.
    pub interfaces: Option<Vec<Interface>>,
}

/// None when the place is free, or says what can't be.
pub(super) fn read(memory: &Memory) -> Option<Legacy> {
    let state = memory.word(STATE).get();
    if state != TAKEN && state != KNOWN {
        return None;
    }
    let lengths = memory.word(LENGTHS).get();
    let (path, used) = (lengths as u32 as usize, (lengths >> 32) as u32);
    let text = memory.read(TEXT, REACHED - TEXT);
    let name = text.get(..path)?.to_vec();
    let interfaces = match used {
        OVERFLOW => None,
        _ if state == TAKEN => None,
        used => Some(entries(text.get(path..path + used as usize)?)?),
    };
    Some(Legacy {
        path: PathBuf::from(OsString::from_vec(name)),
        whole: memory.word(WHOLE).get(),
        interfaces,
    })
}

/// The recording's clock, if that is known.
pub(super) fn read_clock(memory: &Memory) -> Option<Clock> {
    let leads = [0, 8, 16].map(|at| memory.word(LEADS + at).get() as i64);
    (leads[0] != 0).then(|| Clock::resume(leads))
}

/// What an earlier life has counted of a stream.
pub(super) fn read_figures(memory: &Memory, interface: u32) -> Option<Figures> {
    figures::read(memory, FIGURES, interface)
}

/// How far its rollover counters had come.
pub(super) fn read_reached(memory: &Memory, interface: u32) -> Option<Checkpoint> {
    let (slot, word) = figures::reached_of(memory, FIGURES, interface)?;
    reached::read(memory, slot, word)
}

fn entries(mut rest: &[u8]) -> Option<Vec<Interface>> {
    let mut found = Vec::new();
    while !rest.is_empty() {
        let length = u16::from_le_bytes(*rest.get(10..)?.first_chunk()?) as usize;
        let name = rest.get(12..12 + length)?;
        found.push(Interface {
            offset: u64::from_le_bytes(*rest.first_chunk()?),
            known: Known {
                link_type: u16::from_le_bytes(*rest.get(8..)?.first_chunk()?),
                name: String::from_utf8_lossy(name).into_owned(),
                ..Known::default()
            },
        });
        rest = &rest[12 + length..];
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(offset: u64, name: &str) -> Interface {
        Interface {
            offset,
            known: Known {
                link_type: 101,
                name: name.into(),
                ..Known::default()
            },
        }
    }

    #[test]
    fn a_place_tells_its_log_and_its_interfaces() {
        let shelter = Shelter::new(2_048, 0).unwrap();
        let place = shelter.place(Path::new("/some/log")).unwrap();
        assert_eq!(read(&place.memory).unwrap().interfaces, None);
        place.know(0);
        assert_eq!(read(&place.memory).unwrap().interfaces, Some(vec![]));
        let added = [
            interface(4, "sip"),
            interface(1 << 40, "Ünicode"),
            interface(9, ""),
        ];
        added.iter().for_each(|one| place.add(one));
        place.note_whole(77);
        let legacy = read(&place.memory).unwrap();
        assert_eq!(
            (legacy.path.to_str(), legacy.whole),
            (Some("/some/log"), 77)
        );
        assert_eq!(legacy.interfaces, Some(added.to_vec()));
        let memory = place.memory.clone();
        drop(place);
        assert_eq!(read(&memory), None);
    }

    #[test]
    fn names_that_do_not_fit_are_read_from_the_log_instead() {
        let shelter = Shelter::new(2_048, 0).unwrap();
        let place = shelter.place(Path::new("log")).unwrap();
        place.know(0);
        for _ in 0..3 {
            place.add(&interface(0, &"x".repeat(4_000)));
        }
        assert_eq!(read(&place.memory).unwrap().interfaces, None);
    }

    #[test]
    fn places_are_used_again() {
        let shelter = Shelter::new(2_048, 0).unwrap();
        let first = shelter.place(Path::new("a")).unwrap();
        let second = shelter.place(Path::new("b")).unwrap();
        assert_eq!((first.index(), second.index()), (0, 1));
        drop(first);
        assert_eq!(shelter.place(Path::new("c")).unwrap().index(), 0);
        assert_eq!(shelter.place(Path::new("d")).unwrap().index(), 0);
    }

    #[test]
    fn a_damaged_place_is_not_followed() {
        let memory = Memory::own(PLACE).unwrap();
        memory.word(STATE).set(1);
        for lengths in [u64::MAX, 1 << 20, 8 << 32, (PLACE as u64) << 32 | 8] {
            memory.word(LENGTHS).set(lengths);
            if let Some(legacy) = read(&memory) {
                assert!(legacy.path.as_os_str().len() <= PLACE);
            }
        }
    }
}
