//! Where everything lies in a shelter. It changes only together with `VERSION`.

use super::memory::Memory;
use crate::receiver::{self, BATCH};
use std::io;

const MAGIC: u64 = u64::from_le_bytes(*b"SIPRSHLT");
const VERSION: u64 = 2;
pub const PAGE: usize = 4_096;

pub const HEAD: usize = PAGE;
/// More recordings than a machine has ports for.
pub const PLACES: u32 = 32_768;
/// Where the rollover counters of a place's streams lie, a page for each, behind figures of streams, a path, and
/// the names of interfaces.
pub const REACHED: usize = 4 * PAGE;
/// Streams of one recording whose figures have room.
pub const STREAMS: usize = 16;
/// Bytes of a place.
pub const PLACE: usize = REACHED + STREAMS * PAGE;
/// Threads that may empty sockets at the same time.
pub const DESKS: u32 = 1_024;

/// Blocks gathered before they are written although the tick is not over.
pub const GATHER: usize = 256 * 1024;
/// The most that a log gets for one datagram beside what was kept of it: its frame, and what happened to the
/// stream.
pub const BESIDE: usize = 1_024;
/// Room of a backlog beside the bound: for the interface descriptions that must be kept, and half a block.
const SLACK: usize = 1 << 20;

/// Words of the head.
pub mod at {
    pub const PLACES: usize = 32;
    pub const DESKS: usize = 40;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    pub datagram_bytes: usize,
    pub max_pending: usize,
}

impl Layout {
    pub fn new(datagram_bytes: usize, max_pending: usize) -> Self {
        Self {
            datagram_bytes,
            max_pending: max_pending.min(1 << 36),
        }
    }

    pub fn write(self, head: &Memory) {
        head.word(8).set(VERSION);
        head.word(16).set(self.datagram_bytes as u64);
        head.word(24).set(self.max_pending as u64);
        head.word(0).set(MAGIC);
    }

    /// That of an earlier life's shelter.
    pub fn read(head: &Memory) -> io::Result<Self> {
        if head.word(0).get() != MAGIC {
            return Err(io::Error::other("it is no shelter"));
        }
        let version = head.word(8).get();
        if version != VERSION {
            let text = format!("it has version {version}; this siprecord knows version {VERSION}");
            return Err(io::Error::other(text));
        }
        let sizes = (head.word(16).get(), head.word(24).get());
        if sizes.0 > receiver::WHOLE_DATAGRAM as u64 || sizes.1 > 1 << 36 {
            return Err(io::Error::other("it is damaged"));
        }
        Ok(Self::new(sizes.0 as usize, sizes.1 as usize))
    }

    pub fn place(self, index: u32) -> u64 {
        (HEAD + index as usize * PLACE) as u64
    }

    pub fn desk(self, index: u32) -> u64 {
        self.place(PLACES) + (index as usize * self.desk_length()) as u64
    }

    /// Bytes of blocks that a desk has room for: what is gathered, and one more batch.
    pub fn gather_length(self) -> usize {
        (GATHER + BATCH * (self.datagram_bytes + BESIDE)).next_multiple_of(PAGE)
    }

    /// Where the blocks of a desk begin.
    pub fn gather_at(self) -> usize {
        (super::flight::LENGTH + receiver::length(self.datagram_bytes)).next_multiple_of(PAGE)
    }

    pub fn desk_length(self) -> usize {
        self.gather_at() + self.gather_length()
    }

    /// A backlog has two halves.
    pub fn half(self) -> usize {
        (self.max_pending + SLACK).next_multiple_of(PAGE)
    }

    pub fn backlog(self, index: u32) -> u64 {
        self.desk(DESKS) + (index as usize * 2 * self.half()) as u64
    }

    pub fn file_length(self) -> u64 {
        self.backlog(PLACES)
    }
}
