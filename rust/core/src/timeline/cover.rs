//! Where packets overlap, the later segment wins; within a segment, the packet that starts later.

use std::collections::BTreeMap;

use super::segment::Segments;
use super::Placement;

/// Cuts the placements so that none overlap, sorts them by start, and answers how many packets vanished.
pub(super) fn resolve(placements: &mut Vec<Placement>, segments: &Segments) -> u64 {
    let rank = |placement: &Placement| {
        let weak = segments.list[placement.segment as usize].weak;
        (!weak, placement.segment)
    };
    placements.sort_by_key(|placement| (rank(placement), placement.start));
    let before = placements.len();
    clip_within_segments(placements);
    let mut hidden = before - placements.len();
    if placements.iter().map(rank).min() != placements.iter().map(rank).max() {
        hidden += clip_between_segments(placements);
        placements.sort_by_key(|placement| placement.start);
    }
    hidden as u64
}

/// A packet ends at the latest where the next of its segment begins.
fn clip_within_segments(placements: &mut Vec<Placement>) {
    for at in 1..placements.len() {
        let next = placements[at];
        let this = &mut placements[at - 1];
        if this.segment == next.segment && this.end() > next.start {
            let cut = (this.end() - next.start).min(i64::from(this.fill)) as u8;
            this.fill -= cut;
            this.samples = (next.start - this.start).max(0) as u16;
        }
    }
    placements.retain(|placement| placement.samples > 0);
}

/// Lays the strongest segments first and keeps of the others what is still free.
fn clip_between_segments(placements: &mut Vec<Placement>) -> usize {
    let mut taken = Taken::default();
    let mut visible = Vec::with_capacity(placements.len());
    let mut hidden = 0;
    for segment in placements.chunk_by(|a, b| a.segment == b.segment).rev() {
        for placement in segment {
            let before = visible.len();
            taken.free_parts(placement, &mut visible);
            hidden += usize::from(visible.len() == before);
        }
        for placement in segment {
            taken.insert(placement.start, placement.end());
        }
    }
    *placements = visible;
    hidden
}

/// The union of intervals already given away: start -> end, never touching one another.
#[derive(Default)]
struct Taken(BTreeMap<i64, i64>);

impl Taken {
    fn free_parts(&self, placement: &Placement, out: &mut Vec<Placement>) {
        let mut from = placement.start;
        if let Some((_, &end)) = self.0.range(..=from).next_back() {
            from = from.max(end);
        }
        for (&start, &end) in self.0.range(from..placement.end().max(from)) {
            push_part(placement, from, start, out);
            from = end;
        }
        push_part(placement, from, placement.end(), out);
    }

    fn insert(&mut self, mut start: i64, mut end: i64) {
        if let Some((&before, &before_end)) = self.0.range(..=start).next_back() {
            if before_end >= start {
                start = before;
                end = end.max(before_end);
            }
        }
        while let Some((&after, &after_end)) = self.0.range(start..=end).next() {
            end = end.max(after_end);
            self.0.remove(&after);
        }
        self.0.insert(start, end);
    }
}

fn push_part(whole: &Placement, from: i64, to: i64, out: &mut Vec<Placement>) {
    if from < to {
        let skip = whole.skip + (from - whole.start) as u16;
        let heard_until = whole.end() - i64::from(whole.fill);
        out.push(Placement {
            start: from,
            skip,
            samples: (to - from) as u16,
            fill: (to - from.max(heard_until)).max(0) as u8,
            ..*whole
        });
    }
}
