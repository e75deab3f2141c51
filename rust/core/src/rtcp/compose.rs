//! The compound packets that a receiver sends: report, name, goodbye (RFC 3550 section 6).

/// What a receiver tells one sender of its packets (RFC 3550 section 6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportBlock {
    pub ssrc: u32,
    /// Lost since the last report, in 256ths of what was expected.
    pub fraction_lost: u8,
    /// Lost since the beginning; negative with duplicates.
    pub lost: i32,
    /// The highest sequence number with its cycles.
    pub highest: u32,
    pub jitter: u32,
    /// The middle of the last sender report's NTP time; zero when there was none.
    pub last_report: u32,
    /// Since that report came, in 65,536ths of a second.
    pub delay: u32,
}

/// Who reports.
#[derive(Clone, Copy, Debug)]
pub struct Reporter<'a> {
    pub ssrc: u32,
    /// Canonical name; 255 bytes at most count.
    pub cname: &'a str,
}

/// Report blocks that fit into one packet.
const MAX_BLOCKS: usize = 31;
const MAX_LOST: i32 = 0x7f_ffff;

/// Appends a compound packet: a receiver report, with more of them when one can't hold all blocks, then the name, then
/// a goodbye if the reporter leaves.
pub fn compound(out: &mut Vec<u8>, from: &Reporter<'_>, blocks: &[ReportBlock], leaves: bool) {
    let mut chunks = blocks.chunks(MAX_BLOCKS);
    receiver_report(out, from.ssrc, chunks.next().unwrap_or_default());
    chunks.for_each(|more| receiver_report(out, from.ssrc, more));
    description(out, from);
    if leaves {
        head(out, 1, 203, 1);
        put32(out, from.ssrc);
    }
}

fn receiver_report(out: &mut Vec<u8>, ssrc: u32, blocks: &[ReportBlock]) {
    head(out, blocks.len() as u8, 201, 1 + 6 * blocks.len());
    put32(out, ssrc);
    for block in blocks {
        put32(out, block.ssrc);
        let lost = block.lost.clamp(-MAX_LOST - 1, MAX_LOST) as u32 & 0xff_ffff;
        put32(out, u32::from(block.fraction_lost) << 24 | lost);
        for word in [block.highest, block.jitter, block.last_report, block.delay] {
            put32(out, word);
        }
    }
}

/// One chunk with one item; at least one zero byte ends it.
fn description(out: &mut Vec<u8>, from: &Reporter<'_>) {
    let name = &from.cname.as_bytes()[..from.cname.len().min(255)];
    let words = (name.len() + 3).div_ceil(4);
    head(out, 1, 202, 1 + words);
    put32(out, from.ssrc);
    out.extend_from_slice(&[1, name.len() as u8]);
    out.extend_from_slice(name);
    out.extend_from_slice(&[0; 4][..words * 4 - name.len() - 2]);
}

/// `words` are those after the first one.
fn head(out: &mut Vec<u8>, count: u8, packet_type: u8, words: usize) {
    out.extend_from_slice(&[0x80 | count, packet_type]);
    out.extend_from_slice(&(words as u16).to_be_bytes());
}

fn put32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_be_bytes());
}

/// The time to the next report (RFC 3550 section 6.3.1): half to one and a half of `base`, with the correction for
/// reconsideration, and half of that before the first one. `random` decides.
pub fn interval(base_ns: u64, first: bool, random: u32) -> u64 {
    let base = if first { base_ns / 2 } else { base_ns } as f64;
    let factor = 0.5 + f64::from(random) / 4_294_967_296.0;
    (base * factor / 1.218_28) as u64
}

#[cfg(test)]
mod tests {
    use super::super::{walk, Packet};
    use super::*;

    const FROM: Reporter<'static> = Reporter {
        ssrc: 7,
        cname: "a@b",
    };

    #[test]
    fn an_empty_report_with_its_name() {
        let mut out = Vec::new();
        compound(&mut out, &FROM, &[], false);
        let expected = [
            0x80, 201, 0, 1, 0, 0, 0, 7, 0x81, 202, 0, 3, 0, 0, 0, 7, 1, 3, b'a', b'@', b'b', 0, 0,
            0,
        ];
        assert_eq!(out, expected);
    }

    #[test]
    fn a_block_has_its_fields_in_their_places() {
        let block = ReportBlock {
            ssrc: 1,
            fraction_lost: 2,
            lost: -1,
            highest: 3,
            jitter: 4,
            last_report: 5,
            delay: 6,
        };
        let mut out = Vec::new();
        compound(&mut out, &FROM, &[block], true);
        let expected = [
            0x81, 201, 0, 7, 0, 0, 0, 7, 0, 0, 0, 1, 2, 0xff, 0xff, 0xff, 0, 0, 0, 3, 0, 0, 0, 4,
            0, 0, 0, 5, 0, 0, 0, 6,
        ];
        assert_eq!(out[..32], expected);
        assert_eq!(out[out.len() - 8..], [0x81, 203, 0, 1, 0, 0, 0, 7]);
    }

    #[test]
    fn the_loss_is_kept_within_its_24_bits() {
        for (lost, bytes) in [(i32::MAX, [0x7f, 0xff, 0xff]), (i32::MIN, [0x80, 0, 0])] {
            let mut out = Vec::new();
            let block = ReportBlock {
                lost,
                ..ReportBlock::default()
            };
            compound(&mut out, &FROM, &[block], false);
            assert_eq!(out[13..16], bytes);
        }
    }

    #[test]
    fn names_of_every_length_and_many_blocks_are_read_again() {
        for length in 0..300 {
            let name = "x".repeat(length);
            let from = Reporter {
                ssrc: 7,
                cname: &name,
            };
            let mut out = Vec::new();
            compound(&mut out, &from, &vec![ReportBlock::default(); length], true);
            let packets: Vec<_> = walk(&out).collect::<Result<_, _>>().unwrap();
            let reports = length.div_ceil(31).max(1);
            assert_eq!(packets.len(), reports + 2);
            let cname = &name.as_bytes()[..length.min(255)];
            assert_eq!(packets[reports], Packet::Description { ssrc: 7, cname });
            let sources = &[0, 0, 0, 7][..];
            assert_eq!(packets[reports + 1], Packet::Goodbye { sources });
        }
    }

    #[test]
    fn rtcp_02_intervals_are_spread() {
        let base = 5_000_000_000;
        assert_eq!(interval(base, false, 0), 2_052_073_414);
        assert_eq!(interval(base, true, 0), 1_026_036_707);
        assert!((6_156_000_000..6_156_300_000).contains(&interval(base, false, u32::MAX)));
        assert_eq!(interval(0, false, 5), 0);
    }
}
