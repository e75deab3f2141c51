//! Makes audio of a capture log in two passes: index the packets, then read payloads in time-line order.
//!
//! The index costs 40 bytes a packet; the second pass goes through a small cache of file pages, so memory does not
//! depend on how long the audio is.

mod pages;

use std::fs::File;
use std::io;
use std::path::Path;

use siprecord_core::g711::Law;
use siprecord_core::pcapng::block::LINK_RAW_IP;
use siprecord_core::pcapng::read::{Block, Packet};
use siprecord_core::timeline::{
    find_gaps, place, sample_at, time_of, Cause, Gap, Hole, PacketRecord, Placement, Report, Role,
    StreamPlan, Timeline,
};

use crate::reader::{media, Ending, LogReader, Media};
use pages::Pages;

/// All channels are rendered at the rate of G.711.
pub const RATE: u32 = 8_000;
/// Packets whose time stamps are further than this from the log's first are not believed: seven days.
const MAX_SPAN_NS: i64 = 7 * 24 * 3_600 * 1_000_000_000;

/// What a payload type carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    G711(Law),
    /// Telephone events and comfort noise: counted, not heard.
    Signal,
    /// Anything that can't be rendered yet.
    Foreign,
}

impl Codec {
    /// What a payload type means that the session description does not name (RFC 3551 section 6).
    pub fn by_default(payload_type: u8) -> Self {
        match payload_type {
            0 => Codec::G711(Law::Mu),
            8 => Codec::G711(Law::A),
            13 | 19 => Codec::Signal,
            _ => Codec::Foreign,
        }
    }

    pub fn role(self) -> Role {
        match self {
            Codec::G711(_) => Role::Audio,
            Codec::Signal => Role::Signal,
            Codec::Foreign => Role::Foreign,
        }
    }
}

/// One stream to be rendered: it becomes one channel.
#[derive(Debug, Clone)]
pub struct StreamSpec {
    pub interface: u32,
    /// By payload type.
    pub codecs: [Codec; 128],
    /// Intervals without audio that events tell of, in nanoseconds since 1970.
    pub known: Vec<(i64, i64, Cause)>,
}

/// What became of one stream.
#[derive(Debug, Clone)]
pub struct StreamReport {
    pub interface: u32,
    pub report: Report,
    pub rtcp_packets: u64,
    pub malformed: u64,
    /// (payload type, packets), in order of payload type.
    pub payload_types: Vec<(u8, u64)>,
    pub audio_samples: u64,
    /// Positions are samples of the rendered file.
    pub gaps: Vec<Gap>,
}

struct Channel {
    codecs: [Codec; 128],
    placements: Vec<Placement>,
    /// The first placement that is not wholly written.
    next: usize,
}

/// The packets of one stream while the log is indexed.
struct Collected {
    packets: Vec<PacketRecord>,
    rtcp: u64,
    malformed: u64,
    types: [u64; 128],
}

/// A log, indexed; its audio is read from first to last sample.
pub struct Renderer {
    pages: Pages,
    channels: Vec<Channel>,
    reports: Vec<StreamReport>,
    origin: i64,
    frames: u64,
    position: u64,
}

impl Renderer {
    /// Indexes the log at `path`; the channels come in the order of `specs`.
    pub fn open(path: &Path, specs: &[StreamSpec]) -> io::Result<Self> {
        let collected = collect(path, specs)?;
        let (mut timelines, mut partial) = (Vec::new(), Vec::new());
        for (found, spec) in collected.into_iter().zip(specs) {
            partial.push((found.rtcp, found.malformed, found.types));
            timelines.push(place(found.packets, &plan(spec)));
        }
        let placements = || timelines.iter().flat_map(|timeline| &timeline.placements);
        let origin = placements().map(|found| found.start).min().unwrap_or(0);
        let end = placements().map(Placement::end).max().unwrap_or(0);
        let mut renderer = Self {
            pages: Pages::new(File::open(path)?),
            channels: Vec::new(),
            reports: Vec::new(),
            origin,
            frames: (end - origin) as u64,
            position: 0,
        };
        for ((timeline, spec), counts) in timelines.into_iter().zip(specs).zip(partial) {
            renderer.add(timeline, spec, counts);
        }
        Ok(renderer)
    }

    fn add(&mut self, timeline: Timeline, spec: &StreamSpec, counts: (u64, u64, [u64; 128])) {
        let (rtcp_packets, malformed, types) = counts;
        let used = types.iter().enumerate().filter(|(_, &count)| count > 0);
        self.reports.push(StreamReport {
            interface: spec.interface,
            rtcp_packets,
            malformed,
            payload_types: used.map(|(number, &count)| (number as u8, count)).collect(),
            audio_samples: timeline
                .placements
                .iter()
                .map(|p| u64::from(p.samples))
                .sum(),
            gaps: self.gaps(&timeline, spec),
            report: timeline.report,
        });
        self.channels.push(Channel {
            codecs: spec.codecs,
            placements: timeline.placements,
            next: 0,
        });
    }

    fn gaps(&self, timeline: &Timeline, spec: &StreamSpec) -> Vec<Gap> {
        let known: Vec<Hole> = spec.known.iter().map(hole).collect();
        let (from, to) = (self.origin, self.origin + self.frames as i64);
        let packets = timeline.report.unique;
        let mut gaps = find_gaps(&timeline.placements, from, to, packets, &known);
        for gap in &mut gaps {
            gap.start -= self.origin;
            gap.end -= self.origin;
        }
        gaps
    }

    pub fn reports(&self) -> &[StreamReport] {
        &self.reports
    }

    /// Samples of each channel.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// The moment of the first sample, in nanoseconds since 1970.
    pub fn origin_ns(&self) -> i64 {
        time_of(self.origin, RATE)
    }

    /// The next frames, interleaved 16-bit little-endian samples; fewer than asked at the end, then none.
    pub fn read(&mut self, frames: usize) -> io::Result<Vec<u8>> {
        let count = (self.frames - self.position).min(frames as u64) as usize;
        let width = self.channels.len();
        let mut out = vec![0; count * width * 2];
        let from = self.origin + self.position as i64;
        if out.is_empty() {
            return Ok(out);
        }
        for (number, channel) in self.channels.iter_mut().enumerate() {
            channel.paint(
                &mut self.pages,
                from,
                count,
                &mut out[number * 2..],
                width * 2,
            )?;
        }
        self.position += count as u64;
        Ok(out)
    }
}

impl Channel {
    /// Writes the samples `from..from + count` into every `stride`th byte pair of `out`.
    fn paint(
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
            let hidden = u64::from(placement.skip) + (first - placement.start) as u64;
            let payload = pages.read(placement.offset + hidden, (last - first).max(0) as usize)?;
            if let Codec::G711(law) = self.codecs[usize::from(placement.payload_type & 0x7f)] {
                decode(
                    law,
                    payload,
                    &mut out[(first - from).max(0) as usize * stride..],
                    stride,
                );
            }
            if placement.end() <= to {
                self.next += 1;
            }
        }
        Ok(())
    }
}

fn decode(law: Law, payload: &[u8], out: &mut [u8], stride: usize) {
    let table = law.table();
    for (code, slot) in payload.iter().zip(out.chunks_mut(stride)) {
        slot[..2].copy_from_slice(&table[usize::from(*code)].to_le_bytes());
    }
}

fn plan(spec: &StreamSpec) -> StreamPlan {
    StreamPlan {
        roles: spec.codecs.map(Codec::role),
        rate: RATE,
        silences: spec.known.iter().map(|&(from, to, _)| (from, to)).collect(),
    }
}

fn hole(known: &(i64, i64, Cause)) -> Hole {
    Hole {
        start: sample_at(known.0, RATE),
        end: sample_at(known.1, RATE),
        cause: known.2,
    }
}

/// The first pass: one record for each RTP packet of a wanted interface.
fn collect(path: &Path, specs: &[StreamSpec]) -> io::Result<Vec<Collected>> {
    let mut all: Vec<Collected> = specs.iter().map(|_| Collected::new()).collect();
    let mut log = LogReader::open(path, Ending::Final)?;
    let mut first_ns = None;
    while let Some(located) = log.next_block()? {
        let Block::Packet(packet) = located.block else {
            continue;
        };
        let at = specs
            .iter()
            .position(|spec| spec.interface == packet.interface);
        if let (Some(at), LINK_RAW_IP) = (at, packet.linktype) {
            let first_ns = *first_ns.get_or_insert(packet.time_ns);
            let believed = (packet.time_ns - first_ns).abs() <= MAX_SPAN_NS;
            all[at].add(&packet, located.offset, believed);
        }
    }
    Ok(all)
}

impl Collected {
    fn new() -> Self {
        Self {
            packets: Vec::new(),
            rtcp: 0,
            malformed: 0,
            types: [0; 128],
        }
    }

    fn add(&mut self, packet: &Packet<'_>, offset: u64, believed: bool) {
        match media(packet) {
            Media::Rtp(found) if believed => {
                self.types[usize::from(found.packet.payload_type)] += 1;
                self.packets.push(PacketRecord {
                    arrival_ns: packet.time_ns,
                    offset: offset + found.payload_at as u64,
                    timestamp: found.packet.timestamp,
                    ssrc: found.packet.ssrc,
                    sequence: found.packet.sequence,
                    length: found.packet.payload.len() as u16,
                    payload_type: found.packet.payload_type,
                    marker: found.packet.marker,
                });
            }
            Media::Rtcp => self.rtcp += 1,
            _ => self.malformed += 1,
        }
    }
}
