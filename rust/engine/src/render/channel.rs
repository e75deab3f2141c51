//! The second pass: one stream's payloads in time-line order.

use std::io;

use siprecord_core::g711::Law;
use siprecord_core::timeline::Placement;

use super::codec::{Codec, Codecs, RATE};
use super::index::EventPacket;
use super::pages::Pages;

/// A packet and its place, both for a decoder outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    pub placement: Placement,
    pub payload: Vec<u8>,
}

pub(super) struct Channel {
    pub codecs: Codecs,
    pub placements: Vec<Placement>,
    /// Ticks a second of the placements.
    pub unit: u32,
    /// The first placement that is not wholly read.
    pub next: usize,
    pub events: Vec<EventPacket>,
}

impl Channel {
    /// Whether each byte of all audio is a sample of G.711.
    pub fn is_plain(&self) -> bool {
        let coded = |found: &Placement| {
            matches!(
                self.codecs[usize::from(found.payload_type)],
                Codec::Coded(_)
            )
        };
        self.unit == RATE && !self.placements.iter().any(coded)
    }

    pub fn packets(&mut self, pages: &mut Pages, count: usize) -> io::Result<Vec<Located>> {
        let end = self.placements.len().min(self.next + count);
        let mut found = Vec::with_capacity(end - self.next);
        for &placement in &self.placements[self.next..end] {
            let payload = pages.read(placement.offset, usize::from(placement.length))?;
            found.push(Located {
                placement,
                payload: payload.to_vec(),
            });
        }
        self.next = end;
        Ok(found)
    }

    /// Writes the samples `from..from + count` into every `stride`th byte pair of `out`.
    pub fn paint(
        &mut self,
        pages: &mut Pages,
        from: i64,
        count: usize,
        out: &mut [u8],
        stride: usize,
    ) -> io::Result<()> {
        let to = from + count as i64;
        for placement in &self.placements[self.next..] {
            if placement.start >= to {
                break;
            }
            let (first, last) = (placement.start.max(from), placement.end().min(to));
            let slots = &mut out[(first - from).max(0) as usize * stride..];
            if let Codec::G711(law) = self.codecs[usize::from(placement.payload_type)] {
                paint(pages, placement, (first, last), law, (slots, stride))?;
            }
            if placement.end() <= to {
                self.next += 1;
            }
        }
        Ok(())
    }
}

/// Writes the samples `first..last` of a placement, the last one of its payload again where it is filled up.
fn paint(
    pages: &mut Pages,
    placement: &Placement,
    (first, last): (i64, i64),
    law: Law,
    (out, stride): (&mut [u8], usize),
) -> io::Result<()> {
    let heard = placement.end() - i64::from(placement.fill);
    let hidden = u64::from(placement.skip) + (first.min(heard) - placement.start).max(0) as u64;
    let wanted = (last.min(heard) - first).max(0) as usize;
    let payload = pages.read(placement.offset + hidden, wanted)?;
    decode(law, payload, out, stride);
    if last > heard {
        let end = placement.offset + u64::from(placement.length);
        let again = pages.read(end.saturating_sub(1), 1)?.to_vec();
        let count = (last - heard.max(first)).max(0) as usize;
        let slots = out.chunks_mut(stride).skip(wanted).take(count);
        for slot in slots {
            decode(law, &again, slot, stride);
        }
    }
    Ok(())
}

fn decode(law: Law, payload: &[u8], out: &mut [u8], stride: usize) {
    let table = law.table();
    for (code, slot) in payload.iter().zip(out.chunks_mut(stride)) {
        slot[..2].copy_from_slice(&table[usize::from(*code)].to_le_bytes());
    }
}
