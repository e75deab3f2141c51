//! Inputs from inputs: bits, lengths, pieces and ends are changed.

use crate::random::Random;

/// Values on which lengths, counts and versions break.
const EDGES: [u64; 12] = [
    0,
    1,
    3,
    4,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0xffff_fffc,
    0xffff_ffff,
];
const MOST_CHANGES: usize = 6;

/// Puts a changed copy of one of the `seeds` into `out`; now and then an unchanged one.
pub fn mutate(random: &mut Random, seeds: &[Vec<u8>], longest: usize, out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(&seeds[random.below(seeds.len())]);
    for _ in 0..random.below(MOST_CHANGES + 1) {
        change(random, seeds, out);
    }
    out.truncate(longest);
}

fn change(random: &mut Random, seeds: &[Vec<u8>], out: &mut Vec<u8>) {
    let at = random.below(out.len());
    match random.below(8) {
        0 => flip(random, out, at),
        1 => overwrite(random, out, at),
        2 => out.truncate(at),
        3 => {
            let end = (at + 1 + random.below(16)).min(out.len());
            out.drain(at..end);
        }
        4 => {
            let piece: Vec<u8> = (0..1 + random.below(16))
                .map(|_| random.next() as u8)
                .collect();
            out.splice(at..at, piece);
        }
        5 => {
            let end = (at + 1 + random.below(64)).min(out.len());
            let piece = out[at..end].to_vec();
            let place = random.below(out.len());
            out.splice(place..place, piece);
        }
        6 => {
            let other = &seeds[random.below(seeds.len())];
            let from = random.below(other.len());
            out.truncate(at);
            out.extend_from_slice(&other[from..]);
        }
        _ => out.extend((0..random.below(32)).map(|_| 0)),
    }
}

fn flip(random: &mut Random, out: &mut [u8], at: usize) {
    if let Some(byte) = out.get_mut(at) {
        *byte ^= 1 << random.below(8);
    }
}

/// One, two or four bytes in either order become an edge value.
fn overwrite(random: &mut Random, out: &mut [u8], at: usize) {
    let value = EDGES[random.below(EDGES.len())];
    let width = [1, 2, 4][random.below(3)];
    let little = value.to_le_bytes();
    let big = (value << (64 - 8 * width)).to_be_bytes();
    let bytes = if random.below(2) == 0 { little } else { big };
    for (slot, byte) in out.iter_mut().skip(at).zip(&bytes[..width]) {
        *slot = *byte;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_inputs_and_none_is_too_long() {
        let seeds = [vec![1, 2, 3, 4, 5, 6], Vec::new(), vec![9; 40]];
        let inputs = |seed| {
            let mut random = Random::new(seed);
            let mut out = Vec::new();
            let mut all = Vec::new();
            for _ in 0..1_000 {
                mutate(&mut random, &seeds, 64, &mut out);
                assert!(out.len() <= 64);
                all.push(out.clone());
            }
            all
        };
        assert_eq!(inputs(3), inputs(3));
        assert_ne!(inputs(3), inputs(4));
    }
}
