//! What one stream sends and when: pure, so that every impairment can be tested without a clock.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};
use std::sync::Arc;
use std::time::Duration;

/// Faults to imitate, by the index of the packet (the first is 0).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Impairments {
    /// Packets that are never sent; their sequence numbers stay unused.
    pub drop: Vec<u64>,
    /// Packets sent once more, right after themselves, for each time they are named.
    pub duplicate: Vec<u64>,
    /// Packets sent later than their time by this much: late, and reordered if by more than a frame.
    pub delay: Vec<(u64, Duration)>,
    pub jitter: Jitter,
}

/// Every packet leaves up to this much after its time, each by another amount; the same again for the same seed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Jitter {
    pub most: Duration,
    pub seed: u64,
}

impl Jitter {
    fn of(self, index: u64) -> Duration {
        let most = u64::try_from(self.most.as_nanos()).unwrap_or(u64::MAX);
        // Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014.
        let mut mixed = (self.seed ^ index).wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Duration::from_nanos((mixed ^ (mixed >> 31)) % most.max(1))
    }
}

/// A packet and its time. At the same time those in their turn go first.
type Turn = Reverse<(Duration, bool, u64)>;

/// When the packets of one stream are due, counted from its start.
#[derive(Debug)]
pub struct Schedule {
    frame: Duration,
    total: u64,
    next: u64,
    skipped: HashSet<u64>,
    jitter: Jitter,
    /// Packets out of their turn, and those in their turn that may be next.
    waiting: BinaryHeap<Turn>,
}

impl Schedule {
    /// A schedule of `total` packets, one each `frame`.
    pub fn new(frame: Duration, total: u64, impairments: &Impairments) -> Self {
        let mut schedule = Self {
            frame,
            total,
            next: 0,
            skipped: impairments.drop.iter().copied().collect(),
            jitter: impairments.jitter,
            waiting: BinaryHeap::new(),
        };
        let wanted = |index: &u64| *index < total && !schedule.skipped.contains(index);
        let again = impairments.duplicate.iter().copied().filter(wanted);
        let again: Vec<u64> = again.collect();
        let delayed = impairments.delay.iter().filter(|(index, _)| wanted(index));
        let delayed: Vec<(u64, Duration)> = delayed.copied().collect();
        for index in again {
            schedule.wait(index, schedule.sent_at(index), true);
        }
        for (index, by) in delayed {
            schedule.wait(index, schedule.sent_at(index) + by, true);
            schedule.skipped.insert(index);
        }
        schedule.look_ahead();
        schedule
    }

    fn wait(&mut self, index: u64, time: Duration, out_of_turn: bool) {
        self.waiting.push(Reverse((time, out_of_turn, index)));
    }

    fn time_of(&self, index: u64) -> Duration {
        // Multiplied, never added up, so that rounding does not drift.
        let nanos = self.frame.as_nanos() * u128::from(index);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    fn sent_at(&self, index: u64) -> Duration {
        self.time_of(index) + self.jitter.of(index)
    }

    /// Lets all packets wait that may be the next to leave.
    fn look_ahead(&mut self) {
        while self.next < self.total {
            let due = self.due().unwrap_or(Duration::MAX);
            if self.time_of(self.next) > due {
                break;
            }
            if !self.skipped.contains(&self.next) {
                self.wait(self.next, self.sent_at(self.next), false);
            }
            self.next += 1;
        }
    }

    /// When the next packet is due, or `None` at the end.
    pub fn due(&self) -> Option<Duration> {
        self.waiting.peek().map(|Reverse((time, ..))| *time)
    }

    /// Takes the index of the packet whose turn it is.
    pub fn take(&mut self) -> Option<u64> {
        let Reverse((_, _, index)) = self.waiting.pop()?;
        self.look_ahead();
        Some(index)
    }
}

/// The RTP packets of one stream (RFC 3550 section 5.1): fixed header, then a slice of the clip.
#[derive(Clone, Debug)]
pub struct Packets {
    /// The encoded audio.
    pub clip: Arc<[u8]>,
    /// Bytes of the clip in each packet.
    pub frame_bytes: usize,
    /// What each packet adds to the timestamp.
    pub frame_samples: u32,
    pub payload_type: u8,
    pub ssrc: u32,
    /// Sequence number of packet 0.
    pub sequence: u16,
    /// Timestamp of packet 0.
    pub timestamp: u32,
    /// The frame of the clip that packet 0 carries: streams that share a clip need not send the same.
    pub first_frame: u64,
}

/// Length of an RTP header without extension and contributing sources.
pub const HEADER: usize = 12;

impl Packets {
    /// How many packets the clip fills; the last one may be shorter.
    pub fn frames(&self) -> u64 {
        self.clip.len().div_ceil(self.frame_bytes) as u64
    }

    /// The header of packet `index`, with the marker on the first one (RFC 3551 section 4.1).
    pub fn header(&self, index: u64) -> [u8; HEADER] {
        let sequence = self.sequence.wrapping_add(index as u16);
        let elapsed = self.frame_samples.wrapping_mul(index as u32);
        let marker = if index == 0 { 0x80 } else { 0 };
        let mut header = [0; HEADER];
        header[0] = 0x80;
        header[1] = marker | (self.payload_type & 0x7f);
        header[2..4].copy_from_slice(&sequence.to_be_bytes());
        header[4..8].copy_from_slice(&self.timestamp.wrapping_add(elapsed).to_be_bytes());
        header[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
        header
    }

    /// The payload of packet `index`; beyond the clip's end it starts again.
    pub fn payload(&self, index: u64) -> &[u8] {
        let frame = index.wrapping_add(self.first_frame) % self.frames();
        let start = frame as usize * self.frame_bytes;
        let end = self.clip.len().min(start + self.frame_bytes);
        &self.clip[start..end]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Duration = Duration::from_millis(20);

    fn run(total: u64, impairments: &Impairments) -> Vec<(u64, u64)> {
        let mut schedule = Schedule::new(FRAME, total, impairments);
        let mut sent = Vec::new();
        while let Some(due) = schedule.due() {
            let index = schedule.take().expect("what is due can be taken");
            sent.push((due.as_millis() as u64, index));
        }
        assert_eq!(schedule.take(), None);
        sent
    }

    #[test]
    fn packets_are_due_one_a_frame() {
        assert_eq!(run(3, &Impairments::default()), [(0, 0), (20, 1), (40, 2)]);
        assert_eq!(run(0, &Impairments::default()), []);
    }

    #[test]
    fn jitter_moves_each_packet_by_its_own_amount_and_loses_none() {
        let most = Duration::from_millis(50);
        let impairments = Impairments {
            jitter: Jitter { most, seed: 7 },
            duplicate: vec![3],
            ..Impairments::default()
        };
        let sent = run(500, &impairments);
        let mut order: Vec<u64> = sent.iter().map(|(_, index)| *index).collect();
        assert!(sent.windows(2).all(|pair| pair[0].0 <= pair[1].0));
        for (time, index) in &sent {
            assert!((index * 20..index * 20 + 50).contains(time));
        }
        assert!(order.windows(2).any(|pair| pair[0] > pair[1]));
        order.sort_unstable();
        order.dedup();
        assert_eq!((sent.len(), order.len()), (501, 500));
        assert_eq!(run(500, &impairments), sent);
    }

    #[test]
    fn dropped_packets_leave_a_hole() {
        let drop = vec![0, 2, 3, 99];
        let impairments = Impairments {
            drop,
            ..Impairments::default()
        };
        assert_eq!(run(5, &impairments), [(20, 1), (80, 4)]);
    }

    #[test]
    fn duplicates_follow_at_once() {
        let duplicate = vec![1, 1, 9];
        let impairments = Impairments {
            duplicate,
            ..Impairments::default()
        };
        assert_eq!(
            run(3, &impairments),
            [(0, 0), (20, 1), (20, 1), (20, 1), (40, 2)]
        );
    }

    #[test]
    fn delayed_packets_come_late_and_at_the_end_too() {
        let delay = vec![
            (0, Duration::from_millis(30)),
            (2, Duration::from_millis(100)),
        ];
        let impairments = Impairments {
            delay,
            ..Impairments::default()
        };
        assert_eq!(run(4, &impairments), [(20, 1), (30, 0), (60, 3), (140, 2)]);
    }

    #[test]
    fn a_dropped_packet_is_neither_delayed_nor_duplicated() {
        let impairments = Impairments {
            drop: vec![1],
            duplicate: vec![1],
            delay: vec![(1, FRAME)],
            ..Impairments::default()
        };
        assert_eq!(run(2, &impairments), [(0, 0)]);
    }

    fn packets() -> Packets {
        Packets {
            clip: Arc::from(vec![1, 2, 3, 4, 5]),
            frame_bytes: 2,
            frame_samples: 160,
            payload_type: 8,
            ssrc: 0x0102_0304,
            sequence: 65_535,
            timestamp: u32::MAX - 159,
            first_frame: 0,
        }
    }

    #[test]
    fn headers_carry_the_marker_first_and_wrap_around() {
        let first = [0x80, 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0x60, 1, 2, 3, 4];
        assert_eq!(packets().header(0), first);
        assert_eq!(packets().header(1), [0x80, 8, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]);
        assert_eq!(packets().header(65_537)[2..4], [0, 0]);
    }

    #[test]
    fn the_clip_is_cut_and_repeated() {
        let packets = packets();
        assert_eq!(packets.frames(), 3);
        let payloads: Vec<&[u8]> = (0..4).map(|index| packets.payload(index)).collect();
        assert_eq!(payloads, [&[1, 2][..], &[3, 4], &[5], &[1, 2]]);
    }

    #[test]
    fn a_stream_may_begin_within_the_clip() {
        let packets = Packets {
            first_frame: 5,
            ..packets()
        };
        let payloads: Vec<&[u8]> = (0..3).map(|index| packets.payload(index)).collect();
        assert_eq!(payloads, [&[5][..], &[1, 2], &[3, 4]]);
    }
}
