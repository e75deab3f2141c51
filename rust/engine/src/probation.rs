//! Who had sent to a stream, of which its log does not say that it followed anybody.

use crate::known::Interface;
use crate::reader::{media, Ending, LogReader, Media};
use siprecord_core::pcapng::read::{Block, Packet};
use siprecord_core::source::{Decision, Heard, Source, Sources};
use std::io;
use std::path::Path;

/// Bytes that are read at most to learn all that a stream has heard: some seconds of a call. Of an older one only
/// the end is read.
const MOST: u64 = if cfg!(test) { 32 * 1_024 } else { 256 * 1_024 };

/// Where a log tells of its interfaces, and how much of it is known.
#[derive(Clone, Debug, Default)]
pub struct Described {
    pub interfaces: Vec<Interface>,
    /// The beginning of a block near the end.
    pub whole: u64,
    pub length: u64,
}

/// Puts those on probation who were so when the log ended. Answers whom the stream follows, if it turns out so.
pub fn relive(
    sources: &mut Sources,
    path: &Path,
    described: &Described,
    interface: u32,
) -> io::Result<Option<Source>> {
    let Some(own) = described.interfaces.get(interface as usize) else {
        return Ok(None);
    };
    let from_the_first = described.length.saturating_sub(own.offset) <= MOST;
    let from = if from_the_first {
        own.offset
    } else {
        described.whole.max(own.offset)
    };
    let mut log = LogReader::open_at(path, Ending::Final, from, &described.interfaces)?;
    let mut followed = None;
    while let Some(found) = log.next_block()? {
        match found.block {
            Block::Packet(packet) if packet.interface == interface => {
                heard(&packet)
                    .into_iter()
                    .for_each(|heard| sources.relive(&heard));
            }
            Block::Custom { data, .. } => {
                let decision = Decision::read(data).filter(|(number, _)| *number == interface);
                followed = decision.map_or(followed, |(_, decision)| Some(decision.source));
            }
            _ => {}
        }
    }
    if from > own.offset {
        sources.pardon();
    }
    Ok(followed)
}

fn heard(packet: &Packet<'_>) -> Option<Heard> {
    let Media::Rtp(found) = media(packet) else {
        return None;
    };
    Some(Heard {
        source: Source {
            address: found.source,
            ssrc: found.packet.ssrc,
        },
        sequence: found.packet.sequence,
        time_ns: u64::try_from(packet.time_ns).ok()?,
    })
}
