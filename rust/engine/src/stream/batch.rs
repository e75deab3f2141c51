//! What a stream makes of a batch of datagrams, and leaves for another process.

use super::Stream;
use crate::ports::Port;
use crate::shelter::desk::Desk;
use crate::shelter::figures::{Figures, Slot};
use crate::shelter::flight::Origin;
use siprecord_core::digits::Mask;
use siprecord_core::stats::Reception;
use std::net::SocketAddr;

/// What is counted in so short a time before a death is not counted: each time costs memory that is not at hand.
const FIGURES_EVERY_NS: u64 = 1_000_000_000;

/// Bytes of the log that another process may have to read on.
const REACHED_EVERY: u64 = if cfg!(test) { 1 } else { 64 * 1_024 };

impl Stream {
    pub(super) fn origin(&self, port: Port) -> Origin {
        let number = self.pair.rtp_port + u16::from(port == Port::Rtcp);
        Origin {
            interface: self.interface,
            port,
            local: SocketAddr::new(self.pair.address, number),
            paused: self.paused,
            switched_at: self.switched_at,
            plain: self.secure.is_none() && self.mask == Mask::default(),
        }
    }

    /// Answers the bytes of the batch, and when the last datagram came.
    pub(super) fn take_batch(&mut self, origin: &Origin, desk: &mut Desk) -> (u64, u64) {
        let (mut bytes, mut youngest) = (0, 0);
        for index in 0..desk.receiver.count() {
            let received = desk.receiver.datagram(index);
            youngest = self.open_and_take(origin.port, origin.local, &received, &mut desk.blocks);
            bytes += received.data.len() as u64;
        }
        desk.taken();
        if self.put_at <= youngest || !self.events.is_empty() {
            self.put_at = youngest + FIGURES_EVERY_NS;
            self.put_figures();
        }
        (bytes, youngest)
    }

    /// Takes the batch of an earlier life, as the stream was then.
    pub fn take_over(&mut self, origin: &Origin, desk: &mut Desk) {
        let paused = self.paused;
        self.switch(origin.paused, origin.switched_at);
        self.take_batch(origin, desk);
        self.switch(paused, 0);
    }

    /// Keeps the figures there from now on, and goes on with those of an earlier life.
    pub fn keep_figures(&mut self, slot: Option<Slot>, earlier: Option<Figures>) {
        self.figures = slot;
        if let Some(earlier) = earlier {
            self.counts = earlier.counts;
            if let Some(source) = earlier.followed {
                self.sources.resume(source, self.clock.now());
            }
            self.reception = Reception::resumed(&earlier.standing);
        }
        self.put_figures();
    }

    /// Puts the rollover counters where another process finds them, if the log has grown by so much since that
    /// reading on from there would take long. All that is in the log before `position` must be in them.
    pub fn keep_reached(&mut self, position: u64) {
        let due = self
            .reached_at
            .is_none_or(|at| position.abs_diff(at) >= REACHED_EVERY);
        if due && self.secure.is_some() {
            self.put_reached(position);
        }
    }

    /// The same in any case.
    pub fn put_reached(&mut self, position: u64) {
        if let (Some(secure), Some(slot)) = (&self.secure, &mut self.figures) {
            slot.put_reached(position, &secure.reached());
            self.reached_at = Some(position);
        }
    }

    /// The stream is over: nobody goes on with it.
    pub fn forget_reached(&mut self) {
        if let Some(slot) = &mut self.figures {
            slot.forget_reached();
        }
    }

    fn put_figures(&mut self) {
        if let Some(slot) = &mut self.figures {
            let followed = self.sources.current();
            slot.put(&self.counts, &self.reception.standing(), followed);
        }
    }
}
