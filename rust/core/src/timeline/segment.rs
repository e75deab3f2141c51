//! Cuts one SSRC's packets into segments and gives each audio packet its first sample.

use super::{sample_at, PacketRecord, Role, StreamPlan, Work};

/// How far arrival and timestamp may part before we ask why, in milliseconds.
const TOLERANCE_MS: i64 = 250;
/// How long we look for packets that come back, and how long a segment's anchor is sought.
const WINDOW_NS: i64 = 2_000_000_000;
/// No look ahead sees more packets than this, whatever a sender does.
const WINDOW_PACKETS: usize = 512;
/// A transient delay beyond these bounds is not believed: the packet is placed by its arrival.
const MAX_EARLY_MS: i64 = 2_000;
const MAX_LATE_MS: i64 = 30_000;
/// The baseline follows a drifting clock by at most this much in each window: 500 parts per million.
const SLEW_US: i64 = 1_000;
/// An SSRC with fewer audio packets than this has not proved itself and never hides another's audio.
const PROBATION: usize = 3;
/// How far behind the highest sequence number a single last packet still counts as late.
const LATE_SEQUENCE: i16 = -100;

#[derive(Debug, Clone, Copy)]
pub(super) struct Segment {
    pub ssrc: u32,
    /// Weak segments are heard only where nothing else is.
    pub weak: bool,
    pub anchor: i64,
    /// The followed baseline.
    track: i64,
    pub first_ns: i64,
    pub last_ns: i64,
}

impl Segment {
    /// The place of a time stamp that was sent at about this moment.
    pub fn place(&self, timestamp: u32, time_ns: i64, rate: u32) -> i64 {
        let expected = sample_at(time_ns, rate) - self.anchor;
        let behind = (expected as u32).wrapping_sub(timestamp) as i32;
        expected - i64::from(behind) + self.anchor
    }
}

/// All segments of one stream; a segment's number is its place in the list.
#[derive(Debug, Clone, Default)]
pub(super) struct Segments {
    pub list: Vec<Segment>,
}

/// Gives every packet of `group` (one SSRC, in arrival order) its segment, and audio its place.
pub(super) fn assign(
    packets: &[PacketRecord],
    group: &[u32],
    plan: &StreamPlan,
    segments: &mut Segments,
    work: &mut Vec<Work>,
) {
    let is_audio = |index: &&u32| plan.role(&packets[**index as usize]) == Role::Audio;
    let audio: Vec<u32> = group.iter().filter(is_audio).copied().collect();
    let mut walk = Walk::new(packets, &audio, plan.rate, segments);
    walk.weak = audio.len() < PROBATION;
    let mut next_audio = 0;
    for &index in group {
        let (segment, start) = if audio.get(next_audio) == Some(&index) {
            next_audio += 1;
            walk.place(next_audio - 1)
        } else {
            (walk.current, 0)
        };
        work.push(Work {
            start,
            sequence: 0,
            packet: index,
            segment,
            epoch: 0,
        });
    }
}

/// Walks over one SSRC's audio packets.
struct Walk<'a> {
    packets: &'a [PacketRecord],
    audio: &'a [u32],
    rate: u32,
    segments: &'a mut Segments,
    weak: bool,
    current: u32,
    open: bool,
    /// A run of packets too far off to be believed, placed beside the current segment.
    side: Option<u32>,
    /// Up to this packet the way back is already known.
    returns_at: usize,
    bucket_start: i64,
    bucket_min: i64,
    highest: u16,
}

impl<'a> Walk<'a> {
    fn new(
        packets: &'a [PacketRecord],
        audio: &'a [u32],
        rate: u32,
        segments: &'a mut Segments,
    ) -> Self {
        let current = segments.list.len() as u32;
        Self {
            packets,
            audio,
            rate,
            segments,
            weak: false,
            current,
            open: false,
            side: None,
            returns_at: 0,
            bucket_start: 0,
            bucket_min: i64::MAX,
            highest: 0,
        }
    }

    /// The segment and first sample of the audio packet `at`.
    fn place(&mut self, at: usize) -> (u32, i64) {
        if !self.open {
            return self.begin(at);
        }
        let track = self.segment().track;
        let (extended, deviation) = self.compare(at, track);
        if deviation.abs() <= self.samples(TOLERANCE_MS) {
            self.side = None;
            self.follow(at, track + deviation);
            return self.by_timestamp(at, extended);
        }
        if at < self.returns_at
            || self.comes_back(at, track)
            || self.is_last_and_late(at, deviation)
        {
            return self.place_transient(at, extended, deviation);
        }
        self.begin(at)
    }

    fn by_timestamp(&mut self, at: usize, extended: i64) -> (u32, i64) {
        let (arrival, sequence) = (self.packet(at).arrival_ns, self.packet(at).sequence);
        if sequence.wrapping_sub(self.highest) as i16 > 0 {
            self.highest = sequence;
        }
        let segment = &mut self.segments.list[self.current as usize];
        segment.last_ns = arrival;
        (self.current, extended + segment.anchor)
    }

    /// A delayed packet goes where its timestamp says, unless that is beyond belief.
    fn place_transient(&mut self, at: usize, extended: i64, deviation: i64) -> (u32, i64) {
        if deviation >= -self.samples(MAX_EARLY_MS) && deviation <= self.samples(MAX_LATE_MS) {
            return self.by_timestamp(at, extended);
        }
        let fits = |walk: &Self, side: u32| {
            let anchor = walk.segments.list[side as usize].anchor;
            let (extended, deviation) = walk.compare(at, anchor);
            (deviation.abs() <= walk.samples(TOLERANCE_MS)).then_some((side, extended + anchor))
        };
        if let Some(place) = self.side.and_then(|side| fits(self, side)) {
            return place;
        }
        let arrival = self.arrival(at);
        let packet = *self.packet(at);
        self.push(&packet, arrival - i64::from(packet.timestamp), true);
        self.side = Some(self.segments.list.len() as u32 - 1);
        (self.segments.list.len() as u32 - 1, arrival)
    }

    /// Opens a new segment at this packet, anchored at the least delayed packets of its first two seconds.
    fn begin(&mut self, at: usize) -> (u32, i64) {
        let first = *self.packet(at);
        let mut anchor = self.arrival(at) - i64::from(first.timestamp);
        for other in self.window(at) {
            let (_, deviation) = self.compare(other, anchor);
            if deviation < 0 && deviation >= -self.samples(TOLERANCE_MS) {
                anchor += deviation;
            }
        }
        self.push(&first, anchor, self.weak);
        self.current = self.segments.list.len() as u32 - 1;
        self.open = true;
        self.side = None;
        self.highest = first.sequence;
        self.bucket_start = first.arrival_ns;
        self.bucket_min = i64::MAX;
        let (extended, _) = self.compare(at, anchor);
        (self.current, extended + anchor)
    }

    fn push(&mut self, first: &PacketRecord, anchor: i64, weak: bool) {
        let first_ns = first.arrival_ns;
        self.segments.list.push(Segment {
            ssrc: first.ssrc,
            weak,
            anchor,
            track: anchor,
            first_ns,
            last_ns: first_ns,
        });
    }

    /// The timestamp extended to 64 bit, nearest to what `base` expects, and how late the packet is against it.
    fn compare(&self, at: usize, base: i64) -> (i64, i64) {
        let expected = self.arrival(at) - base;
        let behind = (expected as u32).wrapping_sub(self.packet(at).timestamp) as i32;
        (expected - i64::from(behind), i64::from(behind))
    }

    /// Whether any packet of the next two seconds is back within the baseline; remembers which.
    fn comes_back(&mut self, at: usize, track: i64) -> bool {
        let tolerance = self.samples(TOLERANCE_MS);
        let back = self
            .window(at)
            .find(|&other| self.compare(other, track).1.abs() <= tolerance);
        self.returns_at = back.unwrap_or(self.returns_at);
        back.is_some()
    }

    /// Nothing follows that could tell a late packet from a restart, but its sequence number can.
    fn is_last_and_late(&self, at: usize, deviation: i64) -> bool {
        let behind = self.packet(at).sequence.wrapping_sub(self.highest) as i16;
        self.window(at).next().is_none()
            && (LATE_SEQUENCE..=0).contains(&behind)
            && (0..=self.samples(MAX_LATE_MS)).contains(&deviation)
    }

    /// Lets the baseline follow a clock that runs a little faster or slower than ours.
    fn follow(&mut self, at: usize, offset: i64) {
        self.bucket_min = self.bucket_min.min(offset);
        let arrival_ns = self.packet(at).arrival_ns;
        if arrival_ns - self.bucket_start < WINDOW_NS {
            return;
        }
        let slew = (i64::from(self.rate) * SLEW_US / 1_000_000).max(1);
        let segment = &mut self.segments.list[self.current as usize];
        segment.track += (self.bucket_min - segment.track).clamp(-slew, slew);
        self.bucket_start = arrival_ns;
        self.bucket_min = i64::MAX;
    }

    /// The audio packets that arrive within two seconds after this one.
    fn window(&self, at: usize) -> impl Iterator<Item = usize> + '_ {
        let until = self.packet(at).arrival_ns + WINDOW_NS;
        let end = (at + 1 + WINDOW_PACKETS).min(self.audio.len());
        (at + 1..end).take_while(move |&other| self.packet(other).arrival_ns <= until)
    }

    fn packet(&self, at: usize) -> &PacketRecord {
        &self.packets[self.audio[at] as usize]
    }

    fn segment(&self) -> &Segment {
        &self.segments.list[self.current as usize]
    }

    fn arrival(&self, at: usize) -> i64 {
        sample_at(self.packet(at).arrival_ns, self.rate)
    }

    fn samples(&self, milliseconds: i64) -> i64 {
        milliseconds * i64::from(self.rate) / 1_000
    }
}
