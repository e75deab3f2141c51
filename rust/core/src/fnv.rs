//! FNV-1a, 64 bits (Fowler, Noll, Vo): the hash that chooses a key's shard.

const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// Hashes `bytes` with FNV-1a.
///
/// Fast and evenly spread, but not keyed: who chooses the keys can choose the hash.
pub fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(OFFSET_BASIS, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(PRIME)
    })
}

#[cfg(test)]
mod tests {
    use super::fnv1a;

    // Known answers from the test suite of the algorithm's authors (draft-eastlake-fnv, appendix).
    #[test]
    fn known_answers() {
        let cases: [(&[u8], u64); 8] = [
            (b"", 0xcbf2_9ce4_8422_2325),
            (b"a", 0xaf63_dc4c_8601_ec8c),
            (b"b", 0xaf63_df4c_8601_f1a5),
            (b"c", 0xaf63_de4c_8601_eff2),
            (b"fo", 0x0898_5907_b541_d342),
            (b"foo", 0xdcb2_7518_fed9_d577),
            (b"foobar", 0x8594_4171_f739_67e8),
            (b"chongo was here!\n", 0x4681_0940_eff5_f915),
        ];
        for (text, hash) in cases {
            assert_eq!(fnv1a(text), hash, "{text:?}");
        }
    }

    #[test]
    fn bytes_above_127_count_as_unsigned() {
        assert_eq!(fnv1a("é".as_bytes()), fnv1a(&[0xc3, 0xa9]));
        assert_ne!(fnv1a(&[0xff]), fnv1a(&[0x7f]));
    }
}
