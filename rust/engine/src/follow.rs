//! Follows a log while it is written: new events, and the audio that has come since the last look.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::Path;

use siprecord_core::g711::Law;
use siprecord_core::pcapng::block::{ENTERPRISE, LINK_RAW_IP};
use siprecord_core::pcapng::read::{Block, Packet};
use siprecord_core::source::{Decision, Ruling, Source};
use siprecord_core::timeline::live::{LivePacket, LiveStream, Piece};
use siprecord_core::timeline::time_of;

use crate::reader::{item, media, Ending, Item, LogReader, Media};
use crate::render::{is_judged, Codec, Codecs, RATE};

/// Packets of one stream kept until it is known whether the stream follows their sender.
const MAX_HELD: usize = 64;

/// Audio of one stream without a hole in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveAudio {
    pub interface: u32,
    /// Ticks a second of what follows.
    pub unit: u32,
    /// Counted from 1970, so that streams compare; pieces of one stream never overlap.
    pub start: i64,
    /// Ticks of the payload that come before `start`, and ticks that are heard.
    pub skip: i64,
    pub ticks: i64,
    /// The last so many ticks repeat the payload's last sample.
    pub fill: i64,
    pub payload_type: u8,
    /// Another number means that the sender began anew.
    pub beginning: u32,
    pub sound: Sound,
}

/// What is heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sound {
    /// 16-bit little-endian samples at [`RATE`], of any number of packets of G.711; nothing of them is skipped or filled.
    Pcm(Vec<u8>),
    /// The payload of one packet, for a decoder outside.
    Payload(Vec<u8>),
}

/// How far [`Follower::read`] has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// To the end of what the file holds by now.
    End,
    /// As far as it was told.
    More,
    /// To news of a stream, which has to be understood before its packets are read.
    News,
}

impl LiveAudio {
    /// The moment of the first sample, in nanoseconds since 1970.
    pub fn time_ns(&self) -> i64 {
        time_of(self.start, self.unit)
    }

    fn end(&self) -> i64 {
        self.start + self.ticks
    }
}

struct Followed {
    codecs: Codecs,
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

    /// Reads up to `bytes` of what the file has gained.
    pub fn read(&mut self, bytes: u64, items: &mut Vec<Item>) -> io::Result<Progress> {
        let until = self.log.position().saturating_add(bytes);
        while self.log.position() < until {
            let Some(located) = self.log.next_block()? else {
                return Ok(Progress::End);
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
                    if tells_of_stream(data) {
                        items.extend(item(&located, false));
                        return Ok(Progress::News);
                    }
                }
                _ => {}
            }
            items.extend(item(&located, false));
        }
        Ok(Progress::More)
    }

    /// Bytes of the file that have been read.
    pub fn position(&self) -> u64 {
        self.log.position()
    }

    /// Says what the payload types of a stream mean, from now on, and the ticks that are counted.
    pub fn set_codecs(&mut self, interface: u32, codecs: Codecs, unit: u32) {
        let stream = followed(&mut self.streams, interface);
        stream.codecs = codecs;
        stream.live.set_rate(unit);
    }

    /// The audio that is due; `flush` does not wait for packets that are missing.
    pub fn audio(&mut self, flush: bool) -> Vec<LiveAudio> {
        let mut out: Vec<LiveAudio> = Vec::new();
        for (&interface, stream) in &mut self.streams {
            let Followed { codecs, live, .. } = stream;
            let unit = live.rate();
            for piece in live.take(flush) {
                append(&mut out, (interface, unit), codecs, piece);
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

/// Whether an event says what the payload types of a stream mean.
fn tells_of_stream(json: &[u8]) -> bool {
    let says = |name: &[u8]| json.windows(name.len()).any(|found| found == name);
    says(b"\"stream.opened\"") || says(b"\"stream.updated\"")
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
    let stream = followed(streams, interface);
    let codec = stream.codecs[usize::from(rtp.payload_type)];
    let (clock, samples) = codec.rates().unwrap_or((RATE, RATE));
    let packet = LivePacket {
        arrival_ns: packet.time_ns,
        timestamp: rtp.timestamp,
        clock,
        samples,
        quiet: codec.is_quiet(rtp.payload),
        ticks: codec.ticks(rtp.payload),
        ssrc: rtp.ssrc,
        sequence: rtp.sequence,
        payload_type: rtp.payload_type,
        payload: rtp.payload.to_vec(),
    };
    let own = match &mut stream.senders {
        Some(senders) => senders.admit(source, packet),
        None => Some(packet),
    };
    if let Some(packet) = own {
        stream.live.push(packet);
    }
}

fn append(out: &mut Vec<LiveAudio>, (interface, unit): (u32, u32), codecs: &Codecs, piece: Piece) {
    let (sound, skip, fill) = match codecs[usize::from(piece.payload_type)] {
        Codec::G711(law) => (Sound::Pcm(pcm(&piece, law, unit)), 0, 0),
        Codec::Coded(_) => (Sound::Payload(piece.payload), piece.skip, piece.fill),
        _ => return,
    };
    if let (Some(last), Sound::Pcm(more)) = (out.last_mut(), &sound) {
        let goes_on = last.interface == interface && last.end() == piece.start;
        if let (true, Sound::Pcm(pcm)) = (goes_on, &mut last.sound) {
            pcm.extend_from_slice(more);
            last.ticks += piece.ticks;
            return;
        }
    }
    out.push(LiveAudio {
        interface,
        unit,
        start: piece.start,
        skip,
        ticks: piece.ticks,
        fill,
        payload_type: piece.payload_type,
        beginning: piece.beginning,
        sound,
    });
}

/// What is heard of a packet of G.711.
fn pcm(piece: &Piece, law: Law, unit: u32) -> Vec<u8> {
    let samples = |ticks: i64| (ticks * i64::from(RATE) / i64::from(unit)) as usize;
    let own = samples(piece.ticks - piece.fill);
    let heard = piece.payload.iter().skip(samples(piece.skip)).take(own);
    let again = piece.payload.last().into_iter();
    let again = again.flat_map(|last| std::iter::repeat_n(last, samples(piece.fill)));
    heard
        .chain(again)
        .flat_map(|&code| law.decode(code).to_le_bytes())
        .collect()
}
