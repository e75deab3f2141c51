//! How far the rollover counters of a stream's SRTP have come, so that another process need not read its whole log.
//!
//! Each slot has a page of its own, with two halves that are written in turn. A word elsewhere says which one counts.

use super::layout::{PAGE, REACHED};
use super::memory::Memory;
use siprecord_srtp::Reached;

const HALF: usize = PAGE / 2;
/// Position of the log and number of sources.
const HEAD: usize = 16;
/// SSRC, index and replay window.
const SOURCE: usize = 28;
/// As many as a receiver tells apart.
pub const SOURCES: usize = (HALF - HEAD) / SOURCE;

/// What was known when the log was so long.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// All packets in the log before it are in `reached`, and perhaps some behind it.
    pub position: u64,
    pub reached: Vec<Reached>,
}

/// Writes the half that does not count; answers the word that lets it count.
pub fn write(memory: &Memory, slot: usize, word: u64, told: (u64, &[Reached])) -> u64 {
    let half = 1 + word % 2;
    let (position, reached) = told;
    let reached = &reached[..reached.len().min(SOURCES)];
    let mut bytes = position.to_le_bytes().to_vec();
    bytes.extend_from_slice(&(reached.len() as u64).to_le_bytes());
    for each in reached {
        bytes.extend_from_slice(&each.ssrc.to_le_bytes());
        bytes.extend_from_slice(&each.highest.to_le_bytes());
        bytes.extend_from_slice(&each.seen.to_le_bytes());
    }
    memory.write(at(slot, half), &bytes);
    half
}

/// None when nothing was written.
pub fn read(memory: &Memory, slot: usize, word: u64) -> Option<Checkpoint> {
    if word != 1 && word != 2 {
        return None;
    }
    let bytes = memory.read(at(slot, word), HALF);
    let position = u64::from_le_bytes(*bytes.first_chunk()?);
    let count = u64::from_le_bytes(*bytes[8..].first_chunk()?);
    let sources = bytes[HEAD..].chunks_exact(SOURCE);
    Some(Checkpoint {
        position,
        reached: sources.take(count as usize).filter_map(source).collect(),
    })
}

fn at(slot: usize, half: u64) -> usize {
    REACHED + slot * PAGE + (half as usize - 1) * HALF
}

fn source(bytes: &[u8]) -> Option<Reached> {
    Some(Reached {
        ssrc: u32::from_le_bytes(*bytes.first_chunk()?),
        highest: u64::from_le_bytes(*bytes.get(4..)?.first_chunk()?),
        seen: u128::from_le_bytes(*bytes.get(12..)?.first_chunk()?),
    })
}

#[cfg(test)]
mod tests {
    use super::super::figures::Slot;
    use super::super::layout::PLACE;
    use super::super::place::read_reached;
    use super::super::Shelter;
    use super::*;
    use std::path::Path;
    use std::sync::Arc;

    fn sources(count: u32) -> Vec<Reached> {
        let source = |number: u32| Reached {
            ssrc: u32::MAX - number,
            highest: (1 << 48) - 1 - u64::from(number),
            seen: u128::MAX << number,
        };
        (0..count).map(source).collect()
    }

    #[test]
    fn a_stream_finds_its_counters_and_no_other_does() {
        let shelter = Shelter::new(2_048, 0).unwrap();
        let place = shelter.place(Path::new("log")).unwrap();
        let memory = Memory::of(
            std::os::fd::AsFd::as_fd(&*shelter),
            shelter.layout().place(0),
            PLACE,
        );
        let memory = memory.unwrap();
        let mut slots: Vec<Slot> = (1..=16).filter_map(|one| place.figures(one)).collect();
        assert_eq!(read_reached(&memory, 16), None);
        for position in [1, 1 << 40, 3] {
            for (number, slot) in (1..).zip(&mut slots) {
                slot.put_reached(position + u64::from(number), &sources(number));
            }
            for number in 1..=16 {
                let found = read_reached(&memory, number).unwrap();
                assert_eq!(found.position, position + u64::from(number));
                assert_eq!(found.reached, sources(number));
            }
        }
        slots[3].forget_reached();
        assert_eq!(read_reached(&memory, 4), None);
        drop(place);
        let place = shelter.place(Path::new("other")).unwrap();
        assert!(place.figures(1).is_some());
        assert_eq!(read_reached(&memory, 1), None);
    }

    #[test]
    fn until_the_word_is_set_what_was_before_counts() {
        let memory = Arc::new(Memory::own(PLACE).unwrap());
        let first = write(&memory, 15, 0, (7, &sources(64)));
        let second = write(&memory, 15, first, (8, &sources(2)));
        let found = read(&memory, 15, first).unwrap();
        assert_eq!((found.position, found.reached), (7, sources(64)));
        assert_eq!(read(&memory, 15, second).unwrap().position, 8);
        assert_eq!(write(&memory, 15, second, (9, &[])), first);
        assert_eq!(read(&memory, 15, 3), None);
        memory.write(REACHED + 15 * PAGE + 8, &u64::MAX.to_le_bytes());
        assert_eq!(read(&memory, 15, 1).unwrap().reached.len(), SOURCES);
    }
}
