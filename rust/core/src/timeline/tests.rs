mod clocks;
mod faults;
mod networks;

use super::*;

const START_NS: i64 = 1_700_000_000_000_000_000;
const BASE: i64 = 1_700_000_000 * 8_000;

/// 20 ms packets of one sender, arriving on the dot.
#[derive(Clone, Copy)]
struct Sender {
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
    at_ms: i64,
}

impl Sender {
    fn new() -> Self {
        Sender {
            sequence: 100,
            timestamp: 5_000,
            ssrc: 7,
            at_ms: 0,
        }
    }

    fn next(&mut self) -> PacketRecord {
        let packet = PacketRecord {
            arrival_ns: START_NS + self.at_ms * 1_000_000,
            offset: self.at_ms as u64,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
            sequence: self.sequence,
            length: 160,
            ticks: 160,
            payload_type: 0,
            quiet: false,
        };
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(160);
        self.at_ms += 20;
        packet
    }

    fn take(&mut self, count: usize) -> Vec<PacketRecord> {
        (0..count).map(|_| self.next()).collect()
    }
}

fn plan() -> StreamPlan {
    let mut roles = [Role::Foreign; 256];
    roles[0] = Role::Audio;
    roles[101] = Role::Signal;
    StreamPlan {
        roles,
        rate: 8_000,
        step: 1,
        silences: Vec::new(),
    }
}

fn run(packets: Vec<PacketRecord>) -> Timeline {
    place(packets, &plan())
}

/// (first sample, samples, offset) of each placement, counted from the start of the test.
fn places(timeline: &Timeline) -> Vec<(i64, u16, u64)> {
    timeline
        .placements
        .iter()
        .map(|found| (found.start - BASE, found.samples, found.offset))
        .collect()
}

/// Placements that run on without a hole, as (first sample, end).
fn runs(timeline: &Timeline) -> Vec<(i64, i64)> {
    let mut out: Vec<(i64, i64)> = Vec::new();
    for found in &timeline.placements {
        match out.last_mut() {
            Some(last) if last.1 == found.start - BASE => last.1 = found.end() - BASE,
            _ => out.push((found.start - BASE, found.end() - BASE)),
        }
    }
    out
}

fn causes(timeline: &Timeline, from: i64, to: i64) -> Vec<(i64, i64, Cause)> {
    find_gaps(
        &timeline.placements,
        BASE + from,
        BASE + to,
        timeline.report.unique,
        &[],
    )
    .iter()
    .map(|gap| (gap.start - BASE, gap.end - BASE, gap.cause))
    .collect()
}

#[test]
fn records_are_small() {
    assert_eq!(std::mem::size_of::<PacketRecord>(), 32);
    assert_eq!(std::mem::size_of::<Placement>(), 40);
    assert_eq!(std::mem::size_of::<Work>(), 32);
}

#[test]
fn a_steady_stream_is_one_run() {
    let timeline = run(Sender::new().take(100));
    assert_eq!(runs(&timeline), [(0, 16_000)]);
    assert_eq!(timeline.report.received, 100);
    assert_eq!(
        (
            timeline.report.unique,
            timeline.report.lost,
            timeline.report.segments
        ),
        (100, 0, 1)
    );
    assert_eq!(
        causes(&timeline, -8, 16_008),
        [
            (-8, 0, Cause::BeforeStart),
            (16_000, 16_008, Cause::AfterEnd)
        ]
    );
}

#[test]
fn jitter_moves_nothing_and_the_least_delayed_packets_anchor() {
    let mut packets = Sender::new().take(100);
    for (index, packet) in packets.iter_mut().enumerate() {
        packet.arrival_ns += [30, 0, 95, 60][index % 4] * 1_000_000;
    }
    assert_eq!(runs(&run(packets)), [(0, 16_000)]);
}

#[test]
fn loss_is_counted_and_leaves_holes() {
    let mut packets = Sender::new().take(100);
    packets.drain(50..55);
    packets.remove(10);
    let timeline = run(packets);
    assert_eq!((timeline.report.lost, timeline.report.unique), (6, 94));
    assert_eq!(
        causes(&timeline, 0, 16_000),
        [
            (1_600, 1_760, Cause::Network),
            (8_000, 8_800, Cause::Network)
        ]
    );
}

#[test]
fn duplicates_count_once_and_are_placed_once() {
    let mut packets = Sender::new().take(50);
    let mut copies: Vec<_> = packets.iter().step_by(5).copied().collect();
    copies
        .iter_mut()
        .for_each(|copy| (copy.arrival_ns, copy.offset) = (copy.arrival_ns + 5_000_000, 999));
    packets.extend(copies);
    let timeline = run(packets);
    assert_eq!(
        (
            timeline.report.duplicated,
            timeline.report.unique,
            timeline.report.lost
        ),
        (10, 50, 0)
    );
    assert_eq!(runs(&timeline), [(0, 8_000)]);
    assert!(timeline.placements.iter().all(|found| found.offset != 999));
}

#[test]
fn copies_300_ms_later_change_nothing() {
    let mut packets = Sender::new().take(200);
    let copies: Vec<_> = packets[..180].to_vec();
    packets.extend(copies.into_iter().map(|copy| PacketRecord {
        arrival_ns: copy.arrival_ns + 300_000_000,
        offset: 999_999,
        ..copy
    }));
    let timeline = run(packets);
    assert_eq!(
        (timeline.report.duplicated, timeline.report.segments),
        (180, 1)
    );
    assert_eq!(runs(&timeline), [(0, 32_000)]);
    assert!(timeline
        .placements
        .iter()
        .all(|found| found.offset != 999_999));
}

#[test]
fn reordered_and_late_packets_find_their_place() {
    let mut packets = Sender::new().take(200);
    packets[20].arrival_ns += 45_000_000;
    packets[90].arrival_ns += 700_000_000;
    let timeline = run(packets);
    assert_eq!(runs(&timeline), [(0, 32_000)]);
    assert_eq!(
        (
            timeline.report.reordered,
            timeline.report.lost,
            timeline.report.segments
        ),
        (2, 0, 1)
    );
}

#[test]
fn a_burst_after_a_stalled_network_is_placed_by_timestamp() {
    let mut packets = Sender::new().take(300);
    for packet in &mut packets[100..160] {
        packet.arrival_ns = START_NS + 3_200_000_000;
    }
    assert_eq!(runs(&run(packets)), [(0, 48_000)]);
}

#[test]
fn the_very_last_packet_may_be_late() {
    let mut packets = Sender::new().take(100);
    packets[98].arrival_ns += 900_000_000;
    let timeline = run(packets);
    assert_eq!(
        (runs(&timeline), timeline.report.segments),
        (vec![(0, 16_000)], 1)
    );
}

#[test]
fn sequence_numbers_and_timestamps_wrap() {
    let mut sender = Sender {
        sequence: 65_500,
        timestamp: u32::MAX - 3_000,
        ..Sender::new()
    };
    let timeline = run(sender.take(200));
    assert_eq!(runs(&timeline), [(0, 32_000)]);
    assert_eq!(
        (
            timeline.report.lost,
            timeline.report.reordered,
            timeline.report.segments
        ),
        (0, 0, 1)
    );
}
