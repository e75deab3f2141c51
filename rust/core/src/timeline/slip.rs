//! Moves audio along with a sender's clock, by single samples that are repeated or left out.
//!
//! The telephone network has always done so between clocks (ITU-T G.822 calls it a controlled slip). All other samples
//! stay what they were. Holes take up any difference, quiet packets up to a millisecond each; only what is 5 ms late in
//! spite of that is done within speech, one step a packet.

use super::{Placement, Report, QUIET};

const MOST_LATE_MS: i64 = 5;
const QUIET_STEP_MS: i64 = 1;

/// Ticks a second, and the ticks of the least step: a sample of the slowest codec.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    pub rate: u32,
    pub step: i64,
}

/// Moves the placements of one segment, in order of their start, to where `wanted` says.
pub(super) fn follow(
    placements: &mut [Placement],
    wanted: impl Fn(i64) -> i64,
    grid: Grid,
    report: &mut Report,
) {
    let mut moved = 0;
    let mut end = i64::MIN;
    let mut quiet = false;
    for at in 0..placements.len() {
        let start = placements[at].start;
        let lag = grid.whole(wanted(start) - moved);
        let hole = start.saturating_sub(end);
        end = placements[at].end();
        if hole >= lag.abs().max(1) {
            moved += lag;
        } else if lag != 0 {
            let before = &mut placements[at - 1];
            let slipped = slip(before, quiet, lag, grid);
            moved += slipped;
            report.inserted += slipped.max(0) as u64;
            report.dropped += (-slipped).max(0) as u64;
        }
        quiet = placements[at].fill == QUIET;
        placements[at].fill = 0;
        placements[at].start = start + moved;
    }
}

impl Grid {
    /// The part of a lag that can be taken up.
    pub fn whole(self, lag: i64) -> i64 {
        lag.div_euclid(self.step) * self.step
    }

    /// How much of a lag is taken up at the end of a packet.
    pub fn slip(self, lag: i64, quiet: bool) -> i64 {
        let ticks = |ms: i64| (ms * i64::from(self.rate) / 1_000 / self.step).max(1) * self.step;
        let most = if quiet {
            ticks(QUIET_STEP_MS)
        } else if lag.abs() > ticks(MOST_LATE_MS) {
            self.step
        } else {
            0
        };
        lag.clamp(-most, most)
    }
}

/// By how much the packet after this one is moved; what is inserted becomes the end of this one.
fn slip(before: &mut Placement, quiet: bool, lag: i64, grid: Grid) -> i64 {
    let moved = grid.slip(lag, quiet);
    if moved <= -i64::from(before.samples) {
        return 0;
    }
    if moved > 0 {
        let (samples, fill) = (
            before.samples.checked_add(moved as u16),
            before.fill.checked_add(moved as u8),
        );
        let (Some(samples), Some(fill)) = (samples, fill) else {
            return 0;
        };
        (before.samples, before.fill) = (samples, fill);
    }
    moved
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRID: Grid = Grid {
        rate: 8_000,
        step: 1,
    };

    fn packets(count: i64, quiet: bool) -> Vec<Placement> {
        let packet = |number: i64| Placement {
            start: number * 160,
            offset: 0,
            length: 160,
            skip: 0,
            samples: 160,
            payload_type: 0,
            fill: if quiet { QUIET } else { 0 },
            segment: 0,
            epoch: 0,
            missing: 0,
            foreign: 0,
        };
        (0..count).map(packet).collect()
    }

    fn follow_by(placements: &mut [Placement], wanted: impl Fn(i64) -> i64) -> (u64, u64) {
        let mut report = Report::default();
        follow(placements, wanted, GRID, &mut report);
        (report.inserted, report.dropped)
    }

    #[test]
    fn silence_takes_single_samples_and_leaves_no_hole() {
        let mut placed = packets(1_000, true);
        assert_eq!(follow_by(&mut placed, |at| at / 10_000), (15, 0));
        assert!(placed.windows(2).all(|pair| pair[0].end() == pair[1].start));
        assert_eq!(placed[999].start, 999 * 160 + 15);
        let mut placed = packets(1_000, true);
        assert_eq!(follow_by(&mut placed, |at| -at / 10_000), (0, 15));
        assert_eq!(placed[999].start, 999 * 160 - 15);
    }

    #[test]
    fn speech_waits_until_it_is_five_milliseconds_late() {
        let mut placed = packets(2_000, false);
        follow_by(&mut placed, |at| at / 4_000);
        assert_eq!(placed[1_000].start, 160_000);
        assert_eq!(placed[1_999].start, 1_999 * 160 + 1_999 * 160 / 4_000 - 40);
    }

    #[test]
    fn a_hole_takes_all_at_once() {
        let mut placed = packets(100, false);
        for packet in &mut placed[50..] {
            packet.start += 800;
        }
        assert_eq!(
            follow_by(&mut placed, |at| if at < 8_000 { 0 } else { -39 }),
            (0, 0)
        );
        assert_eq!(
            (placed[49].start, placed[50].start),
            (49 * 160, 50 * 160 + 761)
        );
    }

    #[test]
    fn the_first_packet_stands_where_it_is_wanted() {
        let mut placed = packets(3, false);
        follow_by(&mut placed, |_| -500);
        assert_eq!(placed[0].start, -500);
        assert_eq!(placed[2].start, 320 - 500);
    }
}
