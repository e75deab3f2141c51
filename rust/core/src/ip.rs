//! IPv4 or IPv6 and UDP headers for datagrams whose own headers the kernel has kept.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Bytes of the headers of IPv4 and UDP, and of IPv6 and UDP.
pub const IPV4_UDP: usize = 28;
pub const IPV6_UDP: usize = 48;
const UDP: u8 = 17;

/// A datagram as the capture log keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram<'a> {
    pub source: SocketAddr,
    pub destination: SocketAddr,
    /// What was captured of the payload.
    pub payload: &'a [u8],
    /// How long the payload was on the wire.
    pub original: usize,
}

impl Datagram<'_> {
    /// Bytes of the headers that it gets. Both addresses become IPv6 when only one of them is.
    #[inline]
    pub fn headers_length(&self) -> usize {
        match (self.source.ip(), self.destination.ip()) {
            (IpAddr::V4(_), IpAddr::V4(_)) => IPV4_UDP,
            _ => IPV6_UDP,
        }
    }

    /// Writes the headers; `out` has exactly the room for them.
    ///
    /// The UDP checksum is zero ("none") for IPv4 and computed for IPv6, where a captured part is not enough to
    /// compute it and zero stands for that.
    #[inline]
    pub fn put_headers(&self, out: &mut [u8]) {
        let length = u16::try_from(self.original + 8).unwrap_or(0);
        match (self.source.ip(), self.destination.ip()) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let (ip, udp) = out.split_at_mut(IPV4_UDP - 8);
                ipv4(ip, source, destination, length);
                self.udp(udp, length);
            }
            (source, destination) => {
                let (ip, udp) = out.split_at_mut(IPV6_UDP - 8);
                ipv6(ip, to_v6(source), to_v6(destination), length);
                self.udp(udp, length);
                if self.payload.len() == self.original {
                    let checksum = udp_checksum(out, self.payload, length);
                    out[46..48].copy_from_slice(&checksum.to_be_bytes());
                }
            }
        }
    }

    fn udp(&self, out: &mut [u8], length: u16) {
        let (source, destination) = (self.source.port(), self.destination.port());
        put32(out, 0, u32::from(source) << 16 | u32::from(destination));
        put32(out, 4, u32::from(length) << 16);
    }
}

fn put32(out: &mut [u8], at: usize, word: u32) {
    out[at..at + 4].copy_from_slice(&word.to_be_bytes());
}

fn to_v6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

/// Whole words only, and the checksum of the values: reading back what was just written would make the processor
/// wait, for each packet.
fn ipv4(out: &mut [u8], source: Ipv4Addr, destination: Ipv4Addr, udp_length: u16) {
    let length = u32::from(udp_length.saturating_add(20));
    let words = [
        0x4500 << 16 | length,
        0x4000, // do not fragment
        64 << 24 | u32::from(UDP) << 16,
        source.to_bits(),
        destination.to_bits(),
    ];
    let checksum = !fold(words.iter().map(|word| u64::from(*word)).sum());
    for (index, word) in words.into_iter().enumerate() {
        put32(out, 4 * index, word);
    }
    put32(out, 8, words[2] | u32::from(checksum));
}

fn ipv6(out: &mut [u8], source: Ipv6Addr, destination: Ipv6Addr, udp_length: u16) {
    put32(out, 0, 0x60 << 24);
    put32(
        out,
        4,
        u32::from(udp_length) << 16 | u32::from(UDP) << 8 | 64,
    );
    out[8..24].copy_from_slice(&source.octets());
    out[24..40].copy_from_slice(&destination.octets());
}

/// RFC 8200 section 8.1: over both addresses, the length, the protocol, the UDP header and the payload.
fn udp_checksum(headers: &[u8], payload: &[u8], udp_length: u16) -> u16 {
    let pseudo = sum(&headers[8..]) + u64::from(udp_length) + u64::from(UDP);
    match !fold(pseudo + sum(payload)) {
        0 => 0xffff,
        checksum => checksum,
    }
}

fn sum(data: &[u8]) -> u64 {
    let words = data.chunks_exact(4);
    let rest = words.remainder();
    let whole: u64 = words
        .map(|word| u64::from(u32::from_be_bytes([word[0], word[1], word[2], word[3]])))
        .sum();
    let mut last = [0; 4];
    last[..rest.len()].copy_from_slice(rest);
    whole + u64::from(u32::from_be_bytes(last))
}

fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

/// Why a captured packet is not IP and UDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotUdp {
    Short { needed: usize, got: usize },
    Version(u8),
    Protocol(u8),
    Fragment,
}

impl fmt::Display for NotUdp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short { needed, got } => {
                write!(formatter, "IP and UDP need {needed} bytes, got {got}")
            }
            Self::Version(version) => write!(formatter, "IP version is {version}"),
            Self::Protocol(protocol) => write!(formatter, "IP protocol {protocol} is not UDP"),
            Self::Fragment => write!(formatter, "an IP fragment"),
        }
    }
}

impl std::error::Error for NotUdp {}

/// Reads a raw IP packet that may have been captured in part. IPv6 extension headers are not followed.
pub fn parse(data: &[u8]) -> Result<Datagram<'_>, NotUdp> {
    let (source, destination, rest) = match data.first().map(|first| first >> 4) {
        Some(4) => parse_ipv4(data)?,
        Some(6) => parse_ipv6(data)?,
        Some(version) => return Err(NotUdp::Version(version)),
        None => return Err(NotUdp::Short { needed: 20, got: 0 }),
    };
    let (udp, after) = rest.split_at_checked(8).ok_or(NotUdp::Short {
        needed: data.len() - rest.len() + 8,
        got: data.len(),
    })?;
    let port = |at: usize| u16::from_be_bytes([udp[at], udp[at + 1]]);
    let original = usize::from(port(4)).saturating_sub(8);
    Ok(Datagram {
        source: SocketAddr::new(source, port(0)),
        destination: SocketAddr::new(destination, port(2)),
        payload: &after[..after.len().min(original)],
        original,
    })
}

type Network<'a> = (IpAddr, IpAddr, &'a [u8]);

fn parse_ipv4(data: &[u8]) -> Result<Network<'_>, NotUdp> {
    let length = usize::from(data[0] & 0x0f).max(5) * 4;
    let (head, rest) = split(data, length)?;
    if head[9] != UDP {
        return Err(NotUdp::Protocol(head[9]));
    }
    if u16::from_be_bytes([head[6], head[7]]) & 0x3fff != 0 {
        return Err(NotUdp::Fragment);
    }
    let address = |at: usize| IpAddr::from([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    Ok((address(12), address(16), rest))
}

fn parse_ipv6(data: &[u8]) -> Result<Network<'_>, NotUdp> {
    let (head, rest) = split(data, 40)?;
    if head[6] != UDP {
        return Err(NotUdp::Protocol(head[6]));
    }
    let address = |at: usize| {
        let mut octets = [0; 16];
        octets.copy_from_slice(&head[at..at + 16]);
        IpAddr::from(octets)
    };
    Ok((address(8), address(24), rest))
}

fn split(data: &[u8], length: usize) -> Result<(&[u8], &[u8]), NotUdp> {
    data.split_at_checked(length).ok_or(NotUdp::Short {
        needed: length,
        got: data.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_headers(datagram: &Datagram<'_>) -> Vec<u8> {
        let mut headers = vec![0xaa; datagram.headers_length()];
        datagram.put_headers(&mut headers);
        [&headers, datagram.payload].concat()
    }

    fn packet(source: &str, destination: &str, payload: &[u8]) -> Vec<u8> {
        let datagram = Datagram {
            source: source.parse().unwrap(),
            destination: destination.parse().unwrap(),
            payload,
            original: payload.len(),
        };
        with_headers(&datagram)
    }

    #[test]
    fn ipv4_bytes_are_known() {
        let data = packet("192.0.2.1:5000", "198.51.100.7:40000", b"hi");
        assert_eq!(
            data,
            [
                0x45, 0, 0, 30, 0, 0, 0x40, 0, 64, 17, 0x4e, 0x93, 192, 0, 2, 1, 198, 51, 100,
                7, // IP
                0x13, 0x88, 0x9c, 0x40, 0, 10, 0, 0, // UDP
                b'h', b'i',
            ]
        );
    }

    #[test]
    fn ipv4_header_sums_to_ones() {
        let data = packet("10.1.2.3:4", "10.255.254.253:65535", &[0; 160]);
        assert_eq!(fold(sum(&data[..20])), 0xffff);
    }

    #[test]
    fn ipv6_checksum_verifies() {
        for length in 0..300 {
            let payload: Vec<u8> = (0..length).map(|index| index as u8).collect();
            let data = packet("[2001:db8::1]:5000", "[2001:db8::2]:40000", &payload);
            let pseudo = sum(&data[8..40]) + (length as u64 + 8) + 17;
            assert_eq!(
                fold(pseudo + sum(&data[40..48]) + sum(&payload)),
                0xffff,
                "{length}"
            );
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for (source, destination) in [
            ("192.0.2.1:5000", "198.51.100.7:40000"),
            ("[2001:db8::1]:1", "[::1]:65535"),
        ] {
            let data = packet(source, destination, b"payload");
            let datagram = parse(&data).unwrap();
            assert_eq!(datagram.source.to_string(), source);
            assert_eq!(datagram.destination.to_string(), destination);
            assert_eq!((datagram.payload, datagram.original), (&b"payload"[..], 7));
        }
    }

    #[test]
    fn a_part_keeps_the_original_length() {
        let payload = [7; 100];
        let datagram = Datagram {
            source: "[2001:db8::1]:5000".parse().unwrap(),
            destination: "[2001:db8::2]:40000".parse().unwrap(),
            payload: &payload,
            original: 9_000,
        };
        let data = with_headers(&datagram);
        assert_eq!(parse(&data), Ok(datagram));
    }

    #[test]
    fn mixed_families_become_ipv6() {
        let data = packet("192.0.2.1:5000", "[2001:db8::2]:40000", b"x");
        assert_eq!(
            parse(&data).unwrap().source.to_string(),
            "[::ffff:192.0.2.1]:5000"
        );
    }

    #[test]
    fn truncation_at_each_length() {
        for (whole, head) in [
            (packet("192.0.2.1:5000", "198.51.100.7:40000", b"four"), 28),
            (packet("[2001:db8::1]:5", "[2001:db8::2]:4", b"four"), 48),
        ] {
            for length in 0..head {
                assert!(
                    matches!(parse(&whole[..length]), Err(NotUdp::Short { .. })),
                    "{length}"
                );
            }
            for length in head..=whole.len() {
                assert_eq!(
                    parse(&whole[..length]).unwrap().payload.len(),
                    length - head
                );
            }
        }
    }

    #[test]
    fn other_packets_are_refused() {
        let mut data = packet("192.0.2.1:5000", "198.51.100.7:40000", b"x");
        data[9] = 6;
        assert_eq!(parse(&data), Err(NotUdp::Protocol(6)));
        data[9] = 17;
        data[6] = 0x20;
        assert_eq!(parse(&data), Err(NotUdp::Fragment));
        data[0] = 0x55;
        assert_eq!(parse(&data), Err(NotUdp::Version(5)));
    }
}
