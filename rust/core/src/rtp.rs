//! The RTP fixed header, its CSRC list and its extension (RFC 3550 section 5).

use std::fmt;

/// Bytes of the fixed header.
pub const FIXED_HEADER: usize = 12;

/// Why a datagram is not an RTP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Fewer bytes than the header says: how many are needed, how many there are.
    Short { needed: usize, got: usize },
    /// The version field is not 2.
    Version(u8),
    /// The padding count is zero or larger than what follows the header.
    Padding { count: usize, room: usize },
}

impl fmt::Display for Malformed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short { needed, got } => write!(formatter, "RTP needs {needed} bytes, got {got}"),
            Self::Version(version) => write!(formatter, "RTP version is {version}, not 2"),
            Self::Padding { count, room } => {
                write!(formatter, "RTP padding of {count} in {room} bytes")
            }
        }
    }
}

impl std::error::Error for Malformed {}

/// A header extension: its profile word and its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extension<'a> {
    pub profile: u16,
    pub data: &'a [u8],
}

/// One RTP packet, its variable parts borrowed from the datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    pub marker: bool,
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    /// Four bytes for each contributing source.
    pub csrc: &'a [u8],
    pub extension: Option<Extension<'a>>,
    /// Without the padding.
    pub payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads one datagram.
    #[inline] // so that what is read stays in registers
    pub fn parse(data: &'a [u8]) -> Result<Self, Malformed> {
        let fixed = data.first_chunk::<FIXED_HEADER>().ok_or(Malformed::Short {
            needed: FIXED_HEADER,
            got: data.len(),
        })?;
        if fixed[0] >> 6 != 2 {
            return Err(Malformed::Version(fixed[0] >> 6));
        }
        let (csrc, rest) = take(data, FIXED_HEADER, usize::from(fixed[0] & 0x0f) * 4)?;
        let (extension, payload) = if fixed[0] & 0x10 == 0 {
            (None, rest)
        } else {
            extension(data, data.len() - rest.len())?
        };
        let padding = if fixed[0] & 0x20 == 0 {
            0
        } else {
            padding(payload)?
        };
        Ok(Self {
            marker: fixed[1] & 0x80 != 0,
            payload_type: fixed[1] & 0x7f,
            sequence: u16::from_be_bytes([fixed[2], fixed[3]]),
            timestamp: u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]),
            ssrc: u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]),
            csrc,
            extension,
            payload: &payload[..payload.len() - padding],
        })
    }
}

fn take(data: &[u8], at: usize, length: usize) -> Result<(&[u8], &[u8]), Malformed> {
    data[at..].split_at_checked(length).ok_or(Malformed::Short {
        needed: at + length,
        got: data.len(),
    })
}

fn extension(data: &[u8], at: usize) -> Result<(Option<Extension<'_>>, &[u8]), Malformed> {
    let (head, _) = take(data, at, 4)?;
    let profile = u16::from_be_bytes([head[0], head[1]]);
    let words = usize::from(u16::from_be_bytes([head[2], head[3]]));
    let (body, payload) = take(data, at + 4, words * 4)?;
    Ok((
        Some(Extension {
            profile,
            data: body,
        }),
        payload,
    ))
}

fn padding(payload: &[u8]) -> Result<usize, Malformed> {
    let count = usize::from(payload.last().copied().unwrap_or(0));
    if count == 0 || count > payload.len() {
        return Err(Malformed::Padding {
            count,
            room: payload.len(),
        });
    }
    Ok(count)
}

/// The clock rate of a static payload type (RFC 3551 section 6), 8000 for all others.
pub const fn default_clock_rate(payload_type: u8) -> u32 {
    match payload_type {
        6 => 16_000,
        10 | 11 => 44_100,
        14 | 25 | 26 | 28 | 31..=34 => 90_000,
        16 => 11_025,
        17 => 22_050,
        _ => 8_000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: [u8; 32] = [
        0xb1, 0xe0, 0x12, 0x34, 0, 0, 0, 160, 0xde, 0xad, 0xbe,
        0xef, // fixed: P, X, one CSRC, M, PT 96
        0, 0, 0, 7, // CSRC
        0xbe, 0xde, 0, 1, 1, 2, 3, 4, // extension of one word
        b'a', b'b', b'c', b'd', 0, 0, 0, 4, // payload, padding
    ];

    #[test]
    fn a_plain_packet() {
        let data = [0x80, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xff, 0xfe];
        let packet = Packet::parse(&data).unwrap();
        assert!(!packet.marker);
        assert_eq!(
            (
                packet.payload_type,
                packet.sequence,
                packet.timestamp,
                packet.ssrc
            ),
            (0, 1, 2, 3)
        );
        assert_eq!(packet.payload, [0xff, 0xfe]);
        assert!(packet.csrc.is_empty() && packet.extension.is_none());
    }

    #[test]
    fn every_optional_part() {
        let packet = Packet::parse(&FULL).unwrap();
        assert!(packet.marker);
        assert_eq!(
            (packet.payload_type, packet.sequence, packet.ssrc),
            (96, 0x1234, 0xdead_beef)
        );
        assert_eq!(packet.csrc, [0, 0, 0, 7]);
        let extension = packet.extension.unwrap();
        assert_eq!(
            (extension.profile, extension.data),
            (0xbede, &[1, 2, 3, 4][..])
        );
        assert_eq!(packet.payload, b"abcd");
    }

    #[test]
    fn truncation_at_each_length() {
        for length in 0..24 {
            assert!(
                matches!(Packet::parse(&FULL[..length]), Err(Malformed::Short { got, .. }) if got == length)
            );
        }
        // Whole header, but the last payload byte is no padding count that fits.
        for length in 24..FULL.len() {
            let outcome = Packet::parse(&FULL[..length]);
            assert!(
                matches!(outcome, Err(Malformed::Padding { .. })),
                "{length}: {outcome:?}"
            );
        }
    }

    #[test]
    fn other_versions_are_not_rtp() {
        for first in [0x00, 0x40, 0xc0] {
            let mut data = [0; 12];
            data[0] = first;
            assert_eq!(Packet::parse(&data), Err(Malformed::Version(first >> 6)));
        }
    }

    #[test]
    fn every_first_byte_and_length_is_answered() {
        for first in 0..=255_u8 {
            for length in 0..96 {
                let data: Vec<u8> = std::iter::once(first).chain(1..=255).take(length).collect();
                if let Ok(packet) = Packet::parse(&data) {
                    assert!(packet.payload.len() + FIXED_HEADER <= length);
                }
            }
        }
    }

    #[test]
    fn static_clock_rates() {
        assert_eq!(default_clock_rate(0), 8_000);
        assert_eq!(default_clock_rate(9), 8_000);
        assert_eq!(default_clock_rate(34), 90_000);
        assert_eq!(default_clock_rate(111), 8_000);
    }
}
