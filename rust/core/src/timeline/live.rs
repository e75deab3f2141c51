//! The same packets while the call runs: in order, soon, and without a second look.
//!
//! Live readers can't wait two seconds to learn why a packet is late. So here a stream is anchored at its first
//! packet, a packet that went astray is waited for only briefly, and what has been handed out is never revised.
//! Times may differ from the rendered file by the jitter of the first packet; the samples are the same.

use std::collections::BTreeMap;

use super::sample_at;

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
    anchor: Option<i64>,
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
            anchor: None,
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
        self.anchor = None;
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
                self.anchor = None;
                self.beginning = self.beginning.wrapping_add(1);
            }
            if packet.ticks > 0 && packet.clock > 0 && self.rate % packet.clock == 0 {
                pieces.extend(self.place(packet));
            }
        }
        pieces
    }

    fn place(&mut self, packet: LivePacket) -> Option<Piece> {
        let factor = self.rate / packet.clock;
        let start = self.start_of(&packet, packet.timestamp.wrapping_mul(factor));
        let stop = start + i64::from(packet.ticks) * i64::from(factor);
        let heard = start.max(self.end);
        if heard >= stop {
            return None;
        }
        self.end = stop;
        Some(Piece {
            start: heard,
            skip: heard - start,
            ticks: stop - heard,
            payload_type: packet.payload_type,
            beginning: self.beginning,
            payload: packet.payload,
        })
    }

    fn start_of(&mut self, packet: &LivePacket, timestamp: u32) -> i64 {
        let arrival = sample_at(packet.arrival_ns, self.rate);
        let fresh = arrival - i64::from(timestamp);
        let anchor = *self.anchor.get_or_insert(fresh);
        let (extended, deviation) = self.compare(arrival, timestamp, anchor);
        if deviation.abs() <= self.samples(TOLERANCE_MS) {
            self.off_since = None;
            return extended + anchor;
        }
        let bounds = -self.samples(MAX_EARLY_MS)..=self.samples(MAX_LATE_MS);
        let since = *self.off_since.get_or_insert(packet.arrival_ns);
        if bounds.contains(&deviation) && packet.arrival_ns - since < SETTLE_NS {
            return extended + anchor;
        }
        self.anchor = Some(fresh);
        self.off_since = None;
        arrival
    }

    fn compare(&self, arrival: i64, timestamp: u32, anchor: i64) -> (i64, i64) {
        let expected = arrival - anchor;
        let behind = i64::from((expected as u32).wrapping_sub(timestamp) as i32);
        (expected - behind, behind)
    }

    fn samples(&self, milliseconds: i64) -> i64 {
        milliseconds * i64::from(self.rate) / 1_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: i64 = 1_700_000_000 * 8_000;

    fn packet(at_ms: i64, sequence: u16, timestamp: u32) -> LivePacket {
        LivePacket {
            arrival_ns: 1_700_000_000_000_000_000 + at_ms * 1_000_000,
            timestamp,
            clock: 8_000,
            ticks: 160,
            ssrc: 1,
            sequence,
            payload_type: 0,
            payload: vec![sequence as u8; 160],
        }
    }

    fn steady(number: u16) -> LivePacket {
        packet(i64::from(number) * 20, number, u32::from(number) * 160)
    }

    /// Sequence numbers (as marked in the payload) and starts of what comes out.
    fn take(stream: &mut LiveStream, flush: bool) -> Vec<(u8, i64)> {
        let pieces = stream.take(flush);
        pieces
            .iter()
            .map(|piece| (piece.payload[0], piece.start - BASE))
            .collect()
    }

    #[test]
    fn packets_come_out_at_once_and_in_order() {
        let mut stream = LiveStream::new(8_000);
        stream.push(steady(0));
        stream.push(steady(1));
        assert_eq!(take(&mut stream, false), [(0, 0), (1, 160)]);
        stream.push(steady(3));
        assert_eq!(take(&mut stream, false), []);
        stream.push(packet(65, 2, 320));
        assert_eq!(take(&mut stream, false), [(2, 320), (3, 480)]);
    }

    #[test]
    fn a_lost_packet_is_not_waited_for_long() {
        let mut stream = LiveStream::new(8_000);
        for number in [0, 2, 3, 4] {
            stream.push(steady(number));
        }
        assert_eq!(take(&mut stream, false), [(0, 0)]);
        stream.push(steady(5));
        assert_eq!(
            take(&mut stream, false),
            [(2, 320), (3, 480), (4, 640), (5, 800)]
        );
        stream.push(packet(120, 1, 160));
        assert_eq!((take(&mut stream, false), stream.late()), (vec![], 1));
    }

    #[test]
    fn what_waits_is_given_up_at_the_end() {
        let mut stream = LiveStream::new(8_000);
        stream.push(steady(0));
        stream.push(steady(2));
        assert_eq!(take(&mut stream, true), [(0, 0), (2, 320)]);
    }

    #[test]
    fn a_new_ssrc_and_a_restart_go_on_at_their_arrival() {
        let mut stream = LiveStream::new(8_000);
        stream.push(steady(0));
        stream.push(LivePacket {
            ssrc: 2,
            ..packet(100, 7, 4_000_000_000)
        });
        stream.push(LivePacket {
            ssrc: 2,
            ..packet(5_000, 0, 10)
        });
        assert_eq!(take(&mut stream, false), [(0, 0), (7, 800), (0, 40_000)]);
    }

    #[test]
    fn a_stopped_timestamp_moves_the_time_line_after_two_seconds() {
        let mut stream = LiveStream::new(8_000);
        for number in 0..300_u16 {
            let pause = if number < 50 { 0 } else { 5_000 };
            stream.push(packet(
                i64::from(number) * 20 + pause,
                number,
                u32::from(number) * 160,
            ));
        }
        let starts: Vec<i64> = take(&mut stream, false)
            .iter()
            .map(|piece| piece.1)
            .collect();
        assert_eq!(
            (starts.len(), starts[50], starts[299]),
            (300, 8_000, 299 * 160 + 40_000)
        );
    }

    #[test]
    fn clocks_that_differ_share_one_time_line() {
        let mut stream = LiveStream::new(48_000);
        stream.push(steady(0));
        let wide = LivePacket {
            clock: 48_000,
            ticks: 960,
            ..packet(20, 1, 960)
        };
        stream.push(wide);
        stream.push(LivePacket {
            clock: 44_100,
            ..packet(40, 2, 320)
        });
        stream.push(steady(3));
        let pieces = stream.take(true);
        let places: Vec<_> = pieces
            .iter()
            .map(|p| (p.start - 6 * BASE, p.ticks))
            .collect();
        assert_eq!(places, [(0, 960), (960, 960), (2_880, 960)]);
        stream.set_rate(8_000);
        stream.push(steady(4));
        let pieces = stream.take(true);
        assert!((640..=642).contains(&(pieces[0].start - BASE)));
    }

    #[test]
    fn numbers_wrap() {
        let mut stream = LiveStream::new(8_000);
        for number in 0..200_u16 {
            let (sequence, timestamp) = (number.wrapping_add(65_500), u32::from(number) * 160);
            stream.push(packet(
                i64::from(number) * 20,
                sequence,
                timestamp.wrapping_sub(3_000),
            ));
        }
        let starts: Vec<i64> = take(&mut stream, false)
            .iter()
            .map(|piece| piece.1)
            .collect();
        assert_eq!(
            starts,
            (0..200).map(|number| number * 160).collect::<Vec<_>>()
        );
    }
}
