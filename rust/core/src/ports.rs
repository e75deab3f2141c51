//! Which pairs of media ports are in use, which rest, and which comes next.
//!
//! A closed pair rests: late packets of the old call then meet a closed port and never enter a new call.

/// A range of ports, cut into pairs of an even port and the odd one above it. Times are any steady nanoseconds.
#[derive(Debug)]
pub struct PortTable {
    first_even: u16,
    quarantine_ns: u64,
    slots: Vec<Slot>,
    next: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    Free,
    Taken,
    RestsUntil(u64),
}

impl Slot {
    fn is_free(self, now: u64) -> bool {
        match self {
            Self::Free => true,
            Self::Taken => false,
            Self::RestsUntil(end) => end <= now,
        }
    }
}

impl PortTable {
    /// `first` and `last` are the lowest and the highest port that may be used, both included.
    pub fn new((first, last): (u16, u16), quarantine_ns: u64) -> Self {
        let even = usize::from(first) + usize::from(first % 2);
        let pairs = (usize::from(last) + 1).saturating_sub(even) / 2;
        Self {
            first_even: even.min(usize::from(u16::MAX)) as u16,
            quarantine_ns,
            slots: vec![Slot::Free; pairs],
            next: 0,
        }
    }

    pub fn pairs(&self) -> usize {
        self.slots.len()
    }

    /// Takes the next pair in turn and answers its even port.
    pub fn take(&mut self, now: u64) -> Option<u16> {
        let pairs = self.slots.len();
        let index = (0..pairs)
            .map(|step| (self.next + step) % pairs)
            .find(|index| self.slots[*index].is_free(now))?;
        self.slots[index] = Slot::Taken;
        self.next = (index + 1) % pairs;
        Some(self.first_even + index as u16 * 2)
    }

    /// Marks a pair as in use that was opened elsewhere; a port outside the range changes nothing.
    pub fn adopt(&mut self, rtp_port: u16) {
        if let Some(slot) = self.slot(rtp_port) {
            *slot = Slot::Taken;
        }
    }

    /// Gives a pair back that was never announced to anybody: it need not rest.
    pub fn put_back(&mut self, rtp_port: u16) {
        if let Some(slot) = self.slot(rtp_port) {
            *slot = Slot::Free;
        }
    }

    /// Gives a used pair back, which now rests.
    pub fn release(&mut self, rtp_port: u16, now: u64) {
        let end = now.saturating_add(self.quarantine_ns);
        if let Some(slot) = self.slot(rtp_port) {
            *slot = Slot::RestsUntil(end);
        }
    }

    /// Pairs that are free but for their rest.
    pub fn resting(&self, now: u64) -> usize {
        let rests = |slot: &&Slot| matches!(slot, Slot::RestsUntil(end) if *end > now);
        self.slots.iter().filter(rests).count()
    }

    fn slot(&mut self, rtp_port: u16) -> Option<&mut Slot> {
        let offset = usize::from(rtp_port.checked_sub(self.first_even)?);
        (offset % 2 == 0)
            .then(|| self.slots.get_mut(offset / 2))
            .flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn pairs_are_even_and_come_in_turn() {
        let mut table = PortTable::new((101, 109), 0);
        let taken: Vec<_> = std::iter::from_fn(|| table.take(0)).collect();
        assert_eq!(taken, [102, 104, 106, 108]);
        table.release(106, 0);
        table.release(102, 0);
        assert_eq!((table.take(0), table.take(0)), (Some(102), Some(106)));
        assert_eq!(table.take(0), None);
    }

    #[test]
    fn a_closed_pair_rests() {
        let mut table = PortTable::new((100, 101), 30 * SECOND);
        assert_eq!(table.take(5), Some(100));
        table.release(100, SECOND);
        assert_eq!(
            (table.take(31 * SECOND - 1), table.resting(SECOND)),
            (None, 1)
        );
        assert_eq!(
            (table.take(31 * SECOND), table.resting(31 * SECOND)),
            (Some(100), 0)
        );
        assert_eq!(table.take(u64::MAX), None);
    }

    #[test]
    fn a_pair_that_nobody_saw_need_not_rest() {
        let mut table = PortTable::new((100, 101), u64::MAX);
        table.take(0);
        table.put_back(100);
        assert_eq!(table.take(0), Some(100));
        table.release(100, 1);
        assert_eq!(table.take(u64::MAX - 1), None);
    }

    #[test]
    fn adopted_pairs_are_not_handed_out() {
        let mut table = PortTable::new((100, 105), 0);
        table.adopt(102);
        assert_eq!(
            (table.take(0), table.take(0), table.take(0)),
            (Some(100), Some(104), None)
        );
        table.release(102, 0);
        assert_eq!(table.take(0), Some(102));
    }

    #[test]
    fn ports_outside_the_range_change_nothing() {
        let mut table = PortTable::new((100, 103), 0);
        table.take(0);
        for port in [0, 98, 99, 101, 103, 104, 65_535] {
            table.adopt(port);
            table.release(port, 0);
            table.put_back(port);
        }
        assert_eq!((table.take(0), table.take(0)), (Some(102), None));
    }

    #[test]
    fn ranges_at_the_edges() {
        for (range, pairs) in [
            ((65_534, 65_535), 1),
            ((65_535, 65_535), 0),
            ((7, 8), 0),
            ((9, 1), 0),
            ((0, 65_535), 32_768),
        ] {
            assert_eq!(PortTable::new(range, 0).pairs(), pairs, "{range:?}");
        }
    }
}
