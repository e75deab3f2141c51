//! Which packets of two recordings of one stream are the same: the pure half of merging.
//!
//! Two recorders that a session border controller sends copies to may see other SSRCs, sequence numbers and time stamps,
//! but the payloads are equal. So payloads vote for how the numbers of one copy follow from those of the other,
//! and the winner has to hold for all that both have.

use std::collections::HashMap;

use crate::seq;

/// Least number of packets that both copies must have in common, unless a track is shorter.
const ENOUGH: usize = 10;
/// One packet in so many may differ: a sender that reuses a number, a payload damaged on one way.
const TOLERANCE: usize = 20;

/// One RTP packet of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Sequence number without wraps.
    pub sequence: i64,
    pub timestamp: u32,
    /// Hash of the payload.
    pub print: u64,
    /// Nanoseconds since 1970, by the clock of the machine that recorded it.
    pub arrival_ns: i64,
}

/// The packets of one SSRC on one stream, in the order of arrival.
#[derive(Clone, Debug, Default)]
pub struct Track {
    pub ssrc: u32,
    pub packets: Vec<Seen>,
    by_sequence: HashMap<i64, usize>,
    /// Where each payload is; nothing for one that occurs more than once.
    by_print: HashMap<u64, Option<usize>>,
}

/// What to add to a number of the second copy to get the first's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relation {
    pub sequence: i64,
    pub timestamp: u32,
    /// Packets that both copies have.
    pub shared: usize,
}

impl Relation {
    /// The second copy's own numbers stay.
    pub const IDENTITY: Self = Self {
        sequence: 0,
        timestamp: 0,
        shared: 0,
    };
}

impl Track {
    pub fn new(ssrc: u32) -> Self {
        Self {
            ssrc,
            ..Self::default()
        }
    }

    /// Adds the next packet that arrived; gives its number without wraps.
    pub fn push(&mut self, sequence: u16, timestamp: u32, print: u64, arrival_ns: i64) -> i64 {
        let extended = match self.packets.last() {
            Some(last) => seq::extend(last.sequence, sequence),
            None => i64::from(sequence),
        };
        let index = self.packets.len();
        self.packets.push(Seen {
            sequence: extended,
            timestamp,
            print,
            arrival_ns,
        });
        self.by_sequence.entry(extended).or_insert(index);
        self.by_print
            .entry(print)
            .and_modify(|known| *known = None)
            .or_insert(Some(index));
        extended
    }

    /// The packet with this number without wraps; the first one, if it came more than once.
    pub fn at(&self, sequence: i64) -> Option<&Seen> {
        self.by_sequence
            .get(&sequence)
            .map(|index| &self.packets[*index])
    }

    /// Each packet once, in no special order.
    pub fn unique_packets(&self) -> impl Iterator<Item = &Seen> {
        self.by_sequence.values().map(|index| &self.packets[*index])
    }

    /// How many different packets there are.
    pub fn unique(&self) -> usize {
        self.by_sequence.len()
    }

    /// How the numbers of `second` become those of this track; nothing when the two are not copies of one another.
    pub fn relation(&self, second: &Track) -> Option<Relation> {
        if self.packets.is_empty() || second.packets.is_empty() {
            return None;
        }
        let voted = self.vote(second);
        let one_source = self.ssrc == second.ssrc;
        let plain = one_source.then(|| self.nearest(second));
        let proven = [voted, plain]
            .into_iter()
            .flatten()
            .find_map(|candidate| self.prove(second, candidate));
        proven.or_else(|| one_source.then(|| self.apart(second)).flatten())
    }

    /// The most frequent difference between packets whose payload occurs once in each copy.
    fn vote(&self, second: &Track) -> Option<(i64, u32)> {
        let mut votes: HashMap<(i64, u32), usize> = HashMap::new();
        for (print, index) in &second.by_print {
            let Some(Some(mine)) = self.by_print.get(print) else {
                continue;
            };
            let Some(index) = index else { continue };
            let (mine, theirs) = (&self.packets[*mine], &second.packets[*index]);
            let difference = (
                mine.sequence - theirs.sequence,
                mine.timestamp.wrapping_sub(theirs.timestamp),
            );
            *votes.entry(difference).or_default() += 1;
        }
        votes
            .into_iter()
            .max_by_key(|(difference, count)| (*count, *difference))
            .map(|(difference, _)| difference)
    }

    /// Equal numbers, as many wraps apart as brings the two beginnings closest.
    fn nearest(&self, second: &Track) -> (i64, u32) {
        let difference = self.packets[0].sequence - second.packets[0].sequence;
        ((difference + 32_768).div_euclid(65_536) * 65_536, 0)
    }

    fn prove(&self, second: &Track, (sequence, timestamp): (i64, u32)) -> Option<Relation> {
        let (mut shared, mut differing) = (0, 0);
        for (number, index) in &second.by_sequence {
            let theirs = &second.packets[*index];
            match self.at(number + sequence) {
                Some(mine) if mine.is_same(theirs, timestamp) => shared += 1,
                Some(_) => differing += 1,
                None => {}
            }
        }
        let enough = ENOUGH.min(self.unique()).min(second.unique());
        (shared >= enough && differing * TOLERANCE <= shared).then_some(Relation {
            sequence,
            timestamp,
            shared,
        })
    }

    /// One SSRC, and nothing in common since one copy ends before the other begins.
    fn apart(&self, second: &Track) -> Option<Relation> {
        let (first, last) = (self.packets.first()?, self.packets.last()?);
        let (begin, end) = (second.packets.first()?, second.packets.last()?);
        let sequence = if begin.arrival_ns > last.arrival_ns {
            wraps(last.sequence + 1 - begin.sequence)
        } else if end.arrival_ns < first.arrival_ns {
            -wraps(end.sequence + 1 - first.sequence)
        } else {
            return None;
        };
        Some(Relation {
            sequence,
            ..Relation::IDENTITY
        })
    }
}

/// The least number of whole wraps that is not below `least`.
fn wraps(least: i64) -> i64 {
    -(-least).div_euclid(65_536) * 65_536
}

impl Seen {
    /// Whether `other`, whose time stamps lie `timestamp` behind, is a copy.
    pub fn is_same(&self, other: &Seen, timestamp: u32) -> bool {
        self.print == other.print && self.timestamp == other.timestamp.wrapping_add(timestamp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: i64 = 1_000_000;

    /// Packets `numbers` of one call as a copy sees them whose numbers begin at `sequence` and `timestamp`.
    fn copy(ssrc: u32, (sequence, timestamp): (u16, u32), numbers: &[u16]) -> Track {
        let mut track = Track::new(ssrc);
        for number in numbers {
            track.push(
                sequence.wrapping_add(*number),
                timestamp.wrapping_add(u32::from(*number) * 160),
                u64::from(*number) * 7 + 1,
                i64::from(*number) * 20 * MILLISECOND,
            );
        }
        track
    }

    fn range(from: u16, to: u16) -> Vec<u16> {
        (from..to).collect()
    }

    #[test]
    fn copies_with_other_numbers_are_found_by_their_payloads() {
        let first = copy(1, (100, 5_000), &range(0, 50));
        let second = copy(2, (65_530, 4_294_967_200), &range(10, 80));
        let found = first.relation(&second).unwrap();
        assert_eq!(found.shared, 40);
        // Number 10 of the call is 110 here and, after the wrap, 4 there.
        assert_eq!(found.sequence, 106);
        assert_eq!(
            second.packets[0].timestamp.wrapping_add(found.timestamp),
            first.packets[10].timestamp
        );
    }

    #[test]
    fn another_stream_is_no_copy() {
        let first = copy(1, (0, 0), &range(0, 50));
        let mut other = Track::new(2);
        for number in 0..50 {
            other.push(
                number,
                u32::from(number) * 160,
                u64::from(number) + 10_000,
                0,
            );
        }
        assert_eq!(first.relation(&other), None);
        assert_eq!(first.relation(&Track::new(1)), None);
    }

    #[test]
    fn silence_alone_counts_only_under_the_same_source_and_numbers() {
        let silence = |ssrc, start| {
            let mut track = Track::new(ssrc);
            for number in 0..100_u16 {
                let time = i64::from(number) * 20 * MILLISECOND;
                track.push(start + number, u32::from(start + number) * 160, 9, time);
            }
            track
        };
        assert_eq!(silence(1, 0).relation(&silence(1, 0)).unwrap().shared, 100);
        assert_eq!(silence(1, 0).relation(&silence(2, 0)), None);
    }

    #[test]
    fn copies_that_follow_one_another_are_joined_by_their_source() {
        let whole = copy(1, (0, 0), &range(0, 60));
        let (head, tail) = (
            copy(1, (0, 0), &range(0, 20)),
            copy(1, (0, 0), &range(30, 60)),
        );
        let joined = Relation {
            sequence: 0,
            timestamp: 0,
            shared: 0,
        };
        assert_eq!(head.relation(&tail), Some(joined));
        assert_eq!(tail.relation(&head), Some(joined));
        assert_eq!(head.relation(&copy(2, (0, 0), &range(30, 60))), None);
        assert_eq!(whole.relation(&tail).unwrap().shared, 30);
    }

    #[test]
    fn a_copy_that_contradicts_is_refused() {
        let first = copy(1, (0, 0), &range(0, 100));
        let mut second = copy(1, (0, 0), &range(0, 50));
        for number in 50..100_u16 {
            second.push(
                number,
                u32::from(number) * 160,
                1_000_000 + u64::from(number),
                0,
            );
        }
        assert_eq!(first.relation(&second), None);
    }

    #[test]
    fn wraps_are_counted_upwards() {
        let found = [-65_537, -65_536, -1, 0, 1, 65_536, 65_537].map(wraps);
        assert_eq!(found, [-65_536, -65_536, 0, 0, 65_536, 65_536, 131_072]);
    }

    #[test]
    fn duplicates_and_late_packets_do_not_disturb() {
        let first = copy(1, (65_500, 0), &range(0, 100));
        let mut numbers = range(0, 100);
        numbers.swap(40, 43);
        numbers.push(99);
        let second = copy(1, (65_500, 0), &numbers);
        assert_eq!(
            first.relation(&second).unwrap().shared,
            99 + usize::from(second.unique() == 100)
        );
    }
}
