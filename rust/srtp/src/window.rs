//! Packet indices (RFC 3711 section 3.3.1 and appendix A) and the replay window (section 3.3.2).

/// Indices below the highest that are told apart.
const WIDTH: u64 = 128;
pub(crate) const MAX_INDEX: u64 = (1 << 48) - 1;

/// Which indices of a stream have been seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Window {
    highest: Option<u64>,
    /// Bit n: the index n below the highest was seen.
    seen: u128,
}

impl Window {
    /// Goes on after the highest index of an earlier session.
    pub fn resumed(highest: u64, seen: u128) -> Self {
        Self {
            highest: Some(highest.min(MAX_INDEX)),
            seen: seen | 1,
        }
    }

    pub fn highest(&self) -> Option<u64> {
        self.highest
    }

    pub fn seen(&self) -> u128 {
        self.seen
    }

    /// The index that a sequence number stands for: the nearest to the highest one seen, or in the first cycle.
    pub fn estimate(&self, sequence: u16) -> u64 {
        let Some(highest) = self.highest else {
            return u64::from(sequence);
        };
        let step = sequence.wrapping_sub(highest as u16) as i16;
        highest
            .checked_add_signed(i64::from(step))
            .unwrap_or(u64::from(sequence))
            .min(MAX_INDEX)
    }

    /// Whether this index was not seen and is not too old to tell.
    pub fn is_new(&self, index: u64) -> bool {
        match self.highest {
            Some(highest) if index <= highest => {
                let below = highest - index;
                below < WIDTH && self.seen >> below & 1 == 0
            }
            _ => true,
        }
    }

    /// Notes an index that was authenticated.
    pub fn note(&mut self, index: u64) {
        match self.highest {
            Some(highest) if index <= highest => {
                self.seen |= 1_u128.checked_shl((highest - index) as u32).unwrap_or(0);
            }
            highest => {
                let step = highest.map_or(WIDTH, |highest| index - highest);
                let kept = u32::try_from(step)
                    .ok()
                    .and_then(|step| self.seen.checked_shl(step));
                self.seen = kept.unwrap_or(0) | 1;
                self.highest = Some(index);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(window: &mut Window, index: u64) -> bool {
        let new = window.is_new(index);
        if new {
            window.note(index);
        }
        new
    }

    #[test]
    fn each_index_is_new_once() {
        let mut window = Window::default();
        for index in [10, 12, 11, 200, 100, 73, 1_000_000, 999_999] {
            assert!(take(&mut window, index), "{index}");
            assert!(!take(&mut window, index), "{index}");
        }
    }

    #[test]
    fn what_is_too_old_to_tell_is_not_new() {
        let mut window = Window::default();
        take(&mut window, 1_000);
        assert!(window.is_new(1_000 - 127) && !window.is_new(1_000 - 128) && !window.is_new(0));
        let mut jumped = window;
        take(&mut jumped, 1_000 + 128);
        assert!(jumped.is_new(1_001));
        take(&mut window, 1_000 + 127);
        assert!(!window.is_new(1_000));
        take(&mut window, u64::MAX >> 16);
        assert!(window.is_new((u64::MAX >> 16) - 1));
    }

    #[test]
    fn indices_follow_the_sequence_over_wraps() {
        let mut window = Window::default();
        for index in 65_530..300_000_u64 {
            assert_eq!(window.estimate(index as u16), index);
            window.note(index);
        }
        assert_eq!(window.estimate(window.highest().unwrap() as u16), 299_999);
    }

    #[test]
    fn reordering_around_a_wrap() {
        let mut window = Window::default();
        for index in [65_534, 65_537, 65_535, 65_536, 65_538] {
            assert_eq!(window.estimate(index as u16), index);
            assert!(take(&mut window, index));
        }
    }

    #[test]
    fn before_the_first_cycle_there_is_nothing() {
        let mut window = Window::default();
        window.note(5);
        assert_eq!(window.estimate(65_530), 65_530);
        let last = Window::resumed(u64::MAX, 0);
        assert_eq!(last.estimate(5), MAX_INDEX);
        assert!(!last.is_new(MAX_INDEX));
    }
}
