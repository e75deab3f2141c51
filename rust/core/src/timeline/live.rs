//! The same packets while the call runs: in order, soon, and without a second look.
//!
//! Live readers can't wait two seconds to learn why a packet is late. So here a stream is anchored at its first
//! packet, a packet that went astray is waited for only briefly, and what has been handed out is never revised.
//! The sender's clock is followed as in the rendered file (`line.rs`, `pace.rs`), with what is known of it by now.

mod line;
mod pace;

use std::collections::BTreeMap;

use super::sample_at;
use line::Line;

/// How long a hole in the sequence is waited for.
const ALLOWANCE_NS: i64 = 60_000_000;
/// No more packets than this wait for one that is missing.
const MAX_WAITING: usize = 64;
const MAX_DROPOUT: i64 = 3_000;
const MAX_MISORDER: i64 = 100;
const TOLERANCE_MS: i64 = 250;
const MAX_EARLY_MS: i64 = 2_000;
const MAX_LATE_MS: i64 = 30_000;
/// A delay that lasts this long is no delay: the time line moves.
const SETTLE_NS: i64 = 2_000_000_000;

/// One RTP packet with its own copy of the payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LivePacket {
    pub arrival_ns: i64,
    pub timestamp: u32,
    /// Ticks a second of its time stamp, a part of the stream's rate.
    pub clock: u32,
    /// Samples a second of its decoder, or more: audio is moved along by whole ones.
    pub samples: u32,
    /// Hardly anything would be heard of a change at its end.
    pub quiet: bool,
    /// How long its audio is, in these ticks; 0 for what has none.
    pub ticks: u16,
    pub ssrc: u32,
    pub sequence: u16,
    pub payload_type: u8,
    pub payload: Vec<u8>,
}

/// Audio in its place: of `payload` the ticks from `skip` on start at tick `start`, counted from 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    pub start: i64,
    pub skip: i64,
    /// How many ticks are heard.
    pub ticks: i64,
    /// The last so many of them repeat the last sample of `payload`: its sender's clock is slow.
    pub fill: i64,
    pub payload_type: u8,
    /// Another number means that the sender began anew.
    pub beginning: u32,
    pub payload: Vec<u8>,
}

/// One stream that is being followed.
#[derive(Debug)]
pub struct LiveStream {
    rate: u32,
    ssrc: u32,
    /// The extended number that comes next, once a packet has come.
    next: Option<i64>,
    waiting: BTreeMap<i64, LivePacket>,
    /// Packets that are due, in order.
    due: Vec<LivePacket>,
    /// How many packets of `due` stand before each new beginning of the sender.
    beginnings: Vec<usize>,
    beginning: u32,
    newest_ns: i64,
    newest_timestamp: u32,
    line: Option<Line>,
    off_since: Option<i64>,
    /// Everything before this sample has been handed out.
    end: i64,
    late: u64,
}

impl LiveStream {
    pub fn new(rate: u32) -> Self {
        Self {
            rate,
            ssrc: 0,
            next: None,
            waiting: BTreeMap::new(),
            due: Vec::new(),
            beginnings: Vec::new(),
            beginning: 0,
            newest_ns: 0,
            newest_timestamp: 0,
            line: None,
            off_since: None,
            end: i64::MIN,
            late: 0,
        }
    }

    /// Ticks a second of all places.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// Counts in other ticks from now on; what has come is placed anew by its arrival.
    pub fn set_rate(&mut self, rate: u32) {
        if rate == self.rate {
            return;
        }
        if self.end != i64::MIN {
            self.end = sample_at(super::time_of(self.end, self.rate), rate) + 1;
        }
        self.rate = rate;
        self.line = None;
        self.off_since = None;
    }

    /// Packets that came too late to be heard, and copies.
    pub fn late(&self) -> u64 {
        self.late
    }

    /// Takes one packet in, in order of arrival.
    pub fn push(&mut self, packet: LivePacket) {
        let step = self
            .next
            .map(|next| i64::from(packet.sequence.wrapping_sub(next as u16) as i16));
        let fresh =
            packet.ssrc != self.ssrc || step.is_none_or(|step| self.restarts(step, &packet));
        if fresh {
            self.release_all();
            self.ssrc = packet.ssrc;
            self.next = Some(i64::from(packet.sequence));
            self.beginnings.push(self.due.len());
        }
        let step = if fresh { 0 } else { step.unwrap_or(0) };
        if step < 0 {
            self.late += 1;
            return;
        }
        self.newest_ns = self.newest_ns.max(packet.arrival_ns);
        self.newest_timestamp = packet.timestamp;
        let number = self.next.unwrap_or(0) + step;
        if self.waiting.insert(number, packet).is_some() {
            self.late += 1;
        }
        self.release_ready();
    }

    fn restarts(&self, step: i64, packet: &LivePacket) -> bool {
        if !(-MAX_MISORDER..=MAX_DROPOUT).contains(&step) {
            return true;
        }
        let elapsed = sample_at(packet.arrival_ns - self.newest_ns, packet.clock);
        let ticks = packet.timestamp.wrapping_sub(self.newest_timestamp) as i32;
        let most = MAX_EARLY_MS * i64::from(packet.clock) / 1_000;
        step < 0 && (elapsed - i64::from(ticks)).abs() > most
    }

    /// Moves to `due` what is next, and what has waited long enough for a hole before it.
    fn release_ready(&mut self) {
        while let Some((&number, packet)) = self.waiting.first_key_value() {
            let waited = self.newest_ns - packet.arrival_ns >= ALLOWANCE_NS;
            if Some(number) != self.next && !waited && self.waiting.len() <= MAX_WAITING {
                return;
            }
            self.next = Some(number + 1);
            self.due
                .extend(self.waiting.pop_first().map(|(_, packet)| packet));
        }
    }

    fn release_all(&mut self) {
        if let Some((&last, _)) = self.waiting.last_key_value() {
            self.next = Some(last + 1);
        }
        self.due
            .extend(std::mem::take(&mut self.waiting).into_values());
    }

    /// The audio that is due, in order and never overlapping; `flush` does not wait for holes.
    pub fn take(&mut self, flush: bool) -> Vec<Piece> {
        if flush {
            self.release_all();
        }
        let due = std::mem::take(&mut self.due);
        let beginnings = std::mem::take(&mut self.beginnings);
        let mut pieces = Vec::with_capacity(due.len());
        for (at, packet) in due.into_iter().enumerate() {
            if beginnings.binary_search(&at).is_ok() {
                self.line = None;
                self.beginning = self.beginning.wrapping_add(1);
            }
            if packet.ticks > 0 && packet.clock > 0 && self.rate % packet.clock == 0 {
                pieces.extend(self.place(packet));
            }
        }
        pieces
    }

    fn place(&mut self, packet: LivePacket) -> Option<Piece> {
        let factor = i64::from(self.rate / packet.clock);
        let timestamp = packet.timestamp.wrapping_mul(factor as u32);
        let step = i64::from(self.rate / packet.samples.max(1)).max(1);
        let (place, line) = self.stand(&packet, timestamp);
        let placed = line.follow(place, i64::from(packet.ticks) * factor, packet.quiet, step);
        let stop = placed.start + placed.ticks;
        let heard = placed.start.max(self.end);
        if heard >= stop {
            return None;
        }
        self.end = stop;
        Some(Piece {
            start: heard,
            skip: heard - placed.start,
            ticks: stop - heard,
            fill: placed.fill.min(stop - heard),
            payload_type: packet.payload_type,
            beginning: self.beginning,
            payload: packet.payload,
        })
    }

    /// The place that a packet's time stamp gives, and the time line that it is on.
    fn stand(&mut self, packet: &LivePacket, timestamp: u32) -> (i64, &mut Line) {
        let arrival = sample_at(packet.arrival_ns, self.rate);
        let line = self.line.take();
        let mut line =
            line.unwrap_or_else(|| Line::new(self.rate, packet.arrival_ns, arrival, timestamp));
        let found = line.locate(arrival, timestamp);
        let mut place = found.place;
        if found.deviation.abs() <= self.samples(TOLERANCE_MS) {
            self.off_since = None;
            line.learn(found, arrival, packet.arrival_ns);
        } else {
            let bounds = -self.samples(MAX_EARLY_MS)..=self.samples(MAX_LATE_MS);
            let since = *self.off_since.get_or_insert(packet.arrival_ns);
            let settled = packet.arrival_ns - since >= SETTLE_NS;
            if settled || !bounds.contains(&found.deviation) {
                line = Line::new(self.rate, packet.arrival_ns, arrival, timestamp);
                self.off_since = None;
                place = arrival;
            }
        }
        (place, self.line.insert(line))
    }

    fn samples(&self, milliseconds: i64) -> i64 {
        milliseconds * i64::from(self.rate) / 1_000
    }
}

#[cfg(test)]
mod tests;
