//! Makes audio of a capture log in two passes: index the packets, then read payloads in time-line order.
//!
//! The index costs 40 bytes a packet; the second pass goes through a small cache of file pages, so memory does not
//! depend on how long the audio is.
//!
//! Each stream is placed in ticks of its own clock (the fastest among the codecs that came). A recording of
//! nothing but G.711 is decoded right here; of all others, packets and their places are handed out.

mod channel;
mod codec;
mod index;
mod pages;
mod reports;
mod sources;

use std::fs::File;
use std::io;
use std::path::Path;

use siprecord_core::timeline::align::{align, Aligned};
use siprecord_core::timeline::{
    find_gaps, sample_at, time_of, Arranged, Cause, Gap, Hole, Report, Timeline,
};

use channel::Channel;
pub use channel::Located;
pub use codec::{Codec, Codecs, Format, RATE};
use index::{collect, Collected};
pub use index::{is_judged, EventPacket};
use pages::Pages;
pub use sources::SourceReport;

/// One stream to be rendered: it becomes one channel.
#[derive(Debug, Clone)]
pub struct StreamSpec {
    pub interface: u32,
    pub codecs: Codecs,
    /// Intervals without audio that events tell of, in nanoseconds since 1970.
    pub known: Vec<(i64, i64, Cause)>,
    /// Payload types that got another meaning: until when (nanoseconds since 1970), which, and the number from 128
    /// on under which the meaning it had until then stands in `codecs`. In order of time.
    pub earlier: Vec<(i64, u8, u8)>,
}

impl StreamSpec {
    /// The place in `codecs` of a payload type at a moment.
    fn kind(&self, payload_type: u8, time_ns: i64) -> u8 {
        let before =
            |&&(until, number, _): &&(i64, u8, u8)| number == payload_type && time_ns < until;
        let found = self.earlier.iter().find(before);
        found.map_or(payload_type, |&(_, _, kind)| kind)
    }
}

/// What became of one stream.
#[derive(Debug, Clone)]
pub struct StreamReport {
    pub interface: u32,
    pub report: Report,
    pub rtcp_packets: u64,
    /// What put the stream in its place beside the others.
    pub aligned: Aligned,
    /// What was repeated and left out to follow the sender's clock, other than in gaps.
    pub inserted_ns: i64,
    pub dropped_ns: i64,
    pub malformed: u64,
    /// Payloads that break the format of their codec.
    pub broken: u64,
    /// RTP packets of senders that the stream does not follow: in the log, not in the audio.
    pub strays: u64,
    /// Who sent to the stream, in the order of their first packets.
    pub sources: Vec<SourceReport>,
    /// (payload type, packets), in order of payload type.
    pub payload_types: Vec<(u8, u64)>,
    /// Samples of the rendered file.
    pub audio_samples: u64,
    /// Positions are samples of the rendered file.
    pub gaps: Vec<Gap>,
}

/// A log, indexed; its audio is read from first to last sample.
pub struct Renderer {
    pages: Pages,
    channels: Vec<Channel>,
    reports: Vec<StreamReport>,
    rate: u32,
    /// The first sample, counted from 1970, and how many there are.
    origin: i64,
    frames: u64,
    position: u64,
}

impl Renderer {
    /// Indexes the log at `path`; the channels come in the order of `specs`.
    pub fn open(path: &Path, specs: &[StreamSpec]) -> io::Result<Self> {
        let mut collected = collect(path, specs)?;
        let used = || {
            let came = collected.iter().zip(specs);
            came.flat_map(|(found, spec)| found.used(&spec.codecs))
        };
        let rates = || used().filter_map(Codec::rates).map(|(_, rate)| rate);
        let rate = rates().max().unwrap_or(RATE);
        let grid = rates().fold(rate, gcd);
        let arranged: Vec<(Arranged, u32)> = collected
            .iter_mut()
            .zip(specs)
            .map(|(found, spec)| {
                let unit = unit(found, spec);
                (found.arrange(spec, unit), unit)
            })
            .collect();
        let streams: Vec<_> = arranged
            .iter()
            .zip(&collected)
            .map(|((arranged, _), found)| (arranged, &found.told))
            .collect();
        let aligned = align(&streams);
        let placed: Vec<(Timeline, u32)> = arranged
            .into_iter()
            .zip(&aligned)
            .map(|((arranged, unit), aligned)| (arranged.settle(&aligned.moves), unit))
            .collect();
        let (origin, frames) = extent(&placed, rate, grid);
        let mut renderer = Self {
            pages: Pages::new(File::open(path)?),
            channels: Vec::new(),
            reports: Vec::new(),
            rate,
            origin,
            frames,
            position: 0,
        };
        for ((placed, spec), found) in placed.into_iter().zip(specs).zip(collected) {
            renderer.add(placed, spec, found);
        }
        for (report, aligned) in renderer.reports.iter_mut().zip(aligned) {
            report.aligned = aligned;
        }
        Ok(renderer)
    }

    fn add(&mut self, (timeline, unit): (Timeline, u32), spec: &StreamSpec, found: Collected) {
        let came = found.types.iter().enumerate().filter(|(_, &n)| n > 0);
        let ticks: u64 = timeline
            .placements
            .iter()
            .map(|p| u64::from(p.samples))
            .sum();
        self.reports.push(StreamReport {
            interface: spec.interface,
            rtcp_packets: found.rtcp,
            aligned: Aligned::default(),
            inserted_ns: time_of(timeline.report.inserted as i64, unit),
            dropped_ns: time_of(timeline.report.dropped as i64, unit),
            malformed: found.malformed,
            broken: found.broken,
            strays: found.strays,
            sources: found.sources,
            payload_types: came.map(|(number, &n)| (number as u8, n)).collect(),
            audio_samples: scale(ticks as i64, unit, self.rate) as u64,
            gaps: self.gaps(&timeline, spec, unit),
            report: timeline.report,
        });
        self.channels.push(Channel {
            codecs: spec.codecs,
            placements: timeline.placements,
            unit,
            next: 0,
            events: found.events,
        });
    }

    fn gaps(&self, timeline: &Timeline, spec: &StreamSpec, unit: u32) -> Vec<Gap> {
        let hole = |&(from, to, cause): &(i64, i64, Cause)| Hole {
            start: sample_at(from, unit),
            end: sample_at(to, unit),
            cause,
        };
        let known: Vec<Hole> = spec.known.iter().map(hole).collect();
        let from = scale(self.origin, self.rate, unit);
        let to = scale(self.origin + self.frames as i64, self.rate, unit);
        let packets = timeline.report.unique;
        let mut gaps = find_gaps(&timeline.placements, from, to, packets, &known);
        for gap in &mut gaps {
            gap.start = (scale(gap.start, unit, self.rate) - self.origin).max(0);
            gap.end = scale(gap.end, unit, self.rate) - self.origin;
        }
        gaps.retain(|gap| gap.start < gap.end);
        gaps
    }

    pub fn reports(&self) -> &[StreamReport] {
        &self.reports
    }

    /// Samples a second of the file: the most that any codec gives that came.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// Samples of each channel.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// The first sample of the file, counted from 1970.
    pub fn origin(&self) -> i64 {
        self.origin
    }

    /// The moment of the first sample, in nanoseconds since 1970.
    pub fn origin_ns(&self) -> i64 {
        time_of(self.origin, self.rate)
    }

    /// Whether [`Self::read`] gives the audio of all streams.
    pub fn is_plain(&self) -> bool {
        self.rate == RATE && self.channels.iter().all(Channel::is_plain)
    }

    /// Ticks a second of a channel's positions.
    pub fn unit(&self, channel: usize) -> Option<u32> {
        self.channels.get(channel).map(|found| found.unit)
    }

    /// Telephone event packets of a channel in the order of the log.
    pub fn events(&self, channel: usize) -> &[EventPacket] {
        self.channels
            .get(channel)
            .map_or(&[], |found| &found.events)
    }

    /// Lets [`Self::packets`] begin anew.
    pub fn rewind(&mut self, channel: usize) {
        if let Some(found) = self.channels.get_mut(channel) {
            found.next = 0;
        }
    }

    /// The next packets of a channel with their places; none at the end.
    pub fn packets(&mut self, channel: usize, count: usize) -> io::Result<Vec<Located>> {
        match self.channels.get_mut(channel) {
            Some(found) => found.packets(&mut self.pages, count),
            None => Ok(Vec::new()),
        }
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
            let slots = &mut out[number * 2..];
            channel.paint(&mut self.pages, from, count, slots, width * 2)?;
        }
        self.position += count as u64;
        Ok(out)
    }
}

/// The fastest clock among a stream's codecs that came; the others have to fit it.
fn unit(found: &Collected, spec: &StreamSpec) -> u32 {
    let used = found.used(&spec.codecs).into_iter();
    used.filter_map(Codec::rates)
        .map(|(clock, _)| clock)
        .max()
        .unwrap_or(RATE)
}

/// First sample and length of the file. The first lies on a grid that all rates share.
fn extent(placed: &[(Timeline, u32)], rate: u32, grid: u32) -> (i64, u64) {
    let all = || {
        placed.iter().flat_map(|(timeline, unit)| {
            let found = timeline.placements.iter();
            found.map(move |placement| (placement, *unit))
        })
    };
    let first =
        |(found, unit): (&siprecord_core::timeline::Placement, u32)| scale(found.start, unit, grid);
    let last =
        |(found, unit): (&siprecord_core::timeline::Placement, u32)| scale(found.end(), unit, rate);
    let origin = all().map(first).min().unwrap_or(0) * i64::from(rate / grid);
    let end = all().map(last).max().unwrap_or(origin);
    (origin, (end - origin).max(0) as u64)
}

/// A position at another rate, rounded down.
fn scale(position: i64, from: u32, to: u32) -> i64 {
    if from == to {
        return position;
    }
    (i128::from(position) * i128::from(to)).div_euclid(i128::from(from)) as i64
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 {
        a
    } else {
        gcd(b, a % b)
    }
}
