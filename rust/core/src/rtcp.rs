//! RTCP compound packets: reports, descriptions and goodbyes (RFC 3550 section 6).

pub mod compose;

use std::fmt;

/// Why the rest of a compound packet can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Fewer bytes than the header says: how many are needed, how many there are.
    Short { needed: usize, got: usize },
    /// The version field is not 2.
    Version(u8),
    /// A body too short for its packet type.
    Body { packet_type: u8 },
}

impl fmt::Display for Malformed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short { needed, got } => {
                write!(formatter, "RTCP needs {needed} bytes, got {got}")
            }
            Self::Version(version) => write!(formatter, "RTCP version is {version}, not 2"),
            Self::Body { packet_type } => {
                write!(formatter, "RTCP packet of type {packet_type} is too short")
            }
        }
    }
}

impl std::error::Error for Malformed {}

/// The sender information of a sender report (RFC 3550 section 6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderReport {
    pub ssrc: u32,
    /// 32.32 fixed point seconds since 1900.
    pub ntp: u64,
    pub timestamp: u32,
    pub packets: u32,
    pub octets: u32,
}

/// One packet of a compound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    SenderReport(SenderReport),
    ReceiverReport {
        ssrc: u32,
    },
    /// The first chunk that has a canonical name: its source and the name's bytes.
    Description {
        ssrc: u32,
        cname: &'a [u8],
    },
    /// The sources that leave, four bytes each.
    Goodbye {
        sources: &'a [u8],
    },
    /// Application-defined, feedback and unknown packets, and descriptions without a canonical name.
    Other {
        packet_type: u8,
    },
}

/// Whether a datagram on a port shared with RTP is RTCP (RFC 5761 section 4).
pub fn looks_like_rtcp(data: &[u8]) -> bool {
    data.len() >= 8 && data[0] >> 6 == 2 && (192..=223).contains(&data[1])
}

/// Walks the packets of a compound; ends after the first one that can't be read.
pub fn walk(data: &[u8]) -> Walk<'_> {
    Walk { rest: data }
}

pub struct Walk<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Walk<'a> {
    type Item = Result<Packet<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let item = split(self.rest).and_then(|(packet, rest)| {
            self.rest = rest;
            read(packet)
        });
        if item.is_err() {
            self.rest = &[];
        }
        Some(item)
    }
}

fn split(data: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let head = data.first_chunk::<4>().ok_or(Malformed::Short {
        needed: 4,
        got: data.len(),
    })?;
    if head[0] >> 6 != 2 {
        return Err(Malformed::Version(head[0] >> 6));
    }
    let needed = (usize::from(u16::from_be_bytes([head[2], head[3]])) + 1) * 4;
    data.split_at_checked(needed).ok_or(Malformed::Short {
        needed,
        got: data.len(),
    })
}

fn read(packet: &[u8]) -> Result<Packet<'_>, Malformed> {
    let packet_type = packet[1];
    let count = usize::from(packet[0] & 0x1f);
    let too_short = Malformed::Body { packet_type };
    match packet_type {
        200 => sender_report(packet).ok_or(too_short),
        201 => word(packet, 4)
            .map(|ssrc| Packet::ReceiverReport { ssrc })
            .ok_or(too_short),
        202 => Ok(description(&packet[4..]).unwrap_or(Packet::Other { packet_type })),
        203 => packet
            .get(4..4 + count * 4)
            .map(|sources| Packet::Goodbye { sources })
            .ok_or(too_short),
        _ => Ok(Packet::Other { packet_type }),
    }
}

fn word(data: &[u8], at: usize) -> Option<u32> {
    data.get(at..)?
        .first_chunk()
        .map(|bytes| u32::from_be_bytes(*bytes))
}

fn sender_report(packet: &[u8]) -> Option<Packet<'_>> {
    Some(Packet::SenderReport(SenderReport {
        ssrc: word(packet, 4)?,
        ntp: u64::from(word(packet, 8)?) << 32 | u64::from(word(packet, 12)?),
        timestamp: word(packet, 16)?,
        packets: word(packet, 20)?,
        octets: word(packet, 24)?,
    }))
}

/// Looks through the chunks for a canonical name (item type 1).
fn description(mut chunks: &[u8]) -> Option<Packet<'_>> {
    while let Some(ssrc) = word(chunks, 0) {
        let mut at = 4;
        while let Some(&item) = chunks.get(at).filter(|item| **item != 0) {
            let length = usize::from(*chunks.get(at + 1)?);
            let text = chunks.get(at + 2..at + 2 + length)?;
            if item == 1 {
                return Some(Packet::Description { ssrc, cname: text });
            }
            at += 2 + length;
        }
        // At least one zero byte ends the chunk, which is padded to a word.
        chunks = chunks.get((at + 4) & !3..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compound() -> Vec<u8> {
        let mut data = vec![0x80, 200, 0, 6];
        for value in [0xdead_beef_u32, 0x83aa_7e80, 0x8000_0000, 160, 50, 8_000] {
            data.extend(value.to_be_bytes());
        }
        data.extend([
            0x81, 202, 0, 3, 0xde, 0xad, 0xbe, 0xef, 1, 4, b'a', b'@', b'b', b'c', 0, 0,
        ]);
        data.extend([0x81, 203, 0, 1, 0xde, 0xad, 0xbe, 0xef]);
        data
    }

    #[test]
    fn a_compound_is_walked() {
        let data = compound();
        let packets: Vec<_> = walk(&data).collect::<Result<_, _>>().unwrap();
        assert_eq!(
            packets,
            [
                Packet::SenderReport(SenderReport {
                    ssrc: 0xdead_beef,
                    ntp: 0x83aa_7e80_8000_0000,
                    timestamp: 160,
                    packets: 50,
                    octets: 8_000,
                }),
                Packet::Description {
                    ssrc: 0xdead_beef,
                    cname: b"a@bc"
                },
                Packet::Goodbye {
                    sources: &[0xde, 0xad, 0xbe, 0xef]
                },
            ]
        );
    }

    #[test]
    fn truncation_at_each_length_ends_with_one_error() {
        let data = compound();
        let boundaries = [0, 28, 44, data.len()];
        for length in 0..=data.len() {
            let packets: Vec<_> = walk(&data[..length]).collect();
            let errors = packets.iter().filter(|packet| packet.is_err()).count();
            assert_eq!(
                errors,
                usize::from(!boundaries.contains(&length)),
                "at {length}"
            );
        }
    }

    #[test]
    fn a_second_chunk_may_have_the_name() {
        let data = [
            0x82, 202, 0, 5, 0, 0, 0, 1, 2, 1, b'x', 0, 0, 0, 0, 2, 1, 2, b'y', b'z', 0, 0, 0, 0,
        ];
        assert_eq!(
            walk(&data).next(),
            Some(Ok(Packet::Description {
                ssrc: 2,
                cname: b"yz"
            }))
        );
    }

    #[test]
    fn bodies_too_short_for_their_type() {
        for packet_type in [200, 201] {
            let data = [0x80, packet_type, 0, 0];
            assert_eq!(
                walk(&data).next(),
                Some(Err(Malformed::Body { packet_type }))
            );
        }
        let goodbye = [0x9f, 203, 0, 0];
        assert_eq!(
            walk(&goodbye).next(),
            Some(Err(Malformed::Body { packet_type: 203 }))
        );
    }

    #[test]
    fn hostile_bytes_end_the_walk() {
        for seed in 0..20_000_u32 {
            let mut state = seed.wrapping_mul(2_654_435_761) | 1;
            let data: Vec<u8> = (0..seed as usize % 90)
                .map(|index| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let random = (state >> 24) as u8;
                    if index % 12 == 0 {
                        0x80 | (random & 0x3f)
                    } else {
                        random & 0xcf
                    }
                })
                .collect();
            assert!(walk(&data).count() <= data.len() / 4 + 1);
        }
    }

    #[test]
    fn rtcp_on_a_shared_port_is_told_apart() {
        assert!(looks_like_rtcp(&[0x80, 200, 0, 1, 0, 0, 0, 0]));
        assert!(!looks_like_rtcp(&[0x80, 0x80, 0, 1, 0, 0, 0, 0]));
        assert!(!looks_like_rtcp(&[0x80, 200]));
    }
}
