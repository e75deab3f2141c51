//! The figures of a stream, so that another process goes on counting.

use super::layout::STREAMS;
use super::memory::Memory;
use super::reached;
use crate::counts::Counts;
use siprecord_core::source::Source;
use siprecord_core::stats::Standing;
use siprecord_srtp::Reached;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

pub const LENGTH: usize = STREAMS * SLOT;
const SLOT: usize = 384;
const HALF: usize = 176;
const WORDS: usize = 18;
/// The word of a slot that says which half of its rollover counters counts; 0: none.
const REACHED_WORD: usize = 8 + 2 * HALF;
/// Says in the owner's word that there are figures: in the first half, or in the second one.
const HALVES: [u64; 2] = [1 << 32, 2 << 32];

#[derive(Clone, Debug, Default)]
pub struct Figures {
    pub counts: Counts,
    pub standing: Standing,
    /// Whom the stream followed.
    pub followed: Option<Source>,
}

/// The place of one stream's figures: two halves, written in turn.
pub struct Slot {
    memory: Arc<Memory>,
    number: usize,
    at: usize,
    interface: u32,
    half: usize,
}

impl Slot {
    /// None when all slots are taken by other streams. `at` is where the slots of the recording begin.
    pub fn take(memory: &Arc<Memory>, at: usize, interface: u32) -> Option<Self> {
        let owner = |slot: &usize| memory.word(*slot).get();
        let slots = || (0..STREAMS).map(|slot| at + slot * SLOT);
        let own = slots().position(|slot| owner(&slot) as u32 == interface);
        let number = own.or_else(|| slots().position(|slot| owner(&slot) == 0))?;
        let at = at + number * SLOT;
        memory.word(at).set(u64::from(interface));
        Some(Self {
            memory: memory.clone(),
            number,
            at,
            interface,
            half: 0,
        })
    }

    pub fn put(&mut self, counts: &Counts, standing: &Standing, followed: Option<Source>) {
        self.half = 1 - self.half;
        let mut bytes = [0; WORDS * 8];
        for (word, value) in bytes
            .chunks_exact_mut(8)
            .zip(words(counts, standing, followed))
        {
            word.copy_from_slice(&value.to_le_bytes());
        }
        self.memory.write(self.at + 8 + self.half * HALF, &bytes);
        let owner = u64::from(self.interface) | HALVES[self.half];
        self.memory.word(self.at).set(owner);
    }

    /// How far the rollover counters of SRTP had come when the log was so long.
    pub fn put_reached(&mut self, position: u64, found: &[Reached]) {
        let word = self.memory.word(self.at + REACHED_WORD);
        word.set(reached::write(
            &self.memory,
            self.number,
            word.get(),
            (position, found),
        ));
    }

    pub fn forget_reached(&mut self) {
        self.memory.word(self.at + REACHED_WORD).set(0);
    }
}

/// Forgets all figures.
pub fn clear(memory: &Memory, at: usize) {
    for slot in 0..STREAMS {
        memory.word(at + slot * SLOT).set(0);
        memory.word(at + slot * SLOT + REACHED_WORD).set(0);
    }
}

/// Which slot is this stream's, and the word that says which half of its rollover counters counts.
pub fn reached_of(memory: &Memory, at: usize, interface: u32) -> Option<(usize, u64)> {
    let owner = |slot: &usize| memory.word(at + slot * SLOT).get() as u32;
    let slot = (0..STREAMS).find(|slot| owner(slot) == interface)?;
    Some((slot, memory.word(at + slot * SLOT + REACHED_WORD).get()))
}

/// What an earlier life has left of a stream.
pub fn read(memory: &Memory, at: usize, interface: u32) -> Option<Figures> {
    (0..STREAMS).map(|slot| at + slot * SLOT).find_map(|slot| {
        let owner = memory.word(slot).get();
        let half = HALVES
            .iter()
            .position(|half| owner == u64::from(interface) | half)?;
        Some(figures(&memory.read(slot + 8 + half * HALF, WORDS * 8)))
    })
}

fn words(counts: &Counts, standing: &Standing, followed: Option<Source>) -> [u64; WORDS] {
    let source = source_words(followed);
    [
        counts.packets,
        counts.bytes,
        counts.rtcp_packets,
        counts.strays,
        counts.source_changes,
        counts.other_packets,
        counts.truncated,
        counts.dropped_paused,
        counts.socket_errors,
        counts.first_arrival_ns,
        counts.last_arrival_ns,
        standing.received,
        standing.expected,
        0,
        source[0],
        source[1],
        source[2],
        0,
    ]
}

fn figures(bytes: &[u8]) -> Figures {
    let mut words = [0; WORDS];
    for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(8)) {
        *word = bytes
            .iter()
            .rev()
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    }
    Figures {
        counts: Counts {
            packets: words[0],
            bytes: words[1],
            rtcp_packets: words[2],
            strays: words[3],
            source_changes: words[4],
            other_packets: words[5],
            truncated: words[6],
            dropped_paused: words[7],
            dropped_kernel: 0,
            socket_errors: words[8],
            first_arrival_ns: words[9],
            last_arrival_ns: words[10],
        },
        standing: Standing {
            received: words[11],
            expected: words[12],
        },
        followed: source_of([words[14], words[15], words[16]]),
    }
}

/// The address in two words, and SSRC and port in one, which is not 0 when there is a source.
fn source_words(source: Option<Source>) -> [u64; 3] {
    let Some(source) = source else {
        return [0; 3];
    };
    let address = match source.address.ip() {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    };
    let bits = address.to_bits();
    let port = u64::from(source.address.port());
    [
        (bits >> 64) as u64,
        bits as u64,
        1 << 63 | port << 32 | u64::from(source.ssrc),
    ]
}

fn source_of(words: [u64; 3]) -> Option<Source> {
    let address = Ipv6Addr::from_bits(u128::from(words[0]) << 64 | u128::from(words[1]));
    (words[2] >> 63 == 1).then(|| Source {
        address: SocketAddr::new(IpAddr::V6(address).to_canonical(), (words[2] >> 32) as u16),
        ssrc: words[2] as u32,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_come_back_for_their_stream() {
        let memory = Arc::new(Memory::own(LENGTH).unwrap());
        assert!(read(&memory, 0, 1).is_none());
        let mut slot = Slot::take(&memory, 0, 1).unwrap();
        assert!(read(&memory, 0, 1).is_none());
        for packets in 1..4 {
            let counts = Counts {
                packets,
                last_arrival_ns: u64::MAX,
                ..Counts::default()
            };
            let standing = Standing {
                received: packets,
                expected: 9,
            };
            let address = ["192.0.2.1:65535", "[2001:db8::1]:1"][packets as usize % 2];
            let followed = Source {
                address: address.parse().unwrap(),
                ssrc: u32::MAX,
            };
            slot.put(&counts, &standing, Some(followed));
            assert_eq!(read(&memory, 0, 1).unwrap().followed, Some(followed));
            slot.put(&counts, &standing, None);
            assert_eq!(read(&memory, 0, 1).unwrap().followed, None);
            let found = read(&memory, 0, 1).unwrap();
            assert_eq!(found.standing, standing);
            assert_eq!(
                (found.counts.packets, found.counts.last_arrival_ns),
                (packets, u64::MAX)
            );
            assert!(read(&memory, 0, 2).is_none());
        }
        clear(&memory, 0);
        assert!(read(&memory, 0, 1).is_none());
    }

    #[test]
    fn a_recording_with_too_many_streams_keeps_those_of_the_first() {
        let memory = Arc::new(Memory::own(LENGTH).unwrap());
        for interface in 1..=STREAMS as u32 {
            assert!(Slot::take(&memory, 0, interface).is_some());
        }
        assert!(Slot::take(&memory, 0, 100).is_none());
        assert!(Slot::take(&memory, 0, 3).is_some());
    }
}
