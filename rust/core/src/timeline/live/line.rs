//! One unbroken time line: where packets stand by their time stamps, and how they follow their sender's clock.

use super::super::slip::Grid;
use super::pace::Pace;

/// The baseline follows a clock by at most this much in so long, as for the rendered file.
const TRACK_NS: i64 = 2_000_000_000;
const SLEW_US: i64 = 1_000;

/// How late a packet is against its time line, and its place there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    pub place: i64,
    pub deviation: i64,
}

/// A packet in its place: what is heard of it follows at `start`, and its last `fill` ticks repeat the last sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Placed {
    pub start: i64,
    pub ticks: i64,
    pub fill: i64,
}

#[derive(Debug)]
pub(super) struct Line {
    rate: u32,
    anchor: i64,
    /// Where the anchor would be by now: deviations are measured from here.
    track: i64,
    bucket_ns: i64,
    bucket_least: i64,
    pace: Pace,
    /// By how much packets are moved by now, and where the last one ended before it was moved.
    moved: i64,
    end: i64,
}

impl Line {
    /// Begins with a packet that stands where it arrives.
    pub fn new(rate: u32, arrival_ns: i64, arrival: i64, timestamp: u32) -> Self {
        let anchor = arrival - i64::from(timestamp);
        Self {
            rate,
            anchor,
            track: anchor,
            bucket_ns: arrival_ns,
            bucket_least: i64::MAX,
            pace: Pace::new(rate, arrival_ns, arrival),
            moved: 0,
            end: i64::MIN,
        }
    }

    /// Where a packet stands by its time stamp, and how much later than its sender's clock promises it arrived.
    pub fn locate(&self, arrival: i64, timestamp: u32) -> Standing {
        let expected = arrival - self.track;
        let behind = (expected as u32).wrapping_sub(timestamp) as i32;
        Standing {
            place: expected - i64::from(behind) + self.anchor,
            deviation: i64::from(behind),
        }
    }

    /// Learns of the sender's clock from a packet that came as expected.
    pub fn learn(&mut self, standing: Standing, arrival: i64, arrival_ns: i64) {
        let late = arrival - standing.place;
        self.pace.note(standing.place, late, arrival_ns);
        self.bucket_least = self.bucket_least.min(self.track + standing.deviation);
        if arrival_ns - self.bucket_ns >= TRACK_NS {
            let slew = (i64::from(self.rate) * SLEW_US / 1_000_000).max(1);
            self.track += (self.bucket_least - self.track).clamp(-slew, slew);
            (self.bucket_ns, self.bucket_least) = (arrival_ns, i64::MAX);
        }
    }

    /// Moves a packet along with the clock: a hole before it takes up any difference, its own end the rest.
    pub fn follow(&mut self, place: i64, ticks: i64, quiet: bool, step: i64) -> Placed {
        let grid = Grid {
            rate: self.rate,
            step,
        };
        let lag = grid.whole(self.pace.shift(place) - self.moved);
        if place.saturating_sub(self.end) >= lag.abs().max(1) {
            self.moved += lag;
        }
        let start = place + self.moved;
        self.end = place + ticks;
        let lag = grid.whole(self.pace.shift(self.end) - self.moved);
        let slipped = grid.slip(lag, quiet).max(1 - ticks);
        self.moved += slipped;
        Placed {
            start,
            ticks: ticks + slipped,
            fill: slipped.max(0),
        }
    }
}
