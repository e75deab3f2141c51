//! Follows a log while it is written: new events, and the audio that has come since the last look.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::Path;

use siprecord_core::pcapng::block::{ENTERPRISE, LINK_RAW_IP};
use siprecord_core::pcapng::read::{Block, Packet};
use siprecord_core::source::{Decision, Ruling, Source};
use siprecord_core::timeline::live::{LivePacket, LiveStream, Piece};
use siprecord_core::timeline::time_of;

use crate::reader::{item, media, Ending, Item, LogReader, Media};
use crate::render::{is_judged, Codec, RATE};

/// Packets of one stream kept until it is known whether the stream follows their sender.
const MAX_HELD: usize = 64;

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
    /// Whom the stream follows, as far as the log has told; nobody judges it when there is none.
    senders: Option<Senders>,
}

/// The senders of a stream, judged while it came: its own packets are heard, from the first one on.
#[derive(Default)]
struct Senders {
    ruling: Ruling,
    held: VecDeque<(Source, LivePacket)>,
}

impl Senders {
    /// The packet if it is the stream's own; one that may yet turn out to be so is kept.
    fn admit(&mut self, source: Source, packet: LivePacket) -> Option<LivePacket> {
        if self.ruling.admits(source, moment(&packet)) {
            return Some(packet);
        }
        if self.held.len() == MAX_HELD {
            self.held.pop_front();
        }
        self.held.push_back((source, packet));
        None
    }

    /// Takes a decision in, and answers the packets that it shows to be the stream's own.
    fn decide(&mut self, decision: Decision) -> Vec<LivePacket> {
        self.ruling.add(decision);
        let held = std::mem::take(&mut self.held).into_iter();
        let (own, rest): (Vec<_>, Vec<_>) =
            held.partition(|(source, packet)| self.ruling.admits(*source, moment(packet)));
        self.held = rest.into();
        own.into_iter().map(|(_, packet)| packet).collect()
    }
}

fn moment(packet: &LivePacket) -> u64 {
    u64::try_from(packet.arrival_ns).unwrap_or(0)
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
                    continue;
                }
                Block::Interface(found) if is_judged(found.description) => {
                    followed(&mut self.streams, found.index).senders = Some(Senders::default());
                }
                Block::Custom { pen, data } if *pen == ENTERPRISE => {
                    decide(&mut self.streams, located.base, data);
                }
                _ => {}
            }
            items.extend(item(&located, false));
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
            let Followed { codecs, live, .. } = stream;
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
        senders: None,
    })
}

fn decide(streams: &mut BTreeMap<u32, Followed>, base: u32, json: &[u8]) {
    let Some((interface, decision)) = Decision::read(json) else {
        return;
    };
    let stream = followed(streams, base + interface);
    let own = stream
        .senders
        .as_mut()
        .map(|senders| senders.decide(decision));
    for packet in own.into_iter().flatten() {
        stream.live.push(packet);
    }
}

fn push(streams: &mut BTreeMap<u32, Followed>, packet: &Packet<'_>) {
    let interface = packet.interface;
    let Media::Rtp(found) = media(packet) else {
        return;
    };
    let rtp = &found.packet;
    let source = Source {
        address: found.source,
        ssrc: rtp.ssrc,
    };
    let packet = LivePacket {
        arrival_ns: packet.time_ns,
        timestamp: rtp.timestamp,
        ssrc: rtp.ssrc,
        sequence: rtp.sequence,
        payload_type: rtp.payload_type,
        payload: rtp.payload.to_vec(),
    };
    let stream = followed(streams, interface);
    let own = match &mut stream.senders {
        Some(senders) => senders.admit(source, packet),
        None => Some(packet),
    };
    if let Some(packet) = own {
        stream.live.push(packet);
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
