//! The memory that a thread works with: where a batch is taken, and the blocks that are made of it.

use super::estate::{Batch, RECEIVER_AT};
use super::flight::{Aim, Flight, Origin};
use super::layout::Layout;
use super::memory::Memory;
use crate::death;
use crate::receiver::Receiver;
use siprecord_core::pcapng::write::Sink;
use std::io;
use std::os::fd::RawFd;
use std::sync::Arc;

/// All of it is in a shelter: at each moment it says what another process has to do with it.
pub struct Desk {
    pub receiver: Receiver,
    pub blocks: Blocks,
    flight: Flight,
}

impl Desk {
    pub fn new(memory: Memory, layout: Layout) -> Self {
        let memory = Arc::new(memory);
        Self {
            receiver: Receiver::new(memory.clone(), RECEIVER_AT, layout.datagram_bytes),
            blocks: Blocks::new(memory.clone(), layout),
            flight: Flight(memory),
        }
    }

    /// That of an earlier life, with the batch that it had taken. Its blocks, which are safe elsewhere, are gone.
    pub fn of(batch: &Batch, position: u64) -> Self {
        let desk = Self {
            receiver: Receiver::left(
                batch.memory.clone(),
                RECEIVER_AT,
                batch.layout.datagram_bytes,
            ),
            blocks: Blocks::new(batch.memory.clone(), batch.layout),
            flight: Flight(batch.memory.clone()),
        };
        desk.flight.emptied();
        desk.flight.aim(Aim {
            position,
            ..desk.flight.aimed()
        });
        desk
    }

    /// Takes a batch. When all blocks are made of it, call `taken`.
    pub fn receive(&mut self, socket: RawFd, origin: &Origin, aim: Aim) -> io::Result<usize> {
        self.receiver.reset();
        if self.blocks.is_empty() {
            self.flight.aim(aim);
        }
        self.flight.taking(origin, self.blocks.bytes().len());
        let count = self.receiver.receive(socket);
        death::step();
        if count.is_err() {
            self.taken();
        }
        count
    }

    /// The blocks count from now on, and the batch no more.
    pub fn taken(&mut self) {
        self.flight.hold(self.blocks.bytes().len());
    }

    /// The blocks are in the log, or with what the disk has refused. Also forgets what a failure left.
    pub fn clear(&mut self) {
        self.blocks.length = 0;
        self.flight.hold(0);
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Blocks that are gathered for one log.
pub struct Blocks {
    memory: Arc<Memory>,
    at: usize,
    most: usize,
    length: usize,
}

impl Blocks {
    fn new(memory: Arc<Memory>, layout: Layout) -> Self {
        Self {
            memory,
            at: layout.gather_at(),
            most: layout.gather_length(),
            length: 0,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    pub fn bytes(&self) -> &[u8] {
        let start = self.memory.pointer(self.at, self.length);
        // SAFETY: within the mapping; only `room` writes to it, and it borrows `self` mutably.
        unsafe { std::slice::from_raw_parts(start, self.length) }
    }
}

impl Sink for Blocks {
    /// Panics when there is no room: what is gathered and a whole batch fit.
    fn room(&mut self, length: usize) -> &mut [u8] {
        assert!(length <= self.most - self.length);
        let start = self.memory.pointer(self.at + self.length, length);
        self.length += length;
        // SAFETY: within the mapping, and nobody else has these bytes while `self` is borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(start, length) }
    }
}
