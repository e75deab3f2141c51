//! The clock of a recording: it keeps the time of day that it began with when somebody sets the machine's clock.
//!
//! The kernel stamps packets with the time of day. A log in which that leaps by an hour would have an hour of
//! nothing in the middle, or its end before its beginning. How far the time of day is ahead of the machine's age
//! changes only when the clock is set, since both are slewed alike: by that each stamp is put right.

use crate::socket::wall_clock;

/// Less than this may be a slow reading, and does no harm.
const LEAST_NS: u64 = 50_000_000;
/// When stamps are so far apart it is time to look whether the clock was set.
const LEAP_NS: u64 = 500_000_000;
/// So long after the clock was set packets may still come out of a socket that were stamped before.
const LATE_NS: u64 = 30_000_000_000;
/// Between two readings of one clock, if nobody disturbed the third in the middle.
const UNDISTURBED_NS: u64 = 20_000;

/// A recording's clock, and each of its streams'.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// How far the time of day was ahead of the machine's age when the recording began.
    began: i64,
    /// The same now, and before the clock was last set.
    lead: i64,
    before: i64,
    /// The machine's age when that was seen.
    set_at: u64,
    /// The last packet's stamp.
    last: u64,
}

impl Clock {
    /// Of a recording that begins now.
    pub fn begin() -> Self {
        let lead = lead();
        Self::resume([lead; 3])
    }

    /// That of an earlier life. What waits in the sockets may have been stamped before the clock was set.
    pub fn resume([began, lead, before]: [i64; 3]) -> Self {
        Self {
            began,
            lead,
            before,
            set_at: age(),
            last: 0,
        }
    }

    /// What `resume` needs.
    pub fn leads(&self) -> [i64; 3] {
        [self.began, self.lead, self.before]
    }

    /// What is to be added to the time of day, in nanoseconds.
    pub fn shift(&self) -> i64 {
        self.began - self.lead
    }

    /// Looks at the machine's clock; answers by how much it was set since the last look, if it was.
    pub fn look(&mut self) -> Option<i64> {
        self.see(lead(), age())
    }

    fn see(&mut self, lead: i64, age: u64) -> Option<i64> {
        let set = lead - self.lead;
        if set.unsigned_abs() < LEAST_NS {
            if age > self.set_at + LATE_NS {
                self.before = self.lead;
            }
            return None;
        }
        (self.before, self.lead, self.set_at) = (self.lead, lead, age);
        Some(set)
    }

    /// The time by this clock.
    pub fn now(&mut self) -> u64 {
        self.look();
        wall_clock().wrapping_add_signed(self.shift())
    }

    /// When a packet came, by this clock, that the kernel has stamped with the time of day.
    pub fn arrival(&mut self, stamp: u64) -> u64 {
        if stamp.abs_diff(self.last) > LEAP_NS {
            self.look();
        }
        self.last = stamp;
        let after = stamp.wrapping_add_signed(self.shift());
        if self.before == self.lead {
            return after;
        }
        let before = stamp.wrapping_add_signed(self.began - self.before);
        nearest(age().wrapping_add_signed(self.began), before, after)
    }
}

/// A packet waits in its socket for much less time than the clock was set by.
fn nearest(now: u64, before: u64, after: u64) -> u64 {
    if now.abs_diff(before) < now.abs_diff(after) {
        before
    } else {
        after
    }
}

/// How far the time of day is ahead of the machine's age. Read between two readings of the age, as close as can be.
fn lead() -> i64 {
    let mut best = (u64::MAX, 0);
    for _ in 0..8 {
        let first = age();
        let wall = wall_clock();
        let wide = age() - first;
        if wide < best.0 {
            best = (wide, wall as i64 - (first + wide / 2) as i64);
        }
        if wide < UNDISTURBED_NS {
            break;
        }
    }
    best.1
}

/// Nanoseconds since the machine was started, those in which it slept included.
fn age() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the structure lives through the call.
    unsafe {
        libc::clock_gettime(libc::CLOCK_BOOTTIME, &mut time);
    }
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000_000;

    #[test]
    fn as_long_as_nobody_sets_it_it_is_the_time_of_day() {
        let mut clock = Clock::begin();
        let stamp = wall_clock();
        assert_eq!(clock.arrival(stamp), stamp);
        assert_eq!(clock.look(), None);
        assert_eq!(clock.shift(), 0);
        let now = clock.now();
        assert!(stamp <= now && now <= wall_clock());
    }

    #[test]
    fn a_recording_keeps_the_time_it_began_with() {
        for set in [HOUR, -HOUR] {
            // The clock was set since: by `set` in all.
            let mut clock = Clock::resume([lead() - set; 3]);
            let stamp = wall_clock();
            let came = clock.arrival(stamp);
            assert_eq!(came, stamp.wrapping_add_signed(clock.shift()));
            assert!((clock.shift() + set).unsigned_abs() < LEAST_NS);
            assert!(clock.now() >= came);
            // What was stamped before it was set, and read afterwards, stays where it was.
            let earlier = came - 100_000_000;
            assert_eq!(clock.arrival(earlier), earlier);
            assert_eq!(clock.look(), None, "told once");
        }
    }

    #[test]
    fn the_next_life_knows_what_was_stamped_before_and_is_told_nothing_twice() {
        let mut clock = Clock::resume([lead() - HOUR; 3]);
        let stamp = wall_clock();
        let came = clock.arrival(stamp);
        let mut next = Clock::resume(clock.leads());
        assert_eq!(next.look(), None);
        assert_eq!(next.arrival(came), came);
        assert_eq!(next.arrival(stamp), came);
    }

    #[test]
    fn it_tells_by_how_much_it_was_set() {
        let mut clock = Clock::resume([0; 3]);
        assert_eq!(clock.see(HOUR, 5), Some(HOUR));
        assert_eq!(clock.see(HOUR + 1_000, 6), None);
        assert_eq!(clock.see(0, 7), Some(-HOUR));
        assert_eq!(clock.shift(), 0);
    }

    #[test]
    fn after_a_while_no_packet_is_older_than_the_setting() {
        let mut clock = Clock::resume([0; 3]);
        let age = age();
        clock.see(HOUR, age);
        assert_ne!(clock.before, clock.lead);
        clock.see(HOUR, age + 1 + LATE_NS);
        assert_eq!(clock.before, clock.lead);
    }
}
