//! Two recordings of one call become one: each packet from whichever copy has it.
//!
//! The first copy's log is the ground: its SIP messages, events and packets stay as they are. What only the second
//! copy has is put between them, at its time by the first copy's clock and under the first copy's numbers, so that a
//! reader sees one stream.

mod copy;
mod owners;
mod pairs;
mod write;

use std::io;
use std::path::Path;

use copy::Copy;
use pairs::{pair, Pairs};

/// A stream was paused, by order of somebody, from one moment to another (nanoseconds since 1970).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    pub interface: u32,
    pub from_ns: i64,
    pub to_ns: i64,
}

/// What came from where on one stream of the first copy, in packets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    pub interface: u32,
    pub name: String,
    pub both: u64,
    pub only_first: u64,
    pub only_second: u64,
    /// In both with another payload: the first copy's is taken.
    pub differing: u64,
    /// Left out since the other copy was paused.
    pub withheld: u64,
}

/// Packets of the second copy that fit no stream of the first: they stay where they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmatched {
    pub interface: u32,
    pub name: String,
    pub ssrc: u32,
    pub packets: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub streams: Vec<Merged>,
    pub unmatched: Vec<Unmatched>,
    /// How far the second recorder's clock is ahead of the first's.
    pub offset_ns: i64,
    /// Packets that the offset was taken from.
    pub shared: u64,
}

/// Two logs that have been compared.
#[derive(Debug)]
pub struct Merge {
    first: Copy,
    second: Copy,
    pairs: Pairs,
    report: Report,
}

impl Merge {
    /// Reads and compares two finished logs; `pauses` are the first's and the second's, each by its own clock.
    pub fn new(first: &Path, second: &Path, pauses: [Vec<Pause>; 2]) -> io::Result<Self> {
        let [mine, theirs] = pauses;
        let first = Copy::read(first, mine)?;
        let second = Copy::read(second, theirs)?;
        let pairs = pair(&first, &second);
        let mut merge = Self {
            first,
            second,
            pairs,
            report: Report::default(),
        };
        merge.report = merge.account();
        Ok(merge)
    }

    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Which stream of the second copy (left) belongs to which of the first (right).
    pub fn partners(&self) -> Vec<(u32, u32)> {
        let linked = self.pairs.links.iter().zip(&self.second.tracks);
        let mut found: Vec<(u32, u32)> = linked
            .filter_map(|(link, track)| Some((track.interface, link.as_ref()?.interface)))
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    fn account(&self) -> Report {
        Report {
            streams: (self.first.streams.iter())
                .map(|stream| self.stream(stream.interface, &stream.name))
                .collect(),
            unmatched: self.unmatched(),
            offset_ns: self.pairs.offset_ns,
            shared: self.pairs.shared,
        }
    }

    fn stream(&self, interface: u32, name: &str) -> Merged {
        let mut merged = Merged {
            interface,
            name: name.to_owned(),
            ..Merged::default()
        };
        let own = (self.first.tracks.iter()).filter(|track| track.interface == interface);
        merged.only_first = own.map(|track| track.packets.unique() as u64).sum();
        for (number, link) in self.pairs.links.iter().enumerate() {
            let Some(link) = link.as_ref().filter(|link| link.interface == interface) else {
                continue;
            };
            let theirs = &self.second.tracks[number].packets;
            let Some(mine) = link.track.map(|track| &self.first.tracks[track].packets) else {
                merged.only_second += theirs.unique() as u64;
                continue;
            };
            for seen in theirs.unique_packets() {
                match mine.at(seen.sequence + link.relation.sequence) {
                    None => merged.only_second += 1,
                    Some(known) => {
                        merged.both += 1;
                        merged.only_first -= 1;
                        let same = known.is_same(seen, link.relation.timestamp);
                        merged.differing += u64::from(!same);
                    }
                }
            }
        }
        merged.withheld = self.withheld(interface);
        merged
    }

    /// Packets of a stream that one copy has, and that the other was told not to record.
    fn withheld(&self, interface: u32) -> u64 {
        let own = (self.first.tracks.iter())
            .filter(|track| track.interface == interface)
            .flat_map(|track| &track.packets.packets)
            .filter(|seen| self.second_paused(interface, seen.arrival_ns))
            .count();
        let theirs = (self.additions())
            .filter(|addition| addition.interface == interface && addition.withheld)
            .count();
        (own + theirs) as u64
    }

    fn unmatched(&self) -> Vec<Unmatched> {
        let alone = |(number, track): (usize, &copy::StreamTrack)| {
            self.pairs.links[number].is_none().then(|| Unmatched {
                interface: track.interface,
                name: self.second.name(track.interface),
                ssrc: track.packets.ssrc,
                packets: track.packets.unique() as u64,
            })
        };
        self.second
            .tracks
            .iter()
            .enumerate()
            .filter_map(alone)
            .collect()
    }
}

#[cfg(test)]
mod tests;
