//! What a receiver knows of a stream: RFC 3550 appendix A.1 (sequence), A.3 (loss) and A.8 (jitter).
//!
//! Whose packets count is decided elsewhere (`source.rs`), so unlike in appendix A.1 none is on probation here.

mod blocks;

use crate::rtp::Packet;
use blocks::Reported;

const MAX_DROPOUT: u16 = 3_000;
const MAX_MISORDER: u16 = 100;
/// Seconds by which a time stamp must leap to say nothing of the network.
const LEAP_S: u32 = 5;
/// Sixteen times the greatest jitter.
const MAX_JITTER: u32 = 1 << 28;
/// Sources followed at one time; a further one takes the place of the one unheard for longest.
const MAX_SOURCES: usize = 31;

/// One synchronisation source.
#[derive(Clone, Debug)]
struct Source {
    ssrc: u32,
    first: u16,
    highest: u16,
    cycles: u64,
    received: u64,
    reordered: u64,
    /// The number that would follow an unexplained jump, when there was one.
    after_jump: Option<u16>,
    transit: u32,
    /// Sixteen times the estimate, as in appendix A.8.
    jitter: u32,
    /// Ticks a second of the packet heard last, in which both are.
    rate: u32,
    last_heard: u64,
    reported: Reported,
}

impl Source {
    fn new(packet: &Packet<'_>, (transit, rate): (u32, u32), now: u64) -> Self {
        Self {
            ssrc: packet.ssrc,
            first: packet.sequence,
            highest: packet.sequence,
            cycles: 0,
            received: 1,
            reordered: 0,
            after_jump: None,
            transit,
            jitter: 0,
            rate,
            last_heard: now,
            reported: Reported::default(),
        }
    }

    fn expected(&self) -> u64 {
        self.cycles + u64::from(self.highest) + 1 - u64::from(self.first)
    }

    /// Counts a packet; false when it shows that the sender has started its numbers anew.
    fn count(&mut self, sequence: u16) -> bool {
        let ahead = sequence.wrapping_sub(self.highest);
        if ahead < MAX_DROPOUT {
            self.cycles += u64::from(sequence < self.highest) << 16;
            self.highest = sequence;
        } else if ahead <= 0_u16.wrapping_sub(MAX_MISORDER) {
            let restarted = self.after_jump == Some(sequence);
            self.after_jump = Some(sequence.wrapping_add(1));
            return !restarted;
        } else {
            self.reordered += 1;
        }
        self.after_jump = None;
        self.received += 1;
        true
    }

    /// A codec of another clock can't be compared with the one before (RFC 7160), and a leap is no jitter.
    fn measure(&mut self, (transit, rate): (u32, u32)) {
        if self.rate != rate {
            let scaled = u64::from(self.jitter) * u64::from(rate) / u64::from(self.rate.max(1));
            self.jitter = scaled.min(u64::from(MAX_JITTER)) as u32;
            (self.rate, self.transit) = (rate, transit);
        }
        let change = (transit.wrapping_sub(self.transit) as i32).unsigned_abs();
        self.transit = transit;
        if change < rate.saturating_mul(LEAP_S) {
            self.jitter =
                (self.jitter - ((self.jitter + 8) >> 4)).saturating_add(change.min(1 << 24));
        }
    }
}

/// Reception of one RTP stream, over all sources that sent on it.
#[derive(Clone, Debug, Default)]
pub struct Reception {
    sources: Vec<Source>,
    current: usize,
    seen: u32,
    past_received: u64,
    past_expected: u64,
    past_reordered: u64,
}

/// What another process needs to go on counting.
///
/// It may be a second old, so it tells no sequence number: what came in that second, and is in the log, would
/// be counted as lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    pub received: u64,
    pub expected: u64,
}

impl Reception {
    pub fn standing(&self) -> Standing {
        Standing {
            received: self.received(),
            expected: self.expected(),
        }
    }

    /// Goes on where another process has stopped.
    pub fn resumed(standing: &Standing) -> Self {
        Self {
            past_received: standing.received,
            past_expected: standing.expected,
            ..Self::default()
        }
    }

    /// Where the figures of the source heard last are, and how many bytes; for hints to the processor.
    pub fn hot(&self) -> (*const u8, usize) {
        let source = self.sources.get(self.current).map(std::slice::from_ref);
        let source = source.unwrap_or_default();
        (source.as_ptr().cast(), size_of_val(source))
    }

    /// Takes a packet in: `arrival_ns` since any fixed moment, `clock_rate` in ticks a second.
    #[inline]
    pub fn take(&mut self, packet: &Packet<'_>, arrival_ns: u64, clock_rate: u32) {
        let transit = ticks(arrival_ns, clock_rate).wrapping_sub(packet.timestamp);
        let transit = (transit, clock_rate);
        let known = match self.sources.get(self.current) {
            Some(source) if source.ssrc == packet.ssrc => Some(self.current),
            _ => self
                .sources
                .iter()
                .position(|source| source.ssrc == packet.ssrc),
        };
        let Some(index) = known else {
            return self.admit(Source::new(packet, transit, arrival_ns));
        };
        self.current = index;
        let source = &mut self.sources[index];
        source.last_heard = arrival_ns;
        source.is_back();
        source.measure(transit);
        if !source.count(packet.sequence) {
            self.restart(index, packet, transit, arrival_ns);
        }
    }

    fn admit(&mut self, source: Source) {
        self.seen = self.seen.saturating_add(1);
        if self.sources.len() < MAX_SOURCES {
            self.current = self.sources.len();
            self.sources.push(source);
            return;
        }
        let oldest = (0..MAX_SOURCES).min_by_key(|index| self.sources[*index].last_heard);
        self.current = oldest.unwrap_or(0);
        self.settle(self.current);
        self.sources[self.current] = source;
    }

    /// Two packets in a row after a jump: new numbers, of which the first packet was not counted yet.
    fn restart(&mut self, index: usize, packet: &Packet<'_>, transit: (u32, u32), now: u64) {
        self.settle(index);
        let mut source = Source::new(packet, transit, now);
        source.jitter = self.sources[index].jitter;
        self.sources[index] = source;
        self.past_received += 1;
        self.past_expected += 1;
    }

    fn settle(&mut self, index: usize) {
        self.past_received += self.sources[index].received;
        self.past_expected += self.sources[index].expected();
        self.past_reordered += self.sources[index].reordered;
    }

    /// Packets that came, duplicates included.
    pub fn received(&self) -> u64 {
        self.past_received
            + self
                .sources
                .iter()
                .map(|source| source.received)
                .sum::<u64>()
    }

    /// Packets that the sequence numbers promise.
    pub fn expected(&self) -> u64 {
        self.past_expected + self.sources.iter().map(Source::expected).sum::<u64>()
    }

    /// Packets that did not come; duplicates never make it negative.
    pub fn lost(&self) -> u64 {
        self.expected().saturating_sub(self.received())
    }

    /// Packets that came after one with a higher number.
    pub fn reordered(&self) -> u64 {
        let now = self.sources.iter().map(|source| source.reordered);
        self.past_reordered + now.sum::<u64>()
    }

    /// Interarrival jitter of the source heard last, in ticks of its clock.
    pub fn jitter(&self) -> u32 {
        self.sources
            .get(self.current)
            .map_or(0, |source| source.jitter >> 4)
    }

    /// Ticks a second of that clock.
    pub fn clock_rate(&self) -> Option<u32> {
        self.sources.get(self.current).map(|source| source.rate)
    }

    /// The source heard last.
    pub fn ssrc(&self) -> Option<u32> {
        self.sources.get(self.current).map(|source| source.ssrc)
    }

    /// How often a source was new.
    pub fn sources_seen(&self) -> u32 {
        self.seen
    }
}

/// A moment in ticks of a clock, wrapping as RTP time stamps do.
fn ticks(nanoseconds: u64, rate: u32) -> u32 {
    let (seconds, rest) = (nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000);
    seconds
        .wrapping_mul(u64::from(rate))
        .wrapping_add(rest * u64::from(rate) / 1_000_000_000) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) const FRAME: u64 = 20_000_000;

    #[test]
    fn another_process_goes_on_counting_and_takes_nothing_that_came_meanwhile_for_lost() {
        for (ssrc, first) in [(7, 11), (7, 60), (7, 30_000), (8, 20)] {
            let mut before = Reception::default();
            feed(&mut before, 7, [8, 10]);
            let standing = before.standing();
            assert_eq!((standing.received, standing.expected), (2, 3));
            let mut after = Reception::resumed(&standing);
            assert_eq!(after.standing(), standing);
            feed(&mut after, ssrc, [first, first + 1]);
            assert_eq!((after.received(), after.lost()), (4, 1));
            feed(&mut after, ssrc, [first + 4]);
            assert_eq!((after.received(), after.lost()), (5, 3));
        }
    }

    fn packet(ssrc: u32, sequence: u16, timestamp: u32) -> Packet<'static> {
        Packet {
            marker: false,
            payload_type: 0,
            sequence,
            timestamp,
            ssrc,
            csrc: &[],
            extension: None,
            payload: &[],
        }
    }

    pub(super) fn feed(
        reception: &mut Reception,
        ssrc: u32,
        sequences: impl IntoIterator<Item = u64>,
    ) {
        for sequence in sequences {
            let timestamp = (sequence as u32).wrapping_mul(160);
            reception.take(
                &packet(ssrc, sequence as u16, timestamp),
                sequence * FRAME,
                8_000,
            );
        }
    }

    #[test]
    fn an_unbroken_stream_over_a_wrap_loses_nothing() {
        let mut reception = Reception::default();
        feed(&mut reception, 1, 65_000..200_000);
        assert_eq!(
            (reception.received(), reception.expected()),
            (135_000, 135_000)
        );
        assert_eq!((reception.lost(), reception.jitter()), (0, 0));
        assert_eq!((reception.ssrc(), reception.sources_seen()), (Some(1), 1));
    }

    #[test]
    fn gaps_are_lost_and_reordering_is_not() {
        let mut reception = Reception::default();
        feed(&mut reception, 1, [10, 11, 13, 12, 14, 20]);
        assert_eq!(
            (reception.received(), reception.expected(), reception.lost()),
            (6, 11, 5)
        );
    }

    #[test]
    fn reordering_is_counted_over_restarts() {
        let mut reception = Reception::default();
        feed(&mut reception, 1, [10, 12, 11, 13]);
        feed(&mut reception, 1, [40_000, 40_001, 40_003, 40_002]);
        assert_eq!(reception.reordered(), 2);
    }

    #[test]
    fn duplicates_never_make_the_loss_negative() {
        let mut reception = Reception::default();
        feed(&mut reception, 1, [10, 11, 11, 11]);
        assert_eq!(
            (reception.received(), reception.expected(), reception.lost()),
            (4, 2, 0)
        );
    }

    #[test]
    fn a_restart_of_the_numbers_is_no_loss() {
        let mut reception = Reception::default();
        feed(&mut reception, 1, (100..200).chain(40_000..40_100));
        assert_eq!((reception.received(), reception.expected()), (200, 200));
    }

    #[test]
    fn one_stray_number_is_ignored() {
        let mut reception = Reception::default();
        feed(&mut reception, 1, [100, 101, 40_000, 102, 103]);
        assert_eq!((reception.received(), reception.expected()), (4, 4));
    }

    #[test]
    fn sources_that_take_turns_are_followed_apart() {
        let mut reception = Reception::default();
        for sequence in 0..50 {
            feed(&mut reception, 1, [1_000 + sequence]);
            feed(&mut reception, 2, [30_000 + sequence]);
        }
        assert_eq!(
            (reception.received(), reception.expected(), reception.lost()),
            (100, 100, 0)
        );
        assert_eq!(reception.sources_seen(), 2);
    }

    #[test]
    fn more_sources_than_places_keep_the_totals() {
        let mut reception = Reception::default();
        for ssrc in 0..100 {
            feed(&mut reception, ssrc, [5, 6, 8]);
        }
        assert_eq!(
            (reception.received(), reception.expected(), reception.lost()),
            (300, 400, 100)
        );
        assert_eq!(reception.sources_seen(), 100);
    }

    #[test]
    fn jitter_approaches_the_mean_deviation() {
        let mut reception = Reception::default();
        for sequence in 0..1_000_u64 {
            let late = (sequence % 2) * 5_000_000;
            let sent = packet(1, sequence as u16, sequence as u32 * 160);
            reception.take(&sent, sequence * FRAME + late, 8_000);
        }
        assert!(
            (38..=40).contains(&reception.jitter()),
            "{}",
            reception.jitter()
        );
    }

    #[test]
    fn another_clock_or_a_leap_of_the_time_stamps_is_no_jitter() {
        let mut reception = Reception::default();
        for sequence in 0..100_u64 {
            let (clock, timestamp) = match sequence {
                0..50 => (8_000, sequence * 160),
                50..75 => (48_000, sequence * 960),
                _ => (48_000, sequence * 960 + 48_000 * 30),
            };
            let sent = packet(1, sequence as u16, timestamp as u32);
            reception.take(&sent, sequence * FRAME, clock);
        }
        assert_eq!(
            (reception.jitter(), reception.clock_rate()),
            (0, Some(48_000))
        );
    }

    #[test]
    fn jitter_is_told_in_ticks_of_the_clock_that_is_heard() {
        let mut reception = Reception::default();
        for sequence in 0..1_002_u64 {
            let late = (sequence % 2) * 5_000_000;
            let sent = packet(1, sequence as u16, sequence as u32 * 160);
            let clock = if sequence < 1_000 { 8_000 } else { 16_000 };
            let sent = Packet {
                timestamp: sent.timestamp * (clock / 8_000),
                ..sent
            };
            reception.take(&sent, sequence * FRAME + late, clock);
        }
        assert!(
            (70..=80).contains(&reception.jitter()),
            "{}",
            reception.jitter()
        );
    }

    #[test]
    fn hostile_streams_do_not_overflow() {
        let mut reception = Reception::default();
        let mut state = 7_u64;
        for _ in 0..100_000 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let sent = packet(
                (state >> 57) as u32,
                (state >> 40) as u16,
                (state >> 8) as u32,
            );
            reception.take(&sent, state, (state >> 32) as u32);
        }
        assert!(reception.sources.len() <= MAX_SOURCES);
        assert!(reception.received() <= 100_000);
    }
}
