//! From one stream's packets to places on the recording's time line, and a true account of what was missing.
//!
//! The theory, in five steps:
//!
//! 1. **Segments** (`segment.rs`). Within one segment RTP timestamps and arrival times run side by side. A segment
//!    is anchored at its least delayed packets, and all its packets are placed by timestamp alone, so network
//!    jitter never moves a sample. When the two clocks part for good (restart, jump, hold with a stopped
//!    timestamp, another SSRC) a new segment begins, anchored at its own arrival.
//! 2. **Sequence** (`sequence.rs`). Sequence numbers, extended over wraps, tell duplicates, reordering and loss.
//!    They never place audio.
//! 3. **Clocks** (`drift.rs`, `align.rs`, `slip.rs`). Over minutes and hours a sender's clock runs away from ours:
//!    that is measured by the least delayed packets, and audio is moved along by single samples. Streams whose sender
//!    says by RTCP what belongs together are put together.
//! 4. **Cover** (`cover.rs`). Where packets overlap, the later segment wins.
//! 5. **Gaps** (`gaps.rs`). Each hole of a stream gets a cause.
//!
//! All positions are samples since 1970 at the stream's clock rate, so streams of one recording line up without
//! knowing of one another. Time and memory: O(n log n), 32 bytes a packet plus as much again while it works.

pub mod align;
mod cover;
mod drift;
mod gaps;
pub mod live;
mod segment;
mod sequence;
mod slip;

pub use gaps::{find_gaps, Cause, Gap, Hole};

use drift::Clock;
use segment::Segments;

/// One RTP packet as the index of a log keeps it: 32 bytes.
#[derive(Debug, Clone, Copy)]
pub struct PacketRecord {
    /// Kernel receive time, nanoseconds since 1970.
    pub arrival_ns: i64,
    /// Where the RTP payload lies in the log.
    pub offset: u64,
    pub timestamp: u32,
    pub ssrc: u32,
    pub sequence: u16,
    /// Bytes of payload, without padding.
    pub length: u16,
    /// How long its audio is, at the plan's rate; 0 for what has none.
    pub ticks: u16,
    pub payload_type: u8,
    /// Hardly anything would be heard of a change at its end.
    pub quiet: bool,
}

/// Until its stream is settled, the `fill` of a quiet packet.
const QUIET: u8 = u8::MAX;

/// What a payload type means for the time line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Audio that is rendered.
    Audio,
    /// No audio of its own: telephone events, comfort noise.
    Signal,
    /// A codec that can't be rendered.
    Foreign,
}

/// How the packets of one stream are to be understood.
#[derive(Debug, Clone)]
pub struct StreamPlan {
    /// By payload type; from 128 on, what a type meant before it got another meaning.
    pub roles: [Role; 256],
    /// Ticks a second of time stamps and positions.
    pub rate: u32,
    /// Ticks by which audio is moved at least: a sample of the slowest codec.
    pub step: u32,
    /// Intervals of a pause or hold in nanoseconds since 1970: what is missing there was not lost.
    pub silences: Vec<(i64, i64)>,
}

impl StreamPlan {
    fn role(&self, packet: &PacketRecord) -> Role {
        self.roles[usize::from(packet.payload_type)]
    }

    /// Whether a pause or hold explains most of the time between two arrivals.
    fn silent_between(&self, from: i64, to: i64) -> bool {
        let overlap = |&(start, end): &(i64, i64)| (end.min(to) - start.max(from)).max(0);
        to > from
            && self
                .silences
                .iter()
                .any(|silence| overlap(silence) * 2 >= to - from)
    }
}

/// One piece of audio in its place: 40 bytes. Its samples are ticks of the plan's rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement {
    /// First sample, counted from 1970.
    pub start: i64,
    /// Where the packet's payload lies in the log.
    pub offset: u64,
    /// Bytes of the payload.
    pub length: u16,
    /// Samples of the payload that come before `start` and are hidden.
    pub skip: u16,
    /// Samples that are heard.
    pub samples: u16,
    pub payload_type: u8,
    /// The last so many samples repeat the payload's last one: its sender's clock is slow.
    pub fill: u8,
    /// Numbers the parts of the time line; one has one SSRC.
    pub segment: u32,
    pub(crate) epoch: u32,
    /// Sequence numbers missing in this epoch before this packet.
    pub(crate) missing: u32,
    /// Packets of codecs that are not rendered in this epoch before this packet.
    pub(crate) foreign: u32,
}

impl Placement {
    pub fn end(&self) -> i64 {
        self.start + i64::from(self.samples)
    }
}

/// What was received of one stream, and what was not.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// RTP packets, duplicates included.
    pub received: u64,
    pub unique: u64,
    pub duplicated: u64,
    /// Sequence numbers that should have come and did not.
    pub lost: u64,
    /// Sequence numbers that are missing because nothing was to be recorded just then.
    pub withheld: u64,
    /// Packets that came after one with a higher sequence number.
    pub reordered: u64,
    /// How often the SSRC was another than the packet's before.
    pub ssrc_changes: u64,
    /// Segments of the time line; more than one means restarts, jumps or several SSRCs.
    pub segments: u64,
    /// Audio packets that are not heard, as later ones lie in the same place.
    pub hidden: u64,
    pub first_arrival_ns: Option<i64>,
    pub last_arrival_ns: Option<i64>,
    pub first_ssrc: Option<u32>,
    /// The sender's clock against ours in parts per million, in the longest segment where it can be told; positive =
    /// the sender is slow.
    pub drift_ppm: Option<f64>,
    /// Ticks that were inserted and left out to follow the sender's clock, other than in holes.
    pub inserted: u64,
    pub dropped: u64,
}

/// One stream, placed.
#[derive(Debug, Clone, Default)]
pub struct Timeline {
    /// In order of `start`, never overlapping.
    pub placements: Vec<Placement>,
    pub report: Report,
}

/// What is known of one packet while a stream is worked on.
#[derive(Debug, Clone, Copy)]
struct Work {
    /// First sample if it is audio.
    start: i64,
    /// Extended sequence number within its epoch.
    sequence: i64,
    /// Index of the packet in arrival order.
    packet: u32,
    segment: u32,
    epoch: u32,
}

/// Places one stream's packets. Their order may be any; arrival times decide.
pub fn place(packets: Vec<PacketRecord>, plan: &StreamPlan) -> Timeline {
    arrange(packets, plan).settle(&[])
}

/// One stream whose segments stand where their arrival says, and may still be moved.
#[derive(Debug, Clone, Default)]
pub struct Arranged {
    placements: Vec<Placement>,
    segments: Segments,
    /// By segment.
    clocks: Vec<Clock>,
    report: Report,
    rate: u32,
    step: u32,
}

/// The first half of [`place`].
pub fn arrange(mut packets: Vec<PacketRecord>, plan: &StreamPlan) -> Arranged {
    packets.sort_by_key(|packet| packet.arrival_ns);
    let mut report = describe(&packets);
    let mut work = Vec::with_capacity(packets.len());
    let mut segments = Segments::default();
    let mut sequences = sequence::Sequences::default();
    for group in by_ssrc(&packets) {
        let from = work.len();
        segment::assign(&packets, &group, plan, &mut segments, &mut work);
        report.reordered += sequences.extend(&packets, plan.rate, &mut work[from..]);
    }
    let clocks = clocks(&packets, plan, &work, &segments);
    let placements = sequence::account(&packets, plan, work, &mut report);
    report.segments = segments.list.len() as u64;
    report.drift_ppm = drift_ppm(&segments, &clocks);
    Arranged {
        placements,
        segments,
        clocks,
        report,
        rate: plan.rate,
        step: plan.step,
    }
}

impl Arranged {
    /// The second half: follows the senders' clocks, moves each segment by so many ticks (none by default), and lets
    /// nothing overlap.
    pub fn settle(mut self, moves: &[i64]) -> Timeline {
        let grid = slip::Grid {
            rate: self.rate,
            step: i64::from(self.step.max(1)),
        };
        self.placements
            .sort_by_key(|placement| (placement.segment, placement.start));
        for part in self.placements.chunk_by_mut(|a, b| a.segment == b.segment) {
            let number = part[0].segment as usize;
            let by = moves.get(number).copied().unwrap_or(0);
            let clock = &self.clocks[number];
            slip::follow(
                part,
                |start| clock.shift(start) + by,
                grid,
                &mut self.report,
            );
        }
        self.report.hidden = cover::resolve(&mut self.placements, &self.segments);
        Timeline {
            placements: self.placements,
            report: self.report,
        }
    }
}

/// The clock of each segment's sender. A few stray packets tell nothing.
fn clocks(
    packets: &[PacketRecord],
    plan: &StreamPlan,
    work: &[Work],
    segments: &Segments,
) -> Vec<Clock> {
    let mut heard: Vec<(u32, i64, i64)> = Vec::with_capacity(work.len());
    for item in work {
        let packet = &packets[item.packet as usize];
        if plan.role(packet) == Role::Audio {
            let late = sample_at(packet.arrival_ns, plan.rate) - item.start;
            heard.push((item.segment, item.start, late));
        }
    }
    heard.sort_by_key(|(segment, _, _)| *segment);
    let mut clocks = vec![Clock::default(); segments.list.len()];
    for part in heard.chunk_by(|a, b| a.0 == b.0) {
        let number = part[0].0 as usize;
        if !segments.list[number].weak {
            let late = part.iter().map(|&(_, start, late)| (start, late));
            clocks[number] = Clock::estimate(late, plan.rate);
        }
    }
    clocks
}

fn drift_ppm(segments: &Segments, clocks: &[Clock]) -> Option<f64> {
    let known = segments.list.iter().zip(clocks);
    let known = known.filter_map(|(segment, clock)| {
        clock
            .ppm()
            .map(|ppm| (segment.last_ns - segment.first_ns, ppm))
    });
    known.max_by_key(|(length, _)| *length).map(|(_, ppm)| ppm)
}

fn describe(packets: &[PacketRecord]) -> Report {
    Report {
        received: packets.len() as u64,
        ssrc_changes: packets
            .windows(2)
            .filter(|pair| pair[0].ssrc != pair[1].ssrc)
            .count() as u64,
        first_arrival_ns: packets.first().map(|packet| packet.arrival_ns),
        last_arrival_ns: packets.last().map(|packet| packet.arrival_ns),
        first_ssrc: packets.first().map(|packet| packet.ssrc),
        ..Report::default()
    }
}

/// Indices of the packets of each SSRC in arrival order; SSRCs in the order of their first packet.
fn by_ssrc(packets: &[PacketRecord]) -> Vec<Vec<u32>> {
    let mut order: Vec<u32> = (0..packets.len() as u32).collect();
    order.sort_by_key(|&index| packets[index as usize].ssrc);
    let same = |a: &u32, b: &u32| packets[*a as usize].ssrc == packets[*b as usize].ssrc;
    let mut groups: Vec<Vec<u32>> = order.chunk_by(same).map(<[u32]>::to_vec).collect();
    groups.sort_by_key(|group| group[0]);
    groups
}

/// The sample, counted from 1970, that a moment falls into.
pub fn sample_at(time_ns: i64, rate: u32) -> i64 {
    let (seconds, rest) = (
        time_ns.div_euclid(1_000_000_000),
        time_ns.rem_euclid(1_000_000_000),
    );
    seconds * i64::from(rate) + rest * i64::from(rate) / 1_000_000_000
}

/// The moment a sample, counted from 1970, begins.
pub fn time_of(sample: i64, rate: u32) -> i64 {
    let rate = i64::from(rate);
    sample.div_euclid(rate) * 1_000_000_000 + sample.rem_euclid(rate) * 1_000_000_000 / rate
}

#[cfg(test)]
mod tests;
