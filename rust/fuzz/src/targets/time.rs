//! Packets on the time line: any sequence of arrivals, time stamps and numbers.

use siprecord_core::timeline::live::{LivePacket, LiveStream};
use siprecord_core::timeline::{find_gaps, place, PacketRecord, Role, StreamPlan};

use super::{outcome, Outcome, Target};

const START_NS: i64 = 1_700_000_000_000_000_000;
const ROW: usize = 16;

/// Sixteen bytes each: arrival in 100 us, time stamp, SSRC, sequence, length, payload type, flags.
fn packets(input: &[u8]) -> Vec<PacketRecord> {
    let rows = input.chunks_exact(ROW);
    rows.map(|row| {
        let word = |at: usize| u32::from_le_bytes([row[at], row[at + 1], row[at + 2], row[at + 3]]);
        PacketRecord {
            arrival_ns: START_NS + i64::from(word(0)) * 100_000,
            offset: 0,
            timestamp: word(4),
            ssrc: u32::from(row[8] & 3),
            sequence: u16::from_le_bytes([row[10], row[11]]),
            length: u16::from_le_bytes([row[12], row[13]]),
            ticks: u16::from_le_bytes([row[12], row[13]]),
            payload_type: row[14] & 0x7f,
            quiet: row[15] & 1 == 1,
        }
    })
    .collect()
}

fn seeds() -> Vec<Vec<u8>> {
    let steady = |step: u32, jump: u32| {
        let rows = (0..40_u32).flat_map(move |number| {
            let late = if number > 20 { jump } else { 0 };
            let mut row = Vec::from((number * 200).to_le_bytes());
            row.extend((number * step + late).to_le_bytes());
            row.extend([1, 0]);
            row.extend((number as u16).to_le_bytes());
            row.extend([160, 0, 0, 0]);
            row
        });
        rows.collect::<Vec<u8>>()
    };
    // Minutes of a clock that is off, with a step of the delay: a packet each five seconds that lasts as long.
    let minutes = |drift: u32, step: u32, flags: u8| {
        let rows = (0..90_u32).flat_map(move |number| {
            let late = if number > 45 { step } else { 0 };
            let mut row = Vec::from((number * (50_000 + drift) + late).to_le_bytes());
            row.extend((number * 40_000).to_le_bytes());
            row.extend([1, 0]);
            row.extend((number as u16).to_le_bytes());
            row.extend(40_000_u16.to_le_bytes());
            row.extend([0, flags]);
            row
        });
        rows.collect::<Vec<u8>>()
    };
    let short = [steady(160, 0), steady(160, 1 << 31), steady(161, 700)];
    let long = [minutes(10, 0, 0), minutes(10, 1_200, 1), minutes(0, 600, 0)];
    short.into_iter().chain(long).collect()
}

/// [`place`], and the gaps of what it answers.
pub struct Finished;

impl Target for Finished {
    fn seeds(&self) -> Vec<Vec<u8>> {
        seeds()
    }

    fn read(&mut self, input: &[u8]) -> Outcome {
        let packets = packets(input);
        let mut roles = [Role::Foreign; 256];
        (roles[0], roles[1]) = (Role::Audio, Role::Signal);
        let plan = StreamPlan {
            roles,
            rate: 8_000,
            step: 1,
            silences: vec![(START_NS, START_NS + 500_000_000)],
        };
        let count = packets.len() as u64;
        let timeline = place(packets, &plan);
        let report = &timeline.report;
        assert_eq!(report.received, count);
        assert_eq!(report.unique + report.duplicated, count);
        let ordered = |pair: &[siprecord_core::timeline::Placement]| pair[0].end() <= pair[1].start;
        assert!(timeline.placements.windows(2).all(ordered));
        let (first, last) = (timeline.placements.first(), timeline.placements.last());
        if let (Some(first), Some(last)) = (first, last) {
            let gaps = find_gaps(&timeline.placements, first.start, last.end(), count, &[]);
            let silent: i64 = gaps.iter().map(|gap| gap.end - gap.start).sum();
            let heard: i64 = timeline
                .placements
                .iter()
                .map(|p| i64::from(p.samples))
                .sum();
            assert_eq!(silent + heard, last.end() - first.start);
        }
        outcome(&[
            report.segments as usize,
            report.lost as usize,
            report.hidden as usize,
            report.reordered as usize,
        ])
    }
}

/// The same packets while the call runs.
pub struct Live;

impl Target for Live {
    fn seeds(&self) -> Vec<Vec<u8>> {
        seeds()
    }

    fn read(&mut self, input: &[u8]) -> Outcome {
        let mut packets = packets(input);
        packets.sort_by_key(|packet| packet.arrival_ns);
        let mut stream = LiveStream::new(8_000);
        let (mut end, mut count) = (i64::MIN, 0);
        let total = packets.len();
        for (number, packet) in packets.into_iter().enumerate() {
            stream.push(LivePacket {
                arrival_ns: packet.arrival_ns,
                timestamp: packet.timestamp,
                clock: 8_000,
                samples: 8_000,
                quiet: packet.length % 3 == 0,
                ticks: packet.length % 200,
                ssrc: packet.ssrc,
                sequence: packet.sequence,
                payload_type: packet.payload_type,
                payload: vec![0; usize::from(packet.length % 200)],
            });
            for piece in stream.take(number + 1 == total) {
                assert!(piece.start >= end, "live audio never goes back");
                end = piece.start + piece.ticks;
                count += 1;
            }
        }
        outcome(&[count, stream.late() as usize])
    }
}
