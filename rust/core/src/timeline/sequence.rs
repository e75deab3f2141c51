//! Sequence numbers: extended over wraps, they tell duplicates, reordering and loss.

use super::{PacketRecord, Placement, Report, Role, StreamPlan, Work, QUIET};

/// A larger step (RFC 3550 appendix A.1 names the same bound) must be backed by the timestamp.
const MAX_DROPOUT: i64 = 3_000;
/// Numbers this far back are late packets without further proof.
const MAX_MISORDER: i64 = 100;
/// The shortest packet anybody sends, as a part of a second: 2.5 ms.
const SHORTEST_PACKET: u32 = 400;

/// Numbers the epochs of one stream. Within an epoch the sender counts without a break.
#[derive(Debug, Default)]
pub(super) struct Sequences {
    epochs: u32,
}

struct Counter {
    epoch: u32,
    segment: u32,
    highest: i64,
    timestamp: u32,
    arrival_ns: i64,
}

impl Sequences {
    /// Extends the numbers of one SSRC's packets (in arrival order); answers how many came out of order.
    pub fn extend(&mut self, packets: &[PacketRecord], rate: u32, work: &mut [Work]) -> u64 {
        let Some(first) = work.first() else { return 0 };
        let mut counter = self.restart(&packets[first.packet as usize], first.segment);
        let mut reordered = 0;
        for item in work {
            let packet = &packets[item.packet as usize];
            let step = counter.step(packet);
            if !counter.continues(packet, item.segment, step, rate) {
                counter = self.restart(packet, item.segment);
                (item.sequence, item.epoch) = (counter.highest, counter.epoch);
                continue;
            }
            (item.sequence, item.epoch) = (counter.highest + step, counter.epoch);
            reordered += u64::from(step < 0);
            counter.advance(packet, item.segment, step);
        }
        reordered
    }

    fn restart(&mut self, packet: &PacketRecord, segment: u32) -> Counter {
        self.epochs += 1;
        Counter {
            epoch: self.epochs,
            segment,
            highest: i64::from(packet.sequence),
            timestamp: packet.timestamp,
            arrival_ns: packet.arrival_ns,
        }
    }
}

impl Counter {
    fn step(&self, packet: &PacketRecord) -> i64 {
        i64::from(packet.sequence.wrapping_sub(self.highest as u16) as i16)
    }

    /// Whether this packet counts on from the ones before, rather than from a restarted sender.
    fn continues(&self, packet: &PacketRecord, segment: u32, step: i64, rate: u32) -> bool {
        if segment > self.segment {
            // The time line broke here: only a number that the pause explains belongs to the old count.
            let pause_ms = (packet.arrival_ns - self.arrival_ns) / 1_000_000;
            return (1..=10 + pause_ms / 10).contains(&step) && step <= MAX_DROPOUT;
        }
        if (-MAX_MISORDER..=MAX_DROPOUT).contains(&step) {
            return true;
        }
        let ticks = i64::from(packet.timestamp.wrapping_sub(self.timestamp) as i32);
        ticks.signum() == step.signum()
            && ticks.abs() >= step.abs() * i64::from(rate / SHORTEST_PACKET)
    }

    fn advance(&mut self, packet: &PacketRecord, segment: u32, step: i64) {
        if step > 0 {
            self.highest += step;
            self.timestamp = packet.timestamp;
            self.arrival_ns = packet.arrival_ns;
            self.segment = self.segment.max(segment);
        }
    }
}

/// Counts unique, duplicate and missing packets, and answers the audio that remains, in no special order.
pub(super) fn account(
    packets: &[PacketRecord],
    plan: &StreamPlan,
    mut work: Vec<Work>,
    report: &mut Report,
) -> Vec<Placement> {
    let timestamp = |item: &Work| packets[item.packet as usize].timestamp;
    work.sort_unstable_by_key(|item| (item.epoch, item.sequence, timestamp(item), item.packet));
    let mut placements = Vec::with_capacity(work.len());
    let mut tally = Tally::default();
    let mut previous: Option<Work> = None;
    for item in work {
        let same = |other: &Work| other.epoch == item.epoch && other.sequence == item.sequence;
        let repeated = previous.as_ref().is_some_and(same);
        if repeated
            && previous
                .as_ref()
                .is_some_and(|other| timestamp(other) == timestamp(&item))
        {
            report.duplicated += 1;
            continue;
        }
        let packet = &packets[item.packet as usize];
        let before = previous.map_or(i64::MAX, |other| packets[other.packet as usize].arrival_ns);
        let missing = if repeated { 0 } else { tally.step_to(&item) };
        if missing > 0 && plan.silent_between(before, packet.arrival_ns) {
            report.withheld += u64::from(missing);
        } else {
            tally.missing = tally.missing.saturating_add(missing);
        }
        match plan.role(packet) {
            Role::Audio if packet.ticks > 0 => placements.push(tally.placement(&item, packet)),
            Role::Foreign => tally.foreign += 1,
            _ => {}
        }
        previous = Some(item);
    }
    report.unique = report.received - report.duplicated;
    report.lost = tally.lost_before + u64::from(tally.missing);
    placements
}

/// Running counts of one epoch, and the losses of the epochs before it.
#[derive(Default)]
struct Tally {
    epoch: u32,
    next: i64,
    missing: u32,
    foreign: u32,
    lost_before: u64,
}

impl Tally {
    /// Goes on to this packet's number; answers how many were skipped.
    fn step_to(&mut self, item: &Work) -> u32 {
        if item.epoch != self.epoch {
            self.lost_before += u64::from(self.missing);
            (self.epoch, self.missing, self.foreign, self.next) = (item.epoch, 0, 0, item.sequence);
        }
        let skipped = (item.sequence - self.next) as u32;
        self.next = item.sequence + 1;
        skipped
    }

    fn placement(&self, item: &Work, packet: &PacketRecord) -> Placement {
        Placement {
            start: item.start,
            offset: packet.offset,
            skip: 0,
            length: packet.length,
            samples: packet.ticks,
            payload_type: packet.payload_type,
            fill: if packet.quiet { QUIET } else { 0 },
            segment: item.segment,
            epoch: item.epoch,
            missing: self.missing,
            foreign: self.foreign,
        }
    }
}
