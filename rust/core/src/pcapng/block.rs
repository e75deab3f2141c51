//! Numbers and framing shared by writing and reading pcapng blocks. Everything is little endian.

pub const SECTION_HEADER: u32 = 0x0a0d_0d0a;
pub const INTERFACE_DESCRIPTION: u32 = 1;
pub const ENHANCED_PACKET: u32 = 6;
/// A custom block that tools may copy to other files.
pub const CUSTOM: u32 = 0x0000_0bad;
pub const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;

/// Our private enterprise number: the one that RFC 5612 reserves for documentation.
pub const ENTERPRISE: u32 = 32_473;

/// Packets that say by tags what they are: here, SIP messages (LINKTYPE_WIRESHARK_UPPER_PDU).
pub const LINK_EXPORTED: u16 = 252;
/// Packets that begin with an IPv4 or IPv6 header (LINKTYPE_RAW).
pub const LINK_RAW_IP: u16 = 101;

pub mod option {
    pub const COMMENT: u16 = 1;
    pub const SECTION_HARDWARE: u16 = 2;
    pub const SECTION_OS: u16 = 3;
    pub const SECTION_APPLICATION: u16 = 4;
    pub const INTERFACE_NAME: u16 = 2;
    pub const INTERFACE_DESCRIPTION: u16 = 3;
    pub const INTERFACE_RESOLUTION: u16 = 9;
    pub const PACKET_FLAGS: u16 = 2;
}

/// Tags before an exported packet; these are big endian.
pub mod tag {
    pub const END: u16 = 0;
    pub const DISSECTOR: u16 = 12;
    pub const IPV4_SOURCE: u16 = 20;
    pub const IPV4_DESTINATION: u16 = 21;
    pub const IPV6_SOURCE: u16 = 22;
    pub const IPV6_DESTINATION: u16 = 23;
    pub const PORT_TYPE: u16 = 24;
    pub const SOURCE_PORT: u16 = 25;
    pub const DESTINATION_PORT: u16 = 26;
}

/// Bytes that bring `length` to a multiple of four.
pub const fn padding(length: usize) -> usize {
    length.wrapping_neg() & 3
}

/// The type and the whole length of the block that begins here, or `None` when there are not eight bytes.
pub fn head(data: &[u8]) -> Option<(u32, usize)> {
    let bytes = data.first_chunk::<8>()?;
    let kind = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    let length = u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
    Some((kind, length as usize))
}

/// Length of the block at the start of `data`, all of which we have built ourselves.
pub fn own_length(data: &[u8]) -> usize {
    head(data).map_or(data.len(), |(_, length)| {
        length.clamp(12, data.len().max(12))
    })
}

/// Where the block begins that has the byte at `position`, in blocks that we have built ourselves.
pub fn boundary(blocks: &[u8], position: usize) -> usize {
    let mut start = 0;
    while start < blocks.len() {
        let next = start + own_length(&blocks[start..]);
        if next > position {
            break;
        }
        start = next;
    }
    start.min(position)
}

/// How many blocks there are, all of which we have built ourselves.
pub fn count(blocks: &[u8]) -> u64 {
    let (mut start, mut count) = (0, 0);
    while start < blocks.len() {
        start += own_length(&blocks[start..]);
        count += 1;
    }
    count
}

/// Whether these are whole blocks: each has its length at both ends.
pub fn is_sound(blocks: &[u8]) -> bool {
    let mut rest = blocks;
    while let Some((_, length)) = head(rest) {
        let end = length.checked_sub(4).and_then(|end| rest.get(end..length));
        if length < 12 || length % 4 != 0 || end != Some(&(length as u32).to_le_bytes()[..]) {
            return false;
        }
        rest = &rest[length..];
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pcapng::write::custom;

    #[test]
    fn padding_reaches_a_word() {
        for length in 0..64 {
            assert_eq!((length + padding(length)) % 4, 0);
            assert!(padding(length) < 4);
        }
    }

    #[test]
    fn a_head_needs_eight_bytes() {
        let block = [6, 0, 0, 0, 32, 0, 0, 0];
        assert_eq!(head(&block), Some((ENHANCED_PACKET, 32)));
        for length in 0..8 {
            assert_eq!(head(&block[..length]), None);
        }
    }

    #[test]
    fn blocks_and_their_bounds() {
        let mut blocks = Vec::new();
        for length in [10, 20, 30] {
            custom(&mut blocks, &vec![b'x'; length]);
        }
        assert!(is_sound(&[]) && is_sound(&blocks));
        for cut in 1..blocks.len() {
            assert_eq!(is_sound(&blocks[..cut]), [28, 64].contains(&cut), "{cut}");
        }
        for position in 0..blocks.len() {
            let expected = [0, 28, 64].into_iter().rfind(|at| *at <= position);
            assert_eq!(Some(boundary(&blocks, position)), expected);
        }
        assert_eq!(boundary(&blocks, blocks.len()), blocks.len());
        assert_eq!(count(&blocks), 3);
    }
}
