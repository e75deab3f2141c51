//! What the disk has refused, in the order in which it belongs in the log.

use super::layout::Layout;
use super::memory::Memory;
use super::Shelter;
use siprecord_core::pcapng::block::boundary;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

/// The words of a place that speak of its backlog.
pub(super) const BACKLOG: usize = 24;
const BASES: [usize; 2] = [32, 40];
const SECOND: u64 = 1 << 63;

/// Whole blocks, of which the first bytes may be in the file already.
///
/// They lie in one of two halves; one word of the place says in which and how many, so that a process that is
/// killed while it adds or moves blocks leaves what was there before.
pub struct Backlog {
    shelter: Arc<Shelter>,
    index: u32,
    place: Arc<Memory>,
    /// Mapped while there is something in it.
    memory: Option<Memory>,
    half: usize,
    /// Where the first block belongs in the file.
    base: u64,
    /// Bytes of blocks, and how many of them are in the file.
    length: usize,
    started: usize,
}

impl Backlog {
    pub(super) fn new(shelter: Arc<Shelter>, index: u32, place: Arc<Memory>) -> Self {
        Self {
            shelter,
            index,
            place,
            memory: None,
            half: 0,
            base: 0,
            length: 0,
            started: 0,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Bytes that wait.
    pub fn waiting(&self) -> usize {
        self.length.saturating_sub(self.started)
    }

    /// Bytes of all blocks.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Where the next block belongs in the file.
    pub fn end(&self) -> u64 {
        self.base + self.length as u64
    }

    /// Bytes of the first block that are in the file.
    pub fn started(&self) -> usize {
        self.started
    }

    /// All blocks, also of what is in the file already.
    pub fn blocks(&self) -> &[u8] {
        let Some(memory) = &self.memory else {
            return &[];
        };
        let start = memory.pointer(self.half * self.layout().half(), self.length);
        // SAFETY: within the mapping, which only `add` and `compact` write to, and they borrow `self` mutably.
        unsafe { std::slice::from_raw_parts(start, self.length) }
    }

    /// What is not in the file.
    pub fn rest(&self) -> &[u8] {
        &self.blocks()[self.started..]
    }

    /// Begins with blocks that belong at `base`, of which `started` bytes are in the file.
    pub fn begin(&mut self, base: u64, started: usize) {
        (self.base, self.started, self.length, self.half) = (base, started, 0, 0);
        self.place.word(BASES[0]).set(base);
    }

    /// Adds whole blocks; false when there is no memory for them.
    pub fn add(&mut self, blocks: &[u8]) -> bool {
        if self.memory.is_none() && self.map().is_err() {
            return false;
        }
        if self.length + blocks.len() > self.layout().half() {
            self.compact();
        }
        let Some(memory) = &self.memory else {
            return false;
        };
        if self.length + blocks.len() > self.layout().half() {
            return false;
        }
        memory.write(self.half * self.layout().half() + self.length, blocks);
        self.length += blocks.len();
        self.commit();
        true
    }

    /// So many bytes more are in the file.
    pub fn advance(&mut self, taken: usize) {
        self.started += taken;
    }

    /// All of it is in the file, or given up.
    pub fn clear(&mut self) {
        self.place.word(BACKLOG).set(0);
        self.length = 0;
        self.started = 0;
        if self.memory.take().is_some() {
            let layout = self.layout();
            let offset = layout.backlog(self.index);
            self.shelter.clear(offset, 2 * layout.half());
        }
    }

    /// Moves what is not in the file to the other half.
    fn compact(&mut self) {
        let blocks = self.blocks();
        let from = boundary(blocks, self.started);
        let Some(memory) = &self.memory else { return };
        let other = 1 - self.half;
        memory.write(other * self.layout().half(), &blocks[from..]);
        self.base += from as u64;
        self.place.word(BASES[other]).set(self.base);
        (self.half, self.length, self.started) = (other, self.length - from, self.started - from);
        self.commit();
    }

    fn commit(&self) {
        let half = if self.half == 0 { 0 } else { SECOND };
        self.place.word(BACKLOG).set(half | self.length as u64);
    }

    fn map(&mut self) -> io::Result<()> {
        let layout = self.layout();
        self.memory = Some(map(self.shelter.as_fd(), layout, self.index)?);
        Ok(())
    }

    fn layout(&self) -> Layout {
        self.shelter.layout()
    }
}

fn map(file: BorrowedFd<'_>, layout: Layout, index: u32) -> io::Result<Memory> {
    Memory::of(file, layout.backlog(index), 2 * layout.half())
}

/// What an earlier life left in a backlog: where it belongs in the file, and the blocks.
pub(super) fn read(
    file: BorrowedFd<'_>,
    layout: Layout,
    (index, place): (u32, &Memory),
) -> io::Result<Option<(u64, Vec<u8>)>> {
    let commit = place.word(BACKLOG).get();
    let half = usize::from(commit & SECOND != 0);
    let length = (commit & !SECOND) as usize;
    if length == 0 {
        return Ok(None);
    }
    if length > layout.half() {
        return Err(io::Error::other("a backlog is damaged"));
    }
    let memory = map(file, layout, index)?;
    let base = place.word(BASES[half]).get();
    Ok(Some((base, memory.read(half * layout.half(), length))))
}
