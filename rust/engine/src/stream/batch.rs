//! What a stream makes of a batch of datagrams, and leaves for another process.

use super::{Port, Stream};
use crate::recording::Desk;
use crate::shelter::figures::{Figures, Slot};
use crate::shelter::flight::Origin;
use crate::socket::wall_clock;
use siprecord_core::digits::Mask;
use siprecord_core::stats::Reception;
use std::net::SocketAddr;

/// What is counted in so short a time before a death is not counted: each time costs memory that is not at hand.
const FIGURES_EVERY_NS: u64 = 1_000_000_000;

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
        if self.put_at <= youngest {
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
                self.sources.resume(source, wall_clock());
            }
            self.reception = Reception::resumed(&earlier.standing);
        }
        self.put_figures();
    }

    fn put_figures(&mut self) {
        if let Some(slot) = &mut self.figures {
            let followed = self.sources.current();
            slot.put(&self.counts, &self.reception.standing(), followed);
        }
    }
}
