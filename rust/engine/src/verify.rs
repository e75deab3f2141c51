//! Compares a capture log with what was sent, packet by packet: the proof of a load test.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use siprecord_core::pcapng::block::LINK_RAW_IP;
use siprecord_core::pcapng::read::{Block, Packet};
use siprecord_core::rtp;

use crate::reader::{media, Ending, LogReader, Media};
use crate::sender::{Packets, Schedule, SendSpec};

/// One stream as it was sent.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The name of its interface in the log.
    pub name: String,
    pub spec: SendSpec,
    /// Packets that the kernel took, duplicates included.
    pub sent: u64,
    /// Packets that the kernel refused.
    pub failed: u64,
}

/// What the log holds of one stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Packets that are there exactly as sent, as often as they were sent; of protected ones, which nobody takes twice,
    /// once.
    pub stored: u64,
    /// Packets that were sent and are not there.
    pub lost: u64,
    /// Packets that are there more often than they were sent.
    pub surplus: u64,
    /// Packets of this stream with another header or payload than was sent.
    pub damaged: u64,
}

/// What the log holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    pub streams: Vec<Found>,
    /// RTP packets of none of the streams, or under another one's name.
    pub foreign: u64,
}

/// Reads the log at `path` and compares it with `streams`, whose SSRCs must differ.
///
/// # Errors
/// As reading a file.
pub fn verify(path: &Path, streams: &[Sent]) -> io::Result<Findings> {
    let mut reader = LogReader::open(path, Ending::Final)?;
    let mut tallies: Vec<Tally<'_>> = streams.iter().map(Tally::new).collect();
    let mut names: HashMap<u32, Option<usize>> = HashMap::new();
    let mut foreign = 0;
    while let Some(located) = reader.next_block()? {
        match located.block {
            Block::Interface(found) => {
                let is_it = |sent: &Sent| sent.name.as_bytes() == found.name;
                names.insert(found.index, streams.iter().position(is_it));
            }
            Block::Packet(packet) if packet.linktype == LINK_RAW_IP => {
                let owner = names.get(&packet.interface).copied().flatten();
                let tally = owner.and_then(|number| tallies.get_mut(number));
                foreign += u64::from(!belongs(&packet, tally));
            }
            _ => {}
        }
    }
    Ok(Findings {
        streams: tallies.iter().map(Tally::found).collect(),
        foreign,
    })
}

/// Counts an RTP packet for its stream; false if it is of another one.
fn belongs(packet: &Packet<'_>, tally: Option<&mut Tally<'_>>) -> bool {
    let Media::Rtp(view) = media(packet) else {
        return true;
    };
    tally.is_some_and(|tally| tally.count(&view.packet))
}

/// How often each packet of a stream was found.
struct Tally<'a> {
    sent: &'a Sent,
    times: Vec<u8>,
    found: Found,
}

impl<'a> Tally<'a> {
    fn new(sent: &'a Sent) -> Self {
        Self {
            sent,
            times: Vec::new(),
            found: Found::default(),
        }
    }

    fn count(&mut self, packet: &rtp::Packet<'_>) -> bool {
        let packets = &self.sent.spec.packets;
        if packet.ssrc != packets.ssrc {
            return false;
        }
        match index_of(packets, packet) {
            Some(index) if index < self.room() => {
                let index = index as usize;
                if self.times.len() <= index {
                    self.times.resize(index + 1, 0);
                }
                self.times[index] = self.times[index].saturating_add(1);
            }
            _ => self.found.damaged += 1,
        }
        true
    }

    /// No index is as high as this: dropped packets take numbers too.
    fn room(&self) -> u64 {
        let Sent {
            spec, sent, failed, ..
        } = self.sent;
        let numbered = sent + failed + spec.impairments.drop.len() as u64;
        // Packets that are delayed may be overtaken by as many as are sent meanwhile.
        let late = spec.impairments.jitter.most.as_nanos() / spec.frame().as_nanos().max(1);
        let overtaken = spec.impairments.delay.len() as u64 + late as u64 + 1;
        (numbered + overtaken).min(spec.total.unwrap_or(u64::MAX))
    }

    fn found(&self) -> Found {
        let mut found = self.found;
        if self.sent.failed > 0 {
            // Which ones the kernel refused is not known, only how many.
            let there: u64 = self.times.iter().copied().map(u64::from).sum();
            found.stored = there.min(self.sent.sent);
            found.lost = self.sent.sent - found.stored;
            found.surplus = there - found.stored;
            return found;
        }
        let expected = self.expected();
        for index in 0..expected.len().max(self.times.len()) {
            let wanted = expected.get(index).copied().unwrap_or_default();
            let there = self.times.get(index).copied().unwrap_or_default();
            found.stored += u64::from(wanted.min(there));
            found.lost += u64::from(wanted.saturating_sub(there));
            found.surplus += u64::from(there.saturating_sub(wanted));
        }
        found
    }

    /// How often each packet was sent: the schedule again, as far as it came.
    fn expected(&self) -> Vec<u8> {
        let Sent { spec, sent, .. } = self.sent;
        let total = spec.total.unwrap_or(u64::MAX);
        let mut schedule = Schedule::new(spec.frame(), total, &spec.impairments);
        let mut times = Vec::new();
        for _ in 0..*sent {
            let Some(index) = schedule.take() else { break };
            let index = index as usize;
            if times.len() <= index {
                times.resize(index + 1, 0_u8);
            }
            times[index] = times[index].saturating_add(1);
        }
        if spec.key.is_some() {
            times.iter_mut().for_each(|times| *times = (*times).min(1));
        }
        times
    }
}

/// Which packet of the stream this is, if it is one to the last bit.
fn index_of(sent: &Packets, packet: &rtp::Packet<'_>) -> Option<u64> {
    let elapsed = packet.timestamp.wrapping_sub(sent.timestamp);
    if elapsed % sent.frame_samples != 0 {
        return None;
    }
    let index = u64::from(elapsed / sent.frame_samples);
    let same = packet.sequence == sent.sequence.wrapping_add(index as u16)
        && packet.payload_type == sent.payload_type & 0x7f
        && packet.marker == (index == 0)
        && packet.csrc.is_empty()
        && packet.extension.is_none()
        && packet.payload == sent.payload(index);
    same.then_some(index)
}

#[cfg(test)]
mod tests;
