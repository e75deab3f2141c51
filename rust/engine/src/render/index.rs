//! The first pass over a log: one record for each RTP packet of a wanted interface.

use std::io;
use std::path::Path;

use siprecord_core::pcapng::block::{ENTERPRISE, LINK_RAW_IP};
use siprecord_core::pcapng::read::{Block, Packet};
use siprecord_core::source::{Decision, JUDGED};
use siprecord_core::timeline::align::Told;
use siprecord_core::timeline::{arrange, Arranged, PacketRecord, StreamPlan};

use super::codec::{Codec, Codecs, RATE};
use super::reports::Reports;
use super::sources::{Number, Senders, SourceReport};
use super::StreamSpec;
use crate::reader::{media, Ending, LogReader, Media};

/// Packets whose time stamps are further than this from the log's first are not believed: seven days.
const MAX_SPAN_NS: i64 = 7 * 24 * 3_600 * 1_000_000_000;
/// Telephone event packets that are kept of one stream, and octets of each.
const MAX_EVENTS: usize = 200_000;
const MAX_EVENT: usize = 64;

/// One telephone event packet (RFC 4733).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPacket {
    pub arrival_ns: i64,
    pub ssrc: u32,
    pub timestamp: u32,
    pub payload_type: u8,
    pub payload: Vec<u8>,
}

/// The packets of one stream while the log is indexed.
pub(super) struct Collected {
    pub packets: Vec<PacketRecord>,
    pub rtcp: u64,
    pub malformed: u64,
    /// Payloads that break the format of their codec.
    pub broken: u64,
    pub types: [u64; 256],
    pub events: Vec<EventPacket>,
    /// Sender reports; time stamps are those of the wire until the stream is arranged.
    pub told: Told,
    /// RTP packets of senders that the stream does not follow.
    pub strays: u64,
    pub sources: Vec<SourceReport>,
    reports: Reports,
    senders: Senders,
    /// The sender of each packet and of each event.
    sent_by: Vec<Number>,
    events_by: Vec<Number>,
}

pub(super) fn collect(path: &Path, specs: &[StreamSpec]) -> io::Result<Vec<Collected>> {
    let mut all: Vec<Collected> = specs.iter().map(|_| Collected::new()).collect();
    let mut log = LogReader::open(path, Ending::Final)?;
    let mut first_ns = None;
    let place = |interface| specs.iter().position(|spec| spec.interface == interface);
    while let Some(located) = log.next_block()? {
        match located.block {
            Block::Packet(packet) if packet.linktype == LINK_RAW_IP => {
                let Some(at) = place(packet.interface) else {
                    continue;
                };
                let first_ns = *first_ns.get_or_insert(packet.time_ns);
                let believed = (packet.time_ns - first_ns).abs() <= MAX_SPAN_NS;
                all[at].add(&packet, located.offset, believed, &specs[at]);
            }
            Block::Interface(found) => {
                if let Some(at) = place(found.index) {
                    all[at].senders.judged = is_judged(found.description);
                }
            }
            Block::Custom { pen, data } if pen == ENTERPRISE => {
                let told = Decision::read(data);
                let at = told.and_then(|(interface, _)| place(located.base + interface));
                if let (Some(at), Some((_, decision))) = (at, told) {
                    all[at].senders.decide(decision);
                }
            }
            _ => {}
        }
    }
    for (found, spec) in all.iter_mut().zip(specs) {
        found.choose(&spec.codecs);
    }
    Ok(all)
}

/// Whether the senders of an interface were judged while they came.
pub fn is_judged(description: &[u8]) -> bool {
    description
        .windows(JUDGED.len())
        .any(|found| found == JUDGED)
}

impl Collected {
    fn new() -> Self {
        Self {
            packets: Vec::new(),
            rtcp: 0,
            malformed: 0,
            broken: 0,
            types: [0; 256],
            events: Vec::new(),
            told: Told::default(),
            strays: 0,
            sources: Vec::new(),
            reports: Reports::default(),
            senders: Senders::default(),
            sent_by: Vec::new(),
            events_by: Vec::new(),
        }
    }

    fn add(&mut self, packet: &Packet<'_>, offset: u64, believed: bool, spec: &StreamSpec) {
        match media(packet) {
            Media::Rtp(found) if believed => {
                let rtp = &found.packet;
                let kind = spec.kind(rtp.payload_type, packet.time_ns);
                let codec = spec.codecs[usize::from(kind)];
                let sender = self.senders.take(found.source, rtp.ssrc, packet.time_ns);
                self.sent_by.push(sender);
                self.packets.push(PacketRecord {
                    arrival_ns: packet.time_ns,
                    offset: offset + found.payload_at as u64,
                    timestamp: rtp.timestamp,
                    ssrc: rtp.ssrc,
                    sequence: rtp.sequence,
                    length: rtp.payload.len() as u16,
                    ticks: codec.ticks(rtp.payload),
                    payload_type: kind,
                    quiet: codec.is_quiet(rtp.payload),
                });
                if codec == Codec::Event && self.events.len() < MAX_EVENTS {
                    self.events_by.push(sender);
                    self.events.push(EventPacket {
                        arrival_ns: packet.time_ns,
                        ssrc: rtp.ssrc,
                        timestamp: rtp.timestamp,
                        payload_type: kind,
                        payload: rtp.payload[..rtp.payload.len().min(MAX_EVENT)].to_vec(),
                    });
                }
            }
            Media::Rtcp { compound, source } => {
                self.rtcp += 1;
                self.reports.take(source.ip(), compound, packet.time_ns);
            }
            _ => self.malformed += 1,
        }
    }

    /// Keeps the stream's own packets, and counts the others.
    fn choose(&mut self, codecs: &Codecs) {
        let mut senders = std::mem::take(&mut self.senders);
        let judge = senders.judge();
        let mut by = self.events_by.iter();
        self.events.retain(|event| {
            by.next()
                .is_some_and(|by| senders.owns_quietly(&judge, *by, event.arrival_ns))
        });
        let mut by = self.sent_by.iter();
        let before = self.packets.len();
        self.packets.retain(|packet| {
            by.next()
                .is_some_and(|by| senders.owns(&judge, *by, packet.arrival_ns))
        });
        self.strays = (before - self.packets.len()) as u64;
        (self.sent_by, self.events_by) = (Vec::new(), Vec::new());
        for packet in &self.packets {
            let kind = usize::from(packet.payload_type);
            self.types[kind] += 1;
            let placed = codecs[kind].rates().is_some();
            self.broken += u64::from(placed && packet.ticks == 0 && packet.length > 0);
        }
        self.sources = senders.into_reports();
        let own = |host| {
            let mut known = self.sources.iter();
            judge.takes_all() || known.any(|one| one.own > 0 && one.source.address.ip() == host)
        };
        self.told = std::mem::take(&mut self.reports).believed(own);
    }

    /// The codecs that came, by payload type.
    pub fn used(&self, codecs: &Codecs) -> Vec<Codec> {
        let came = self
            .types
            .iter()
            .zip(codecs)
            .filter(|(&count, _)| count > 0);
        came.map(|(_, &codec)| codec).collect()
    }

    /// Places the packets on a time line of `unit` ticks a second, a multiple of each codec's clock.
    ///
    /// Multiplied time stamps wrap just as they did before: 2^32 times anything is 0 in 32 bits.
    pub fn arrange(&mut self, spec: &StreamSpec, unit: u32) -> Arranged {
        let mut packets = std::mem::take(&mut self.packets);
        let mut roles = spec.codecs.map(Codec::role);
        for (role, codec) in roles.iter_mut().zip(spec.codecs) {
            if codec.rates().is_some_and(|(clock, _)| unit % clock != 0) {
                *role = siprecord_core::timeline::Role::Foreign;
            }
        }
        if unit != RATE
            || spec
                .codecs
                .iter()
                .any(|codec| matches!(codec, Codec::Coded(_)))
        {
            for packet in &mut packets {
                let codec = spec.codecs[usize::from(packet.payload_type)];
                let factor = codec.rates().map_or(1, |(clock, _)| unit / clock.max(1));
                packet.timestamp = packet.timestamp.wrapping_mul(factor);
                packet.ticks = packet.ticks.saturating_mul(factor as u16);
            }
        }
        self.scale_reports(spec, unit);
        let used = self.used(&spec.codecs);
        let slowest = used
            .into_iter()
            .filter_map(Codec::rates)
            .map(|(_, rate)| rate)
            .min();
        let plan = StreamPlan {
            roles,
            rate: unit,
            step: (unit / slowest.unwrap_or(unit)).max(1),
            silences: spec
                .known
                .iter()
                .filter(|(_, _, cause)| !cause.is_absence())
                .map(|&(from, to, _)| (from, to))
                .collect(),
        };
        arrange(packets, &plan)
    }

    /// Sender reports count by the clock of the media. Of a stream with several clocks they tell nothing.
    fn scale_reports(&mut self, spec: &StreamSpec, unit: u32) {
        let used = self.used(&spec.codecs);
        let mut clocks: Vec<u32> = used
            .into_iter()
            .filter_map(Codec::rates)
            .map(|(clock, _)| clock)
            .collect();
        clocks.dedup();
        match clocks[..] {
            [clock] => {
                for time in &mut self.told.times {
                    time.timestamp = time.timestamp.wrapping_mul(unit / clock.max(1));
                }
            }
            _ => self.told.times.clear(),
        }
    }
}
