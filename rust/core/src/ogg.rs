//! Ogg pages (RFC 3533 section 6): whole packets, none of which goes on in another page.

const CRC: [u32; 256] = crc_table();
/// Lacing values in one page.
pub const MAX_SEGMENTS: usize = 255;

const fn crc_table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        let mut value = (at as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            let carry = value & 0x8000_0000 != 0;
            value <<= 1;
            if carry {
                value ^= 0x04c1_1db7;
            }
            bit += 1;
        }
        table[at] = value;
        at += 1;
    }
    table
}

/// What a page says of itself.
#[derive(Debug, Clone, Copy)]
pub struct Head {
    /// 2 = first page of the stream, 4 = last.
    pub flags: u8,
    pub granule: i64,
    pub serial: u32,
    pub number: u32,
}

/// Lacing values that a packet of so many octets takes.
pub fn segments(length: usize) -> usize {
    length / 255 + 1
}

/// One page; `None` when the packets need more than one.
pub fn page(head: Head, packets: &[&[u8]]) -> Option<Vec<u8>> {
    let lacing: usize = packets.iter().map(|packet| segments(packet.len())).sum();
    if lacing > MAX_SEGMENTS {
        return None;
    }
    let mut out = b"OggS\0".to_vec();
    out.push(head.flags);
    out.extend(head.granule.to_le_bytes());
    out.extend(head.serial.to_le_bytes());
    out.extend(head.number.to_le_bytes());
    out.extend([0; 4]);
    out.push(lacing as u8);
    for packet in packets {
        out.extend(std::iter::repeat_n(255, packet.len() / 255));
        out.push((packet.len() % 255) as u8);
    }
    for packet in packets {
        out.extend_from_slice(packet);
    }
    let sum = out.iter().fold(0_u32, |crc, &octet| {
        crc << 8 ^ CRC[(crc >> 24) as usize ^ usize::from(octet)]
    });
    out[22..26].copy_from_slice(&sum.to_le_bytes());
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: Head = Head {
        flags: 2,
        granule: 0,
        serial: 1,
        number: 0,
    };

    #[test]
    fn lacing_of_each_length() {
        for length in [0, 1, 254, 255, 256, 510, 1_275] {
            let packet = vec![9; length];
            let page = page(HEAD, &[&packet]).unwrap();
            let count = usize::from(page[26]);
            let sum: usize = page[27..27 + count].iter().map(|&n| usize::from(n)).sum();
            assert_eq!((sum, count), (length, segments(length)));
            assert_eq!(page.len(), 27 + count + length);
        }
    }

    #[test]
    fn too_much_for_a_page() {
        let packet = [0; 1];
        assert!(page(HEAD, &[&packet[..]; 255]).is_some());
        assert!(page(HEAD, &[&packet[..]; 256]).is_none());
        assert!(page(HEAD, &[&[0; 65_535][..]]).is_none());
    }
}
