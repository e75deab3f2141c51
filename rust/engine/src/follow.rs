//! Follows a log while it is written: new events, and the audio that has come since the last look.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use siprecord_core::pcapng::block::LINK_RAW_IP;
use siprecord_core::pcapng::read::{Block, Packet};
use siprecord_core::timeline::live::{LivePacket, LiveStream, Piece};
use siprecord_core::timeline::time_of;

use crate::reader::{item, media, Ending, Item, LogReader, Media};
use crate::render::{Codec, RATE};

/// Decoded audio of one stream without a hole in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveAudio {
    pub interface: u32,
    /// Counted from 1970, so that streams compare; pieces of one stream never overlap.
    pub start: i64,
    /// 16-bit little-endian samples at [`RATE`].
    pub pcm: Vec<u8>,
}

impl LiveAudio {
    /// The moment of the first sample, in nanoseconds since 1970.
    pub fn time_ns(&self) -> i64 {
        time_of(self.start, RATE)
    }

    fn end(&self) -> i64 {
        self.start + self.pcm.len() as i64 / 2
    }
}

struct Followed {
    codecs: [Codec; 128],
    live: LiveStream,
}

/// One log being followed. Each round is [`Follower::read`], then [`Follower::set_codecs`] for the streams that the
/// events told of, then [`Follower::audio`].
pub struct Follower {
    log: LogReader,
    streams: BTreeMap<u32, Followed>,
}

impl Follower {
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            log: LogReader::open(path, Ending::Growing)?,
            streams: BTreeMap::new(),
        })
    }

    /// Reads up to `bytes` of what the file has gained; false when it has been read to its end.
    pub fn read(&mut self, bytes: u64, items: &mut Vec<Item>) -> io::Result<bool> {
        let until = self.log.position().saturating_add(bytes);
        while self.log.position() < until {
            let Some(located) = self.log.next_block()? else {
                return Ok(false);
            };
            match &located.block {
                Block::Packet(packet) if packet.linktype == LINK_RAW_IP => {
                    push(&mut self.streams, packet);
                }
                _ => items.extend(item(&located, false)),
            }
        }
        Ok(true)
    }

    /// Says what the payload types of a stream mean, from now on.
    pub fn set_codecs(&mut self, interface: u32, codecs: [Codec; 128]) {
        followed(&mut self.streams, interface).codecs = codecs;
    }

    /// The audio that is due; `flush` does not wait for packets that are missing.
    pub fn audio(&mut self, flush: bool) -> Vec<LiveAudio> {
        let mut out: Vec<LiveAudio> = Vec::new();
        for (&interface, stream) in &mut self.streams {
            let Followed { codecs, live } = stream;
            let roles = |number: u8| codecs[usize::from(number & 0x7f)].role();
            for piece in live.take(roles, flush) {
                append(&mut out, interface, codecs, &piece);
            }
        }
        out
    }
}

fn followed(streams: &mut BTreeMap<u32, Followed>, interface: u32) -> &mut Followed {
    streams.entry(interface).or_insert_with(|| Followed {
        codecs: std::array::from_fn(|number| Codec::by_default(number as u8)),
        live: LiveStream::new(RATE),
    })
}

fn push(streams: &mut BTreeMap<u32, Followed>, packet: &Packet<'_>) {
    if let Media::Rtp(found) = media(packet) {
        followed(streams, packet.interface).live.push(LivePacket {
            arrival_ns: packet.time_ns,
            timestamp: found.packet.timestamp,
            ssrc: found.packet.ssrc,
            sequence: found.packet.sequence,
            payload_type: found.packet.payload_type,
            payload: found.packet.payload.to_vec(),
        });
    }
}

fn append(out: &mut Vec<LiveAudio>, interface: u32, codecs: &[Codec; 128], piece: &Piece) {
    let Codec::G711(law) = codecs[usize::from(piece.payload_type & 0x7f)] else {
        return;
    };
    let pcm = piece.payload[piece.skip..].iter();
    let pcm = pcm.flat_map(|&code| law.decode(code).to_le_bytes());
    match out.last_mut() {
        Some(last) if last.interface == interface && last.end() == piece.start => {
            last.pcm.extend(pcm);
        }
        _ => out.push(LiveAudio {
            interface,
            start: piece.start,
            pcm: pcm.collect(),
        }),
    }
}
