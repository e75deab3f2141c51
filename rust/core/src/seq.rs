//! Arithmetic on RTP's 16-bit sequence numbers, which wrap (RFC 3550 section 5.1).

/// How far `to` lies after `from`; negative when it lies before. Exact within 32,767 steps.
pub const fn distance(from: u16, to: u16) -> i16 {
    to.wrapping_sub(from) as i16
}

/// The number without wrap that `sequence` stands for, taking the one nearest to `reference`.
pub const fn extend(reference: i64, sequence: u16) -> i64 {
    reference + distance(reference as u16, sequence) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_wraps_both_ways() {
        assert_eq!(distance(65_535, 0), 1);
        assert_eq!(distance(0, 65_535), -1);
        assert_eq!(distance(10, 10), 0);
        assert_eq!(distance(0, 32_767), 32_767);
        assert_eq!(distance(0, 32_768), -32_768);
    }

    #[test]
    fn extend_follows_a_stream_over_many_wraps() {
        let mut reference = 65_000;
        for step in 0..200_000_i64 {
            let expected = 65_000 + step;
            reference = extend(reference, expected as u16);
            assert_eq!(reference, expected);
        }
    }

    #[test]
    fn extend_takes_the_nearest_candidate() {
        assert_eq!(extend(65_536, 65_535), 65_535);
        assert_eq!(extend(65_535, 1), 65_537);
        assert_eq!(extend(0, 65_535), -1);
    }
}
